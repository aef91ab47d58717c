"""What unit tests may rely on where time is concerned."""

import asyncio
import itertools
import time
from collections.abc import Coroutine

import pytest

from tests.unit.conftest import MAX_JUMPS, JumpingLoop, NeverReadyError

HOUR_S = 3600.0


async def forever() -> None:
    await asyncio.Event().wait()


async def poll_forever() -> None:
    for _ in itertools.count():
        await asyncio.sleep(1)


async def open_a_socket() -> None:
    await asyncio.open_connection("127.0.0.1", 9)


def run(coroutine: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(coroutine)


async def test_an_hour_passes_at_once() -> None:
    loop, started = asyncio.get_running_loop(), time.monotonic()
    before = loop.time()
    await asyncio.sleep(HOUR_S)
    assert loop.time() == pytest.approx(before + HOUR_S)
    assert time.monotonic() - started < 1


async def test_timers_fire_in_the_order_of_their_times() -> None:
    fired: list[float] = []

    async def fire_after(wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        fired.append(wait_s)

    async with asyncio.TaskGroup() as group:
        for wait_s in (HOUR_S, 0.001, 60.0):
            group.create_task(fire_after(wait_s))
    assert fired == [0.001, 60.0, HOUR_S]


async def test_a_timeout_cancels_what_never_ends() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(forever(), HOUR_S)


async def test_work_in_a_thread_is_waited_for_while_the_clock_stands_still() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    async with asyncio.timeout(HOUR_S):
        assert await asyncio.to_thread(sum, [1, 2, 3]) == 6
    assert loop.time() == before


def test_waiting_for_what_nobody_will_do_fails_at_once() -> None:
    with pytest.raises(NeverReadyError, match="no timer is set"):
        run(forever())


def test_polling_for_what_never_comes_fails() -> None:
    with pytest.raises(NeverReadyError, match=str(MAX_JUMPS)):
        run(poll_forever())


def test_a_socket_is_refused_with_the_place_where_such_a_test_belongs() -> None:
    with pytest.raises(NeverReadyError, match="tests/journey"):
        run(open_a_socket())
