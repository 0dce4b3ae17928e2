"""The offline engine as a user starts it, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def served(*flags: str) -> Iterator[str]:
    """The address of `asyncgen serve` with these flags, until the block ends or this process does."""
    words = [sys.executable, "-m", "asyncgen", "serve", "--exit-with-stdin", *flags]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine:
        if engine.stdin is None or engine.stdout is None:
            raise RuntimeError("started without pipes")
        try:
            yield engine.stdout.readline().strip().removesuffix("/v1")
        finally:
            engine.stdin.close()
