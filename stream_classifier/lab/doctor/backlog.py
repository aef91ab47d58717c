"""Where the group stands on the input topic, and when its tickets are dated."""

import time
from collections.abc import Iterable, Iterator

from stream_classifier.core.start_position import Start
from stream_classifier.kafka.rights import Operation, Right
from stream_classifier.kafka.standing import Standing, standings
from stream_classifier.kafka.topic_rules import Topic
from stream_classifier.lab.doctor.checks import Check, Line, not_checked, note, ok
from stream_classifier.lab.doctor.holdings import Holdings, may_read, topic_check
from stream_classifier.settings.kafka import Kafka

OFFSETS, TICKET_CLOCK = "offsets", "clock of tickets"
SKEW_S = 60.0  # clocks that are set by NTP differ by milliseconds; messages are delayed by seconds


class Backlog:
    """The input topic, as the group has it; `readable` once it was looked at."""

    def __init__(self, kafka: Kafka, holdings: Holdings) -> None:
        self._kafka = kafka
        self._holdings = holdings
        self.readable: Topic | None = None

    def checks(self) -> Iterator[Check]:
        """Offsets and dates: one look."""
        kafka = self._kafka
        read_tickets = Right(Operation.READ, "topic", kafka.input_topic)
        needs = [topic_check(kafka.input_topic), str(read_tickets), str(may_read(kafka))]
        yield Check(name=OFFSETS, run=self._look, needs=needs)

    async def _look(self) -> Iterable[Line]:
        kafka = self._kafka
        topic = self._holdings.topics[kafka.input_topic]
        found = await standings(kafka, topic.partitions, round((time.time() + SKEW_S) * 1000))
        self.readable = topic
        return [self._lag(found), *_losses(found), _dates(found)]

    def _lag(self, found: list[Standing]) -> Line:
        lag = sum(standing.lag for standing in found)
        new = [standing for standing in found if standing.start.why is Start.RESET]
        behind = f"{lag:,} behind the end" if lag else "nothing is waiting"
        if len(new) == len(found):
            begins = f"{self._kafka.group_id} has committed nothing and begins at the {self._where()}"
            return ok(OFFSETS, f"{begins}: {behind}.")
        more = f"; {len(new)} partitions without a commit begin at the {self._where()}" if new else ""
        return ok(OFFSETS, f"{self._kafka.group_id}: {behind}{more}.")

    def _where(self) -> str:
        return "first record" if self._kafka.auto_offset_reset == "earliest" else "end (auto_offset_reset)"


def _losses(found: list[Standing]) -> Iterator[Line]:
    if removed := sum(standing.removed for standing in found):
        yield note(
            OFFSETS,
            f"Retention removed {removed:,} records before they were labelled, and nothing brings them back: "
            "raise retention.ms or retention.bytes of the input topic.",
        )
    beyond = [str(standing.number) for standing in found if standing.start.why is Start.BEYOND_END]
    if beyond:
        yield note(
            OFFSETS,
            f"What is committed lies behind the end of partitions {', '.join(beyond)}: the topic was made "
            "anew, and is read as kafka.auto_offset_reset says.",
        )


def _dates(found: list[Standing]) -> Line:
    if all(standing.begin == standing.end for standing in found):
        return not_checked(TICKET_CLOCK, "The input topic is empty.")
    late = [str(standing.number) for standing in found if standing.dated_later]
    if not late:
        return ok(TICKET_CLOCK, "No ticket is dated later than this machine's clock.")
    return note(
        TICKET_CLOCK,
        f"Partitions {', '.join(late)} hold tickets dated more than {SKEW_S:.0f} s after this machine's "
        "clock: their latency is told as 0; set the clock of this machine, or of whoever writes them.",
    )
