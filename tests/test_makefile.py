"""The virtual environment that make makes, with pythons that only do as if: no package is fetched here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READY = Path(".venv/.ready-to-run")

# What stands in for python3: the environment it makes holds a python that can or cannot run pip.
WHOLE = """\
#!/bin/sh
if [ "$2" = venv ]; then
    [ "$3" = --clear ] && rm -rf "$4"
    mkdir -p "$4/bin" && cp "%(inner)s" "$4/bin/python"
    exit %(status)d
fi
"""
WITH_PIP = "#!/bin/sh\nexit 0\n"
WITHOUT_PIP = "#!/bin/sh\necho 'No module named pip' >&2; exit 1\n"


def program(name: str, text: str) -> Path:
    path = Path(name).absolute()
    path.write_text(text)
    path.chmod(0o755)
    return path


def make(python: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", str(READY), f"PYTHON={python}"], capture_output=True, text=True, check=False)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return program("whole", WHOLE % {"inner": program("with-pip", WITH_PIP), "status": 0})


@pytest.mark.parametrize("status", [0, 1], ids=["says nothing", "fails"])
def test_a_python_that_makes_half_an_environment_leaves_none_and_is_told_about(whole: Path, status: int) -> None:
    half = program("half", WHOLE % {"inner": program("without-pip", WITHOUT_PIP), "status": status})
    failed = make(half)
    assert failed.returncode != 0
    assert "sudo apt install python3-venv" in failed.stdout
    assert not Path(".venv").exists()
    assert make(whole).returncode == 0
    assert READY.exists()


def test_half_an_environment_that_is_there_already_is_made_anew(whole: Path) -> None:
    """As a Ctrl-C, or an older Makefile, leaves it."""
    Path(".venv/bin").mkdir(parents=True)
    program(".venv/bin/python", WITHOUT_PIP)
    assert make(whole).returncode == 0
    assert READY.exists()


def test_a_whole_environment_is_kept(whole: Path) -> None:
    assert make(whole).returncode == 0
    Path(".venv/mine").touch()
    READY.unlink()
    assert make(whole).returncode == 0
    assert Path(".venv/mine").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(whole: Path) -> None:
    assert make(whole).returncode == 0
    Path(".venv/bin/python").unlink()
    Path(".venv/bin/python").symlink_to("/nowhere/python3.11")
    assert make(whole).returncode == 0
    assert Path(".venv/bin/python").exists()
    assert "is up to date" in make(whole).stdout


def test_an_old_python_is_named_before_anything_is_made(whole: Path) -> None:
    old = program("old", "#!/bin/sh\nexit 1\n")
    failed = make(old)
    assert failed.returncode != 0
    assert "needs Python 3.11 or newer" in failed.stdout
    assert not Path(".venv").exists()
    assert whole.exists()


TOLD = """\
#!/bin/sh
printf '[%s]' "$@"; printf '\\n<%s>' "$ASYNCGEN_COMMAND"
"""


@pytest.mark.parametrize(
    ("words", "given", "again"),
    [
        ([], "--num][1000", "make generate N=1000"),
        (["N=5", "ARGS=--seed 3 --show"], "--num][5][--seed][3][--show", "make generate N=5 ARGS='--seed 3 --show'"),
        (
            ["RECIPE=my  recipe", "OUT=it's; x", "KNOWLEDGE=~/a b"],
            "--num][1000][--output][it's; x][--recipe][my  recipe][--knowledge][/home/me/a b",
            r"make generate N=1000 OUT='it'\''s; x' RECIPE='my  recipe' KNOWLEDGE=~/'a b'",
        ),
    ],
)
def test_a_value_is_one_word_and_the_line_that_goes_on_is_one_to_type(
    whole: Path, words: list[str], given: str, again: str
) -> None:
    assert make(whole).returncode == 0
    program(".venv/bin/python", TOLD)
    READY.touch()
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    home = {**surroundings, "HOME": "/home/me"}  # of no other make, which would be told of
    done = subprocess.run(["make", "generate", *words], capture_output=True, text=True, check=True, env=home)
    assert done.stdout == f"[-m][asyncgen][generate][{given}]\n<{again}>"
