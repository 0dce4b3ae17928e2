import asyncio

import pytest

from asyncgen.errors import FatalError, NoMoneyError
from asyncgen.stop import Stop


def test_a_stop_keeps_its_first_reason() -> None:
    stop, first = Stop(), NoMoneyError("first")
    assert not stop.is_set()
    stop.request(first)
    stop.request(FatalError("second"))
    stop.request()
    assert stop.is_set()
    assert stop.error is first


def test_a_person_gives_no_reason_and_a_later_error_does_not_replace_that() -> None:
    stop = Stop()
    stop.request()
    stop.request(FatalError("later"))
    assert stop.is_set()
    assert stop.error is None


def test_a_stop_made_before_the_loop_wakes_all_who_wait() -> None:
    stop = Stop()

    async def scenario() -> None:
        waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(stop.sleep(3600))]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        stop.request()
        await asyncio.gather(*waiting)

    asyncio.run(scenario())


def test_a_sleep_ends_when_its_time_is_over() -> None:
    async def scenario() -> None:
        stop = Stop()
        await stop.sleep(0)
        await stop.sleep(0.001)
        assert not stop.is_set()

    asyncio.run(scenario())


def test_a_sleep_after_a_stop_is_none() -> None:
    async def scenario() -> None:
        stop = Stop()
        stop.request()
        await stop.sleep(3600)

    asyncio.run(scenario())


def test_a_sleep_that_is_cancelled_is_not_taken_for_one_that_is_over() -> None:
    async def scenario() -> None:
        sleeping = asyncio.create_task(Stop().sleep(3600))
        await asyncio.sleep(0)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping

    asyncio.run(scenario())
