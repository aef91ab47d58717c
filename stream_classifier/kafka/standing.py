"""Where the group stands on the input topic, seen from outside: nobody joins, and nothing is committed."""

from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_classifier.core.start_position import Start, StartPosition, start_position
from stream_classifier.kafka.broker_faults import broker_faults
from stream_classifier.kafka.committed import committed_marks
from stream_classifier.kafka.connection import client_kwargs
from stream_classifier.settings.kafka import Kafka

REQUEST_S = 5.0  # a broker answers in milliseconds; the client would try again for 40 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One partition: its first and next offsets, where the group would begin and why, and whether it holds a
    record that is dated later than asked for."""

    number: int
    begin: int
    end: int
    committed: int | None
    start: StartPosition
    dated_later: bool

    @property
    def lag(self) -> int:
        """How many offsets lie before the end."""
        return max(self.end - self.start.offset, 0)

    @property
    def removed(self) -> int:
        """How many offsets retention took away before they were labelled."""
        if self.committed is None or self.start.why is not Start.EXPIRED:
            return 0
        return self.begin - self.committed


async def standings(kafka: Kafka, partitions: int, later_than_ms: int) -> list[Standing]:
    """All partitions of the input topic, which must exist. Raises `OperatorFault`."""
    tps = [TopicPartition(kafka.input_topic, number) for number in range(partitions)]
    client = client_kwargs(kafka) | {"request_timeout_ms": round(REQUEST_S * 1000)}
    with broker_faults(kafka):
        marks = await committed_marks(client, kafka.group_id, tps)
        async with AIOKafkaConsumer(**client, enable_auto_commit=False) as consumer:
            begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
            later = await consumer.offsets_for_times(dict.fromkeys(tps, later_than_ms))
    committed = {tp: offset if offset >= 0 else None for tp, (offset, _) in marks.items()}
    earliest = kafka.auto_offset_reset == "earliest"
    return [
        Standing(
            number=tp.partition,
            begin=begins[tp],
            end=ends[tp],
            committed=committed[tp],
            start=start_position(committed[tp], begins[tp], ends[tp], earliest=earliest),
            dated_later=later.get(tp) is not None,
        )
        for tp in tps
    ]
