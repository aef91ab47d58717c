"""A session's records come as the client's parser made them (`kafka/parsed.py`)."""

from dataclasses import dataclass

import aiokafka.consumer.fetcher
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

from stream_classifier.kafka.header_names import Batches
from stream_classifier.kafka.parsed import Fetched, as_parsed, hand_out_parsed
from tests.brokers.raw_batch import raw_batch

TP = TopicPartition("tickets", 0)


@dataclass
class Position:
    """Where the client stands in one partition, as its fetcher sees it."""

    position: int = 0
    paused: bool = False
    active: bool = True

    def state_value(self, tp: TopicPartition) -> "Position":
        return self

    def consumed_to(self, offset: int) -> None:
        self.position = offset


def fetched(raw: bytes, deserializer: object = as_parsed, cls: type = Fetched, begin: int = 0) -> FetchResult:
    """What the client keeps of a broker's answer."""
    records = cls(TP, Batches(raw), [], begin, None, deserializer, True, READ_COMMITTED)
    return FetchResult(TP, assignment=Position(begin), partition_records=records, backoff=0)


def offsets(result: FetchResult, at_most: int | None = None) -> list[int]:
    return [record.offset for record in result.getall(at_most)]


RAW = raw_batch(*((b"%d" % n, [("h", b"1")]) for n in range(5)))


def test_a_record_has_what_the_client_s_own_has() -> None:
    [own, *_] = fetched(RAW, None, PartitionRecords).getall()
    [parsed, *_] = fetched(RAW).getall()
    for name in ("offset", "timestamp", "key", "value"):
        assert getattr(parsed, name) == getattr(own, name)
    assert tuple(parsed.headers) == own.headers


def test_a_consumer_that_does_not_ask_for_it_gets_the_client_s_own() -> None:
    assert fetched(RAW, None).getall() == fetched(RAW, None, PartitionRecords).getall()


def test_several_polls_take_it_piece_by_piece_and_the_position_follows() -> None:
    result = fetched(RAW)
    seen = []
    while result.has_more() and (taken := offsets(result, 2)):
        seen.append((taken, result._assignment.position))
    assert seen == [([0, 1], 2), ([2, 3], 4), ([4], 5)]


def test_records_before_the_position_are_left_out() -> None:
    assert offsets(fetched(RAW, begin=3)) == [3, 4]


def test_a_batch_that_does_not_fit_its_checksum_is_refused_every_time() -> None:
    damaged = bytearray(RAW)
    damaged[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        offsets(fetched(bytes(damaged)))


def test_a_consumer_s_fetcher_reads_by_it() -> None:
    hand_out_parsed()
    assert aiokafka.consumer.fetcher.PartitionRecords is Fetched
