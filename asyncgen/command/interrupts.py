"""Ctrl-C in a command that makes nothing itself: it ends by way of its `finally` blocks, or is told and ends others."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupts_raised() -> Iterator[None]:
    """Inside, a signal raises KeyboardInterrupt; a second one is ignored while the first is being obeyed."""
    signals = [each for each in SIGNALS if signal.getsignal(each) not in (signal.SIG_IGN, None)]
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


@contextlib.contextmanager
def interrupts_counted() -> Iterator[Callable[[], int]]:
    """How many signals there were; a third one raises KeyboardInterrupt."""
    count = 0
    signals = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]

    def interrupt(*_: object) -> None:
        nonlocal count
        count += 1
        if count > 2:  # noqa: PLR2004
            raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in signals}
    try:
        yield lambda: count
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
