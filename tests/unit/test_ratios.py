"""What the service spends on a ticket has not grown: processor time as a multiple of a baseline's."""

import asyncio
import sys
import time
from dataclasses import dataclass

import pytest

from benchmarks.ratios import pairs
from benchmarks.ratios.measure import PATHS, Path, compare
from benchmarks.ratios.pairs import Pair, Side

WORK = range(20_000)  # some hundred microseconds
not_while_traced = pytest.mark.skipif(
    sys.gettrace() is not None, reason="coverage traces the service's lines and not the baseline's"
)


@dataclass(slots=True)
class Working:
    """Does the same work so many times a slice, and says that some of it is not its own."""

    times: int = 1
    not_its_own: int = 0

    async def prepare(self) -> None:
        return

    async def run(self) -> float:
        for _ in range(self.times):
            sum(WORK)
        began_s = time.thread_time()
        for _ in range(self.not_its_own):
            sum(WORK)
        return time.thread_time() - began_s


@dataclass(slots=True)
class Doubled:
    """A path whose cost has doubled: each slice is worked through, and another one."""

    side: Side

    async def prepare(self) -> None:
        return

    async def run(self) -> float:
        not_its_own_s = 0.0
        for _ in range(2):
            await self.side.prepare()
            not_its_own_s += await self.side.run()
        return not_its_own_s


async def ratio(path: Path) -> float:
    return pairs.middle(await compare(path))


async def doubled_ratio(path: Path) -> float:
    async with path.sides() as (ours, theirs):
        return pairs.middle(await pairs.compare(Doubled(ours), theirs, path.pairs // 2))


@not_while_traced
@pytest.mark.parametrize("name", PATHS)
def test_a_ticket_costs_no_more_than_is_allowed(name: str) -> None:
    assert asyncio.run(ratio(PATHS[name])) <= pairs.allowed(name)


@not_while_traced
@pytest.mark.parametrize("name", PATHS)
def test_a_path_whose_cost_has_doubled_is_caught(name: str) -> None:
    assert asyncio.run(doubled_ratio(PATHS[name])) > pairs.allowed(name)


def test_work_that_is_done_twice_counts_twice() -> None:
    found = asyncio.run(pairs.compare(Working(times=2), Working(), 20))
    assert pairs.middle(found) == pytest.approx(2, rel=0.25)


def test_work_that_is_not_its_own_does_not_count() -> None:
    found = asyncio.run(pairs.compare(Working(not_its_own=3), Working(), 20))
    assert pairs.middle(found) == pytest.approx(1, rel=0.25)


def test_one_disturbed_pair_says_nothing() -> None:
    steady = [Pair(ours_s=1.2, theirs_s=1.0)] * 3
    assert pairs.middle([*steady, Pair(ours_s=9.0, theirs_s=1.0)]) == 1.2


def test_a_ratio_that_nobody_has_allowed_is_no_ratio() -> None:
    with pytest.raises(KeyError):
        pairs.allowed("nothing")


@pytest.mark.parametrize("name", PATHS)
def test_what_is_allowed_leaves_room_for_noise_and_none_for_a_doubled_cost(name: str) -> None:
    least, middle, most = pairs.measured(name)
    assert least <= middle <= most
    assert 1.2 * most < pairs.allowed(name) < 1.6 * middle
