"""The program: what `asyncgen`, `python -m asyncgen` and so `make generate` run."""

import signal
from typing import NoReturn


def script() -> NoReturn:
    # Ctrl-C in the tenths of a second that the imports take would leave a trace, or be lost in one of their callbacks.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from asyncgen.command.main import script as begin  # noqa: PLC0415 - what it imports takes them

    begin()


if __name__ == "__main__":
    script()
