"""Who follows a partition is told of dead letters, acknowledgements and commits, when they are sure."""

from collections.abc import Collection
from dataclasses import dataclass, field

import orjson

from stream_classifier.core.finished_map import Mark
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.items import Items


@dataclass(slots=True)
class Told:
    """A follower that notes what it is told."""

    of: list[tuple[str, object]] = field(default_factory=list)

    def buried(self, offset: int) -> None:
        self.of.append(("buried", offset))

    def acknowledged(self, offsets: Collection[int]) -> None:
        self.of.append(("acknowledged", sorted(offsets)))

    def committed(self, mark: Mark) -> None:
        self.of.append(("committed", mark))


def test_an_event_that_becomes_a_dead_letter_is_told_and_one_that_only_shrinks_is_not() -> None:
    told = Told()
    partition = Partition(topic="tickets", number=0, ledger=Ledger(start=0), follower=told)
    items = Items(
        input_topic="tickets",
        output_topic="labels",
        dead_letter_topic="dead",
        partitions=lambda _: 1,
        tally=Tally(),
    )
    source = {"topic": "tickets", "partition": 0, "offset": 7}
    item = items.event(partition, None, b"k", orjson.dumps({"source": source}), [("a", b"header")])
    items.make_smaller(item)
    assert told.of == []
    items.make_smaller(item)
    assert (told.of, item.topic) == ([("buried", 7)], "dead")
