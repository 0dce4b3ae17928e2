"""Places and the queue in front of them, without a socket."""

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st

from asyncgen.offline.capacity import Capacity
from asyncgen.offline.knobs import Knobs
from asyncgen.offline.ledger import Ledger
from asyncgen.offline.turns import Turns


class Room:
    """Callers that take a turn and hold it until told to leave; `served` is the order in which they began."""

    def __init__(self, places: int) -> None:
        self.ledger = Ledger()
        self._turns = Turns(Capacity(Knobs(max_concurrent=places, queue=True), self.ledger))
        self._leaves: dict[int, asyncio.Event] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.served: list[int] = []

    async def enter(self, *names: int) -> None:
        for name in names:
            self._leaves[name] = asyncio.Event()
            self._tasks[name] = asyncio.ensure_future(self._hold(name))
            await asyncio.sleep(0)

    async def leave(self, name: int) -> None:
        self._leaves[name].set()
        await self._tasks[name]
        await asyncio.sleep(0)

    def leave_and_cancel(self, leaving: int, cancelled: int) -> asyncio.Task[None]:
        """One hands its place over, and the one that gets it is cancelled before it can run."""
        self._leaves[leaving].set()
        self._tasks[leaving].add_done_callback(lambda _: self._tasks[cancelled].cancel())
        return self._tasks[cancelled]

    async def cancel(self, name: int) -> None:
        self._tasks[name].cancel()
        await asyncio.wait({self._tasks[name]})
        await asyncio.sleep(0)

    async def _hold(self, name: int) -> None:
        async with self._turns.taken():
            self.served.append(name)
            await self._leaves[name].wait()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def test_those_who_wait_are_served_in_order_of_arrival() -> None:
    async def test() -> None:
        room = Room(2)
        await room.enter(1, 2, 3, 4)
        assert room.served == [1, 2]
        await room.leave(2)
        await room.enter(5)
        assert room.served == [1, 2, 3]
        await room.leave(1)
        await room.leave(3)
        assert room.served == [1, 2, 3, 4, 5]
        assert room.ledger.most_in_flight == 2

    run(test)


def test_one_that_gives_up_in_the_queue_is_passed_over() -> None:
    async def test() -> None:
        room = Room(1)
        await room.enter(1, 2, 3)
        await room.cancel(2)
        await room.leave(1)
        assert room.served == [1, 3]
        assert room.ledger.in_flight == 1

    run(test)


def test_a_place_handed_to_one_that_is_just_then_cancelled_goes_on_to_the_next() -> None:
    async def test() -> None:
        room = Room(1)
        await room.enter(1, 2, 3)
        await asyncio.wait({room.leave_and_cancel(1, cancelled=2)})
        await asyncio.sleep(0)
        assert 3 in room.served
        assert room.ledger.in_flight == 1

    run(test)


@given(st.integers(1, 4), st.lists(st.tuples(st.booleans(), st.integers(0, 11)), max_size=30))
def test_no_place_is_lost_or_taken_twice_however_they_leave(places: int, steps: list[tuple[bool, int]]) -> None:
    async def test() -> None:
        room = Room(places)
        await room.enter(*range(12))
        staying = list(range(12))
        for is_cancelled, pick in steps:
            if not staying:
                break
            name = staying[pick % len(staying)]
            if is_cancelled:
                await room.cancel(name)
            elif name in room.served:
                await room.leave(name)
            else:
                continue
            staying.remove(name)
            assert room.ledger.in_flight == min(places, len(staying))
        for name in staying:
            await room.cancel(name)
        assert room.ledger.in_flight == 0
        assert room.ledger.most_in_flight == places

    run(test)
