"""Processor time of two ways to do the same work, in short slices in turn.

Rules
-----
* Only the processor time of this thread counts: what other processes take of the machine does not, nor the
  time that passes. What remains of them, slower memory and a lower clock, meets both slices of a pair.
* The one that comes first in a pair comes second in the next: what a slice leaves behind meets both.
* A side may take time off its slice that is not its work (a simulated provider's).
* The collector of garbage rests meanwhile: it would strike now one side and now the other.
* The median over pairs is compared: one that was disturbed says nothing.
"""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

import yaml

ALLOWED = Path(__file__).with_name("allowed.yaml")
WARM_UP = 5  # slices of each: memory fills, and the interpreter specialises its code


class Side(Protocol):
    """One way to do the work."""

    async def prepare(self) -> None:
        """Make ready what the next slice works on: not counted."""

    async def run(self) -> float:
        """Do a slice. Returned are the seconds of processor time in it that are not its own work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Processor time of a slice of each, in seconds."""

    ours_s: float
    theirs_s: float

    @property
    def ratio(self) -> float:
        """Ours as a multiple of theirs."""
        return self.ours_s / self.theirs_s


async def compare(ours: Side, theirs: Side, pairs: int) -> list[Pair]:
    """Both in turn, after a warm-up of each."""
    for _ in range(WARM_UP):
        await _pair(ours, theirs, ours_first=True)
    with _garbage_left():
        return [await _pair(ours, theirs, ours_first=number % 2 == 0) for number in range(pairs)]


def allowed(name: str) -> float:
    """The most that this ratio may be. Raises KeyError for one that is not known."""
    return float(yaml.safe_load(ALLOWED.read_text("utf-8"))[name]["at_most"])


def measured(name: str) -> Sequence[float]:
    """The least, the median and the most of the comparisons that this was had from."""
    return [float(ratio) for ratio in yaml.safe_load(ALLOWED.read_text("utf-8"))[name]["measured"]]


def middle(pairs: Sequence[Pair]) -> float:
    """The ratio that is held against what is allowed."""
    return median(pair.ratio for pair in pairs)


async def _pair(ours: Side, theirs: Side, *, ours_first: bool) -> Pair:
    if ours_first:
        ours_s, theirs_s = await _slice_s(ours), await _slice_s(theirs)
    else:
        theirs_s, ours_s = await _slice_s(theirs), await _slice_s(ours)
    return Pair(ours_s=ours_s, theirs_s=theirs_s)


async def _slice_s(side: Side) -> float:
    await side.prepare()
    began_s = time.thread_time()
    not_its_own_s = await side.run()
    return time.thread_time() - began_s - not_its_own_s


@contextmanager
def _garbage_left() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
