"""What a run was asked to do: flags, then the environment, then `.env`, then defaults, read once into frozen values.

Nothing else reads the environment or the argument namespace. `.env` is looked up from the working directory upwards
and read without changing the environment, so that keys reach no child process by accident.
"""

import argparse
import os
import re
import shlex
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dotenv import dotenv_values, find_dotenv

from asyncgen.audit.rules import find_wrong_names
from asyncgen.endpoint.address import CUSTOM_KEY
from asyncgen.endpoint.presets import OFFLINE, Endpoint, other_key, read_headers, resolve_endpoint
from asyncgen.endpoint.settings import Override, parse_param, request_settings
from asyncgen.errors import ConfigError
from asyncgen.money.price import Price
from asyncgen.output.paths import OutputPaths, belongs_to_output, is_same_path
from asyncgen.pacing.rates import Rates
from asyncgen.recipe.load import load_recipe
from asyncgen.run.config import GenerateConfig, RequestConfig
from asyncgen.timings import USUAL, Timings

# Believed from the environment alone: a `.env` in a cloned folder must not say what a user is told to type.
_NEVER_FROM_FILE = frozenset({"ASYNCGEN_COMMAND"})
# Other programs read the endpoint's address from these.
_FOREIGN_ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
# With the blank before it, which under make is quoted by a backslash.
_OVERWRITE = re.compile(r"""(?:\\?\s|(?<=[='"]))--overwrite(?=\\?\s|['"]|$)""")


def read_environment() -> dict[str, str]:
    """The environment over `.env`. Raises ConfigError when `.env` cannot be read."""
    from_file: Mapping[str, str | None] = {}
    path, problem = "", None
    try:
        path = find_dotenv(usecwd=True)
        if path:
            from_file = dotenv_values(path)
    except OSError as error:
        problem = error.strerror
    except UnicodeDecodeError:
        problem = "not UTF-8"
    if problem:  # raised out here because a decoding error carries the whole file, keys and all
        raise ConfigError(f"{path or '.env'}: cannot be read: {problem}")
    believed = ((name, value) for name, value in from_file.items() if name not in _NEVER_FROM_FILE)
    return {name: value for name, value in (*believed, *os.environ.items()) if value and value.strip()}


def read_generate_config(
    flags: argparse.Namespace, environment: Mapping[str, str], command: str, timings: Timings = USUAL
) -> GenerateConfig:
    """Raises ConfigError for flags, recipe, key or address that cannot be used. `command`: the line as typed."""
    if flags.append and flags.overwrite:
        raise ConfigError("--append keeps what is there and --overwrite sets it aside: give one of them")
    request = read_request_config(flags, environment)
    endpoint = request.endpoint
    if not endpoint.is_offline:  # which needs no key, so that a run without any is whole
        address, insecure_http = endpoint.base_url, flags.insecure_http
        headers = read_headers(request.recipe.headers, address, environment, insecure_http=insecure_http)
        endpoint = replace(endpoint, headers=headers)
        request = replace(request, endpoint=endpoint)
    endpoint.check_key()
    if endpoint.is_offline and flags.provider is None and (flag := _flag_that_means_a_model(flags)):
        raise ConfigError(
            f"{flag}: no key is set, and the offline engine is no model. {_how_to_get_a_model(environment)}"
        )
    if request.budget is not None and request.price is None and not endpoint.provider.reports_cost:
        raise ConfigError(
            f"--budget: {endpoint.provider.name} reports no cost, so nothing can be counted: give --price-in and "
            "--price-out (US dollars a million tokens), or leave --budget out"
        )
    output = flags.output or request.default_output
    _check_roles(output, flags.log, request.recipe.files)
    return GenerateConfig(
        request=request,
        output=output,
        timeout=flags.timeout,
        retries=flags.retries,
        reasks=flags.reasks,
        grace=flags.grace,
        give_up=flags.give_up,
        adaptive=not flags.no_adaptive,
        rates=Rates(flags.rpm, flags.tpm),
        save_metadata=flags.save_metadata,
        append=flags.append,
        overwrite=flags.overwrite,
        allow_changed=flags.allow_changed,
        show=flags.show,
        log=flags.log,
        quiet=flags.quiet,
        debug=flags.debug,
        # Going on must not set aside what there is to go on with.
        continue_command=_OVERWRITE.sub("", environment.get("ASYNCGEN_COMMAND", command)),
        notices=[*request.recipe.warnings, *_notices(flags, endpoint, environment)],
        timings=timings,
    )


def read_request_config(flags: argparse.Namespace, environment: Mapping[str, str]) -> RequestConfig:
    """The part of the flags that `generate` and `plan` share; planning needs no key. Raises ConfigError."""
    recipe = load_recipe(flags.recipe, knowledge=flags.knowledge, check_audit=find_wrong_names)
    endpoint = resolve_endpoint(flags.provider, flags.base_url, environment, insecure_http=flags.insecure_http)
    overrides: list[Override] = [parse_param(text) for text in flags.param]
    if flags.temperature is not None:
        overrides.append(Override(("temperature",), flags.temperature))
    if flags.model is not None:
        overrides.append(Override(("model",), flags.model))
    return RequestConfig(
        recipe=recipe,
        endpoint=endpoint,
        settings=request_settings(recipe.request, endpoint.provider.fields, overrides),
        seed=flags.seed,
        num=flags.num,
        concurrency=flags.concurrency,
        budget=flags.budget,
        price=_read_price(flags),
    )


def _read_price(flags: argparse.Namespace) -> Price | None:
    if flags.price_in is None and flags.price_out is None and flags.price_cached is None:
        return None
    if flags.price_in is None or flags.price_out is None:
        raise ConfigError("--price-in and --price-out are given together; --price-cached is for cached input tokens")
    return Price.per_million(input=flags.price_in, output=flags.price_out, cached=flags.price_cached)


def _flag_that_means_a_model(flags: argparse.Namespace) -> str | None:
    """A flag that makes sense only where a model is paid for, as it was given."""
    values = {
        "--model": flags.model,
        "--budget": flags.budget,
        "--price-in": flags.price_in,
        "--price-out": flags.price_out,
        "--price-cached": flags.price_cached,
    }
    return next((f"{flag} {value}" for flag, value in values.items() if value is not None), None)


def _check_roles(output: Path, log: Path | None, read: Sequence[Path]) -> None:
    """What is written is nothing else that the run reads or writes, by whatever name."""
    paths = OutputPaths.of(output)
    for path in read:
        if paths.owns(path):
            raise ConfigError(f"--output: {output} would be written over {path}, which the recipe is read from")
        if log is not None and is_same_path(log, path):
            raise ConfigError(f"--log: {log} is what the recipe is read from; choose another name")
    if log is not None and (paths.owns(log) or belongs_to_output(log)):
        raise ConfigError(f"--log: {log} belongs to an output; choose another name")


def _notices(flags: argparse.Namespace, endpoint: Endpoint, environment: Mapping[str, str]) -> list[str]:
    notices = _unused_address(flags, endpoint, environment)
    if not endpoint.is_offline:
        file = find_dotenv(usecwd=True) if endpoint.key or endpoint.headers else ""
        if file and Path(file).stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            what = f"{file} holds keys and can be read by other users of this machine"
            notices.append(f"{what}: chmod 600 {shlex.quote(file)}")
        return notices
    if flags.provider == OFFLINE:
        return []
    notice = (
        "NO KEY, OFFLINE ENGINE: no OPENROUTER_API_KEY is set, so the built-in offline engine answers. It quotes the "
        "knowledge base; it is not a model and costs nothing."
    )
    return [*notices, f"{notice} {_how_to_get_a_model(environment)}"]


def _unused_address(flags: argparse.Namespace, endpoint: Endpoint, environment: Mapping[str, str]) -> list[str]:
    """Whoever has set an address for other programs may think that it is asked here, too; a key must not follow it."""
    if flags.base_url is not None or flags.provider not in (None, "openai"):
        return []
    name = next((each for each in _FOREIGN_ADDRESSES if environment.get(each)), None)
    if name is None or environment[name].rstrip("/") == endpoint.base_url:
        return []
    return [f'{name} is set and not used: --base-url "${name}" asks that address, with the key of {CUSTOM_KEY}']


def _how_to_get_a_model(environment: Mapping[str, str]) -> str:
    if other := other_key(environment):
        return f"{other.key_variable} is set: --provider {other.name} uses it."
    if environment.get(CUSTOM_KEY):
        return f"{CUSTOM_KEY} is set: --base-url URL uses it."
    return "For a model, put OPENROUTER_API_KEY=... into the environment or .env, or name a --provider or --base-url."
