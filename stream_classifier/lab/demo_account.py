"""The demo's account: every record that came in has come out, and once.

It is kept by offset, from what stands in the topics. Nothing that the service counts of itself has a part in
it. An offset takes one byte, so that a demo that is left running stays small.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST = 255  # what a byte holds; a record that came out so often is wrong by any count


@dataclass(slots=True)
class Account:
    """By partition of the input topic: how far its records were read, and how often each has come out."""

    _ends: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    _times: dict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))

    def came_in(self, partition: int, offset: int) -> None:
        """The input topic holds this record, and so all before it."""
        self._ends[partition] = max(self._ends[partition], offset + 1)

    def came_out(self, partition: int, offset: int) -> None:
        """A label, a review or a dead letter names this record as its source."""
        times = self._times[partition]
        times.extend(bytes(max(offset + 1 - len(times), 0)))
        times[offset] = min(times[offset] + 1, MOST)

    @property
    def records(self) -> int:
        """How many came in."""
        return sum(self._ends.values())

    @property
    def missing(self) -> int:
        """How many of them have not come out."""
        return self.missing_before(self._ends)

    @property
    def surplus(self) -> int:
        """How much came out besides: a second time, or for a record that never came in."""
        return sum(sum(times) for times in self._times.values()) - (self.records - self.missing)

    def missing_before(self, offsets: Mapping[int, int]) -> int:
        """How many records below these offsets, by partition, have not come out."""
        return sum(
            max(offset - len(times), 0) + times.count(0, 0, offset)
            for times, offset in ((self._times[partition], offset) for partition, offset in offsets.items())
        )
