"""A run that takes money and pace from a pool: it says what it uses and is told what it may, by a line each a second.

Whoever has started it is at the other end of its standard input, a socket. A run that gets no answer goes on with what
it has: money until that is used, a pace for some seconds. It stops when there is nobody any more who could answer.
"""

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from asyncgen.errors import BudgetSpentError, ConfigError, FatalError
from asyncgen.money.price import ZERO
from asyncgen.output.paths import OutputPaths
from asyncgen.pacing.rates import Rates
from asyncgen.runs.open import Beside
from asyncgen.runs.run import Run
from asyncgen.shards.pool import SPENT, TAKEN, Grant, Use
from asyncgen.threads import thread_beside

EVERY = 1.0  # seconds from an answer to the next question
PACED = 8.0  # seconds after a question in which a pace that it has brought is kept; see TERM of the pool
PATIENCE = 300.0  # seconds without an answer
LOST = "the pool of money and pace does not answer any more; the same line goes on"
OVERTAKEN = "another asyncgen ray --pool makes these shards: leave them to it, or stop it and type this again"


class PoolLostError(FatalError):
    """Nobody says what may be used; whoever has started it may do so again later."""

    reason = "pool"
    exit_status = 4


@contextlib.contextmanager
def pooled(
    beside: Beside, shard: int, rates: Rates, paths: OutputPaths, say: Callable[[str], None]
) -> Iterator[Callable[[Run], None]]:
    """For the length of a run, and of what else goes on `beside` it. `rates`: of all shards together."""
    with contextlib.ExitStack() as stack:
        follow = stack.enter_context(beside(paths, say))
        try:
            channel = stack.enter_context(socket.socket(fileno=os.dup(0)))
        except OSError as error:
            raise ConfigError(
                f"--pooled: nobody is there to ask over standard input ({error.strerror}); asyncgen ray --pool starts "
                "shards so"
            ) from error
        member = _Member(channel, shard, rates)

        def follow_both(run: Run) -> None:
            follow(run)
            member.follow(run)

        with member.kept_up():
            yield follow_both


class _Member:
    """Asks, in a thread of its own, and tells the run what is answered."""

    def __init__(self, channel: socket.socket, shard: int, rates: Rates) -> None:
        self._channel = channel
        self._answers = channel.makefile("rb")
        self._shard = shard
        self._rates = rates
        self._run_id = uuid.uuid4().hex
        self._is_new = True
        self._paced_until = 0.0
        self._run: Run | None = None

    def follow(self, run: Run) -> None:
        limit = run.counts.account.limit
        run.allow(None if limit is None else ZERO, self._rates, until=0.0)
        self._run = run

    @contextlib.contextmanager
    def kept_up(self) -> Iterator[None]:
        """Raises OutOfMemoryError when there is no thread to ask with."""
        try:
            with thread_beside("pool", self._go_on, patience=PACED):
                yield
        finally:
            if (run := self._run) is not None:
                with contextlib.suppress(OSError):
                    self._say(msgspec.structs.replace(self._use(run), has_ended=True))

    def _go_on(self, ended: threading.Event) -> None:
        heard = time.monotonic()
        while not ended.wait(EVERY):
            if (run := self._run) is None or (use := run.ask_from_thread(partial(self._use, run), EVERY)) is None:
                continue
            asked = time.monotonic()
            line = b""
            with contextlib.suppress(OSError):
                self._say(use)
                line = self._answers.readline()
            if line.strip():
                heard = asked
                run.call_from_thread(partial(self._take, run, msgspec.json.decode(line, type=Grant), asked))
            elif not line or asked - heard > PATIENCE:
                run.call_from_thread(partial(run.stop.request, PoolLostError(LOST)))
                return

    def _say(self, use: Use) -> None:
        self._channel.sendall(msgspec.json.encode(use) + b"\n")

    def _use(self, run: Run) -> Use:
        """In the thread of the run. One that starves gives back what does not pay for a call."""
        account = run.counts.account
        if is_starved := run.budget.is_starved:
            run.budget.allow(account.committed)
        return Use(
            shard=self._shard,
            run=self._run_id,
            is_new=self._is_new,
            limit=account.limit or ZERO,
            used=account.committed + account.reserved,
            call=max((each.held or ZERO for each in account.tariffs), default=ZERO),
            rates=self._rates if time.monotonic() < self._paced_until else Rates(),
            is_starved=is_starved,
        )

    def _take(self, run: Run, told: Grant, asked: float) -> None:
        self._is_new = False
        if told.rates is not None:
            self._rates, self._paced_until = told.rates, asked + PACED
        run.allow(told.limit, told.rates, asked + PACED)
        if told.end == SPENT:
            run.stop.request(BudgetSpentError(run.counts.account.explain_no_room()))
        elif told.end == TAKEN:
            run.stop.request(FatalError(OVERTAKEN))
