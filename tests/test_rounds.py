"""What goes on for ever outlives its failures, and ends when it is asked to."""

import asyncio
import logging

import pytest

from app.rounds import pause, repeat

LOG = logging.getLogger("throughcare.rounds")


def test_a_time_that_fails_is_told_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop = asyncio.Event()
    times: list[int] = []

    async def work() -> None:
        times.append(len(times))
        if len(times) == 1:
            raise ValueError
        if len(times) == 3:
            stop.set()

    asyncio.run(repeat(work, stop, interval=0.0, log=LOG, failed="it did not work"))
    assert times == [0, 1, 2]
    assert [one.message for one in caplog.records] == ["it did not work"]


def test_whoever_pauses_is_woken_by_the_wish_to_stop() -> None:
    async def both() -> None:
        stop = asyncio.Event()
        pausing = asyncio.create_task(pause(stop, 60))
        await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(pausing, 5)

    asyncio.run(both())
