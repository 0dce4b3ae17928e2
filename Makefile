# Each target makes the virtual environment and installs what it needs, when that is missing or older than
# pyproject.toml. Nothing but Python 3.11+ and make has to be there.

PYTHON ?= python3
VENV := .venv
RUN_READY := $(VENV)/.ready-to-run
DEV_READY := $(VENV)/.ready-to-develop

N ?= 1000
# One word of the shell, whatever is in it, with ~/ for the home of who types it; ARGS alone are several.
quoted = $(subst '~/,~/','$(subst ','\'',$(1))')
GENERATE_FLAGS = --num $(call quoted,$(N)) \
	$(if $(CONCURRENCY),--concurrency $(call quoted,$(CONCURRENCY))) \
	$(if $(OUT),--output $(call quoted,$(OUT))) \
	$(if $(MODEL),--model $(call quoted,$(MODEL))) \
	$(if $(RECIPE),--recipe $(call quoted,$(RECIPE))) \
	$(if $(KNOWLEDGE),--knowledge $(call quoted,$(KNOWLEDGE))) \
	$(if $(PROVIDER),--provider $(call quoted,$(PROVIDER))) \
	$(ARGS)

.PHONY: help generate test coverage lint types check check-trainers pages bench bench-peers bench-limits bench-audit bench-batches fuzz torture torture-batches torture-slurm torture-ray torture-storage clean
.DEFAULT_GOAL := help

help:
	@echo "make generate N=20000   make conversations (also CONCURRENCY= OUT= MODEL= RECIPE= KNOWLEDGE= PROVIDER= ARGS=)"
	@echo "make test               run the quick tests, in a minute or two"
	@echo "make coverage           run all tests, the slow ones too, and name the lines and branches that none of them runs"
	@echo "make check              lint, types and coverage: what has to pass"
	@echo "make check-trainers     what export writes, read by the code of trainers (TORCH=yes: and trained on, some gigabytes)"
	@echo "make pages              write the page of all commands from their help texts"
	@echo "make bench              speed and memory, beside a bare loop and simple clients (also BENCH=--long)"
	@echo "make bench-peers        the same, beside litellm and curator too"
	@echo "make bench-limits       how well the adaptive limit finds what an endpoint can take (some minutes)"
	@echo "make bench-audit        what an audit costs a line; how fast and how surely near-duplicates are found"
	@echo "make bench-batches      what a conversation made in batches takes of this machine, beside a live call"
	@echo "make torture            kill a run 500 times and look at what is left (some minutes; also KILLS=)"
	@echo "make torture-batches    the same at every step of a batch (some 20 minutes; also KILLS=)"
	@echo "make torture-storage    shards in object storage, on machines that are lost, overtaken and cut off (some 20 minutes; also STORAGE='--blows 200')"
	@echo "make torture-slurm      shards on a Slurm of three nodes, interrupted in nine ways (Debian, root; also SLURM='--num 200000')"
	@echo "make torture-ray        shards on a Ray cluster, with workers, nodes and drivers killed at random (some minutes; also RAY='--num 200000')"
	@echo "make fuzz SECONDS=60    coverage-guided fuzzing of every reader, so long each"
	@echo "make clean              remove the virtual environment and caches; data/ stays"

# The command that goes on after a stop is a make line again, so the program is told which.
SETTINGS = CONCURRENCY OUT MODEL RECIPE KNOWLEDGE PROVIDER ARGS
GIVEN = $(strip $(foreach name,$(SETTINGS),$(if $($(name)),$(name))))
generate: export ASYNCGEN_COMMAND = make generate N=$(N)$(if $(GIVEN), $(foreach name,$(GIVEN),$(name)=$(call quoted,$($(name)))))
# A variable that is not read here would be dropped without a word: n=5 would make a thousand.
UNREAD = $(strip $(foreach name,$(filter-out N $(SETTINGS) PYTHON VENV SHELL MAKEFLAGS,$(.VARIABLES)),\
	$(if $(filter command,$(origin $(name))),$(name)=)))
generate: $(if $(filter generate,$(MAKECMDGOALS)),$(if $(UNREAD),\
	$(error make generate does not know $(UNREAD): it takes $(foreach name,N $(SETTINGS),$(name)=), in capitals)))
generate: $(RUN_READY)
	@exec $(VENV)/bin/python -m asyncgen generate $(GENERATE_FLAGS)

test: $(DEV_READY)
	$(VENV)/bin/python -m pytest -m "not slow and not trainers"

coverage: $(DEV_READY)
	$(VENV)/bin/python -m pytest -m "not trainers" --hypothesis-profile thorough --cov

lint: $(DEV_READY)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

types: $(DEV_READY)
	$(VENV)/bin/mypy

check: lint types coverage

# The code of trainers that can be had as packages. Those of the second group are taken without what they want, which is
# torch and nearly everything else; TORCH=yes brings it for those that cannot do without, and NANOCHAT= names a checkout.
TRAINERS := .venv-trainers
TORCH ?=
check-trainers: export NANOCHAT := $(NANOCHAT)
check-trainers:
	$(PYTHON) -m venv $(TRAINERS)
	$(TRAINERS)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(TRAINERS)/bin/python -m pip install --quiet --disable-pip-version-check --editable . --group dev --group trainers
	$(TRAINERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --group trainers-alone
	$(if $(TORCH),$(TRAINERS)/bin/python -m pip install --quiet --disable-pip-version-check --group trainers-torch)
	$(TRAINERS)/bin/python -m pytest -m trainers -rs -n 2 tests/export

pages: $(DEV_READY)
	$(VENV)/bin/python tests/commands_page.py

FUZZ_TARGETS = classifier reply line entry journal recipe prices
SECONDS ?= 60
fuzz: $(DEV_READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --group fuzz
	@for target in $(FUZZ_TARGETS); do \
		$(VENV)/bin/python tests/bench/fuzz.py $$target -max_total_time=$(SECONDS) || exit 1; \
	done

BENCH ?=
bench: $(DEV_READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --group bench
	$(VENV)/bin/python tests/bench/speed.py $(BENCH)

# The peers want versions of their own of nearly everything, so they get an environment of their own.
PEERS := .venv-peers
bench-peers: $(DEV_READY)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --group peers
	$(MAKE) bench BENCH="--peers $(PEERS) $(BENCH)"

bench-limits: $(DEV_READY)
	$(VENV)/bin/python tests/bench/limits.py
	$(VENV)/bin/python tests/bench/loopback.py

bench-audit: $(DEV_READY)
	$(VENV)/bin/python tests/bench/audit.py
	$(VENV)/bin/python tests/bench/near_duplicates.py

bench-batches: $(DEV_READY)
	$(VENV)/bin/python tests/bench/batches.py

KILLS ?= 500
torture: $(DEV_READY)
	$(VENV)/bin/python tests/bench/torture.py --kills $(KILLS)

torture-batches: $(DEV_READY)
	$(VENV)/bin/python tests/bench/batch_torture.py --kills $(KILLS)

SLURM ?=
torture-slurm: $(DEV_READY)
	$(VENV)/bin/python tests/bench/slurm_torture.py $(SLURM)

# Ray is 285 MB, so it gets an environment of its own.
RAY_VENV := .venv-ray
RAY ?=
torture-ray:
	$(PYTHON) -m venv $(RAY_VENV)
	$(RAY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[ray]'
	$(RAY_VENV)/bin/python tests/bench/ray_torture.py $(RAY)

STORAGE ?=
torture-storage: $(DEV_READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --group storage
	$(VENV)/bin/python tests/bench/storage_torture.py $(STORAGE)

clean:
	rm -rf $(VENV) $(PEERS) $(TRAINERS) $(RAY_VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* build dist

# Debian's python3 lacks what puts pip into an environment, and leaves one without: such a one is made anew, and so is
# one whose python is gone.
NO_PYTHON = $(if $(shell test -x $(VENV)/bin/python && echo there),,no-python)
.PHONY: no-python
no-python:

$(RUN_READY): pyproject.toml $(NO_PYTHON)
	@$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || { \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
			|| { echo "asyncgen needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }; \
		$(PYTHON) -m venv --clear $(VENV) && $(VENV)/bin/python -m pip --version >/dev/null \
			|| { rm -rf $(VENV); \
				echo "$(PYTHON) cannot make a virtual environment with pip (on Debian and Ubuntu:" \
					"sudo apt install python3-venv); then run make again"; \
				exit 1; }; }
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(DEV_READY): $(RUN_READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@
