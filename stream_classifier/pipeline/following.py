"""What of a partition's assignment is on its way to the broker, and will be remembered when it is there."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from stream_classifier.core.finished_map import Mark
from stream_classifier.core.journey import Partition
from stream_classifier.core.updates import Last, TicketName


@dataclass(slots=True, eq=False)
class Leaving:
    """A ticket on its way. `event` is what is remembered once the broker has it; None: not handed over."""

    name: TicketName
    event: Last | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Following:
    """A partition's `Follower`. `out` takes each ticket whose event the broker has, `trust` each commit.

    `since_ms` says since when (ms since the epoch) what is remembered of the partition may be believed; None:
    not looked up yet. Once `gone`, another assignment has begun; what is acknowledged then is remembered all
    the same."""

    partition: Partition
    out: "Callable[[Following, Leaving], None]"
    trust: "Callable[[Following, Mark], None]"
    since_ms: int | None
    gone: bool = False
    records: dict[int, list[Leaving]] = field(default_factory=dict)  # by offset

    def buried(self, offset: int) -> None:
        """A dead letter says nothing to those who read labels: whatever follows is published."""
        for leaving in self.records.get(offset, ()):
            if leaving.event is not None:
                leaving.event = replace(leaving.event, state=None)

    def acknowledged(self, offsets: Collection[int]) -> None:
        """The broker has all that these records became."""
        if self.records:
            for offset in offsets:
                for leaving in self.records.pop(offset, ()):
                    self.out(self, leaving)

    def committed(self, mark: Mark) -> None:
        """The group has this commit, and all that it says is done has been remembered before."""
        self.trust(self, mark)
