"""Ctrl-C in a command that runs nothing: it ends by way of its `finally` blocks, which remove half a file."""

import contextlib
import signal
from collections.abc import Iterator
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupts_raised() -> Iterator[None]:
    """Inside, a signal raises KeyboardInterrupt; a second one is ignored while the first is being obeyed."""
    signals = [each for each in _SIGNALS if signal.getsignal(each) not in (signal.SIG_IGN, None)]
    before = {each: signal.getsignal(each) for each in signals}

    def interrupt(*_: object) -> NoReturn:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
