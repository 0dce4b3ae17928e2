"""How a user starts this program again: the words that stand before a command in what he is told to type."""

import shlex
import shutil
import sys
from pathlib import Path

NAME = "asyncgen"


def program() -> str:
    """`asyncgen` where a shell finds this one, else its path: under make no virtual environment need be active."""
    started = Path(sys.argv[0])
    if started.parts[-2:] == (NAME, "__main__.py"):  # python -m
        started = Path(sys.executable).with_name(NAME)
        if not started.exists():
            return f"{_typed(Path(sys.executable))} -m {NAME}"
    elif started.name != NAME:  # called from another program
        return NAME
    found = shutil.which(NAME)
    return NAME if found is not None and Path(found).absolute() == started.absolute() else _typed(started)


def _typed(path: Path) -> str:
    path = path.absolute()
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path) if len(path.parts) > 1 else f"./{path}")
