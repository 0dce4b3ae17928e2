"""argv to exit status, and the one place where an error becomes a line on stderr.

A command is one file of this folder and its name in the list of commands.py.
"""

import contextlib
import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from asyncgen.command.commands import build_parser
from asyncgen.command.interrupts import SIGNALS
from asyncgen.command.parser import USAGE
from asyncgen.command.stderr import print_trace, say
from asyncgen.errors import AsyncgenError, FatalError
from asyncgen.program import program
from asyncgen.timings import USUAL, Timings

INTERRUPTED = 130
_EMPTY = re.compile(r"--[\w-]+=")


def main(argv: Sequence[str] | None = None, timings: Timings = USUAL) -> int:
    """Run one command and return its exit status: 0 done, 1 stopped, 2 usage, 3 some failed, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a Latin-1 terminal shows "?" where it has no character
    parser = build_parser()
    if fault := _find_unusable(argv):
        parser.error(fault)
    if not argv:
        parser.print_help(sys.stderr)
        return USAGE
    flags = parser.parse_args(argv)
    try:
        Path.cwd()
    except OSError as error:
        parser.error(f"the folder in which this is typed is gone ({error.strerror}): go to another one with cd")
    flags.timings = timings
    try:
        status: int = flags.run(flags, f"{program()} {shlex.join(argv)}")
    except AsyncgenError as error:
        if getattr(flags, "debug", False):
            print_trace(type(error), error, error.__traceback__)
        say(str(error), argv)
        return error.exit_status if isinstance(error, FatalError) else 1
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except MemoryError:
        say("there is not enough memory for this; free some, or raise its limit (ulimit -v)")
        return 1
    except OSError as error:
        _say_what_failed(error, argv)
        return 1
    return status


def _find_unusable(argv: Sequence[str]) -> str | None:
    """What is wrong with an argument that no command can use."""
    for before, argument in pairwise((program(), *argv)):
        if "\0" in argument:
            return "no argument can hold a NUL"
        if not argument or _EMPTY.fullmatch(argument):
            return f"nothing stands behind {argument or before}: is a variable of the shell not set?"
    return None


def _say_what_failed(error: OSError, argv: Sequence[str]) -> None:
    if error.filename is not None:
        say(f"{os.fsdecode(error.filename)}: {error.strerror}", argv)
        return
    # Without a file it is stdout, full or read by nobody. At exit it would complain again.
    sys.stdout = None
    if not isinstance(error, BrokenPipeError):
        say(f"standard output: {error.strerror}")


def script() -> NoReturn:
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # it was closed: the first file opened would be given its number, and prints would land in it
            os.open(os.devnull, os.O_RDWR)
    sys.excepthook = print_trace
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _end_at_once)
    raise SystemExit(main())


def _end_at_once(*_: object) -> NoReturn:
    """What a signal does outside a run: an exception could be raised again while the first is being reported."""
    with contextlib.suppress(OSError):
        os.write(2, b"asyncgen: interrupted\n")
    os._exit(INTERRUPTED)
