"""Where something is: a path on this machine, or an address in object storage; what is nearly one is refused."""

import argparse
import os
import re
from pathlib import Path

from asyncgen.shards.store import LIBRARIES

_MISTYPED = re.compile(rf"(?P<protocol>(?:{'|'.join(LIBRARIES)})(?=:|//)|[a-z][a-z\d+.-]+(?=:/))[:/]+", re.IGNORECASE)


def path_or_url(text: str) -> Path | str:
    """What is an address stays as it is; what lacks little of one is no path, for a folder would be called like it."""
    if "://" in text:
        return text
    if mistyped := _MISTYPED.match(text):
        meant = f"{mistyped['protocol'].lower()}://{text[mistyped.end() :]}"
        raise argparse.ArgumentTypeError(f"{text!r} is neither: {meant} is an address, ./{text} a path")
    if text == "-":
        raise argparse.ArgumentTypeError("expected a file's name: no pipe is read or written (a file - is ./-)")
    # Behind an equals sign a shell leaves ~ as it is. Path would raise where nobody knows the home.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def local_path(text: str) -> Path:
    """Where only what is on this machine will do."""
    path = path_or_url(text)
    if isinstance(path, str):
        raise argparse.ArgumentTypeError(f"expected a path on this machine, got {text!r}")
    return path
