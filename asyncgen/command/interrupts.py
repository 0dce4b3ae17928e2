"""Ctrl-C in a command that makes nothing itself: it ends by way of its `finally` blocks, or is told and ends others."""

import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupts_raised() -> Iterator[None]:
    """Inside, a signal raises KeyboardInterrupt; a second one is ignored while the first is being obeyed."""
    signals = _heeded()

    def interrupt(*_: object) -> NoReturn:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    with _handled(signals, interrupt):
        yield


@contextlib.contextmanager
def interrupts_counted() -> Iterator[Callable[[], int]]:
    """How many signals there were; a third one raises KeyboardInterrupt."""
    count = 0

    def interrupt(*_: object) -> None:
        nonlocal count
        count += 1
        if count > 2:  # noqa: PLR2004
            raise KeyboardInterrupt

    with _handled(_heeded(), interrupt):
        yield lambda: count


def _heeded() -> list[signal.Signals]:
    """Those that nobody has had ignored, as nohup does, nor taken over outside of Python, which could not be undone."""
    return [each for each in SIGNALS if signal.getsignal(each) not in (signal.SIG_IGN, None)]


@contextlib.contextmanager
def _handled(signals: Iterable[signal.Signals], handler: Callable[..., object]) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in signals}
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)
