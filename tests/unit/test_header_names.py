"""A header's name that is no text must not hold up its partition (`kafka/header_names.py`)."""

import aiokafka.consumer.fetcher
import pytest
from aiokafka.record.memory_records import MemoryRecords

from stream_classifier.kafka.header_names import Batches, accept_any_header_name
from tests.brokers.raw_batch import NO_TEXT_READ, STAND_IN, Headers, raw_batch

BAD: Headers = [("trace", b"1"), (STAND_IN, b"\xff"), ("none", None)]
READ = (("trace", b"1"), (NO_TEXT_READ, b"\xff"), ("none", None))

Read = list[tuple[int, bytes, tuple[tuple[str, bytes | None], ...]]]


def read(raw: bytes, batches: type = Batches) -> Read:
    """Offset, value and headers of each record, and batch by batch as the fetcher takes them."""
    left, found = batches(raw), []
    while left.has_next():
        found += [(r.offset, r.value, tuple(r.headers)) for r in left.next_batch()]
    return found


def test_the_client_itself_cannot_read_it() -> None:
    """Where this fails, `header_names` is needed no more."""
    with pytest.raises(UnicodeDecodeError):
        read(raw_batch((b"v", BAD)), MemoryRecords)


@pytest.mark.parametrize("compress", [False, True])
def test_the_record_is_read_with_a_mark_for_what_is_no_text(compress: bool) -> None:
    assert read(raw_batch((b"v", BAD), compress=compress)) == [(0, b"v", READ)]


@pytest.mark.parametrize("compress", [False, True])
def test_those_before_and_behind_it_are_read_once_and_as_they_are(compress: bool) -> None:
    own: Headers = [("ü", b"2")]
    raw = raw_batch((b"a", own), (b"b", BAD), (b"c", own), (b"d", BAD), (b"e", ()), compress=compress)
    assert read(raw) == [
        (0, b"a", (*own,)),
        (1, b"b", READ),
        (2, b"c", (*own,)),
        (3, b"d", READ),
        (4, b"e", ()),
    ]


def test_other_batches_are_read_as_by_the_client() -> None:
    raw = raw_batch((b"a", [("h", b"1")]), (b"b", ())) + raw_batch((b"c", [("h", None)]))
    assert read(raw) == read(raw, MemoryRecords)


def test_a_consumer_s_fetcher_reads_by_it() -> None:
    accept_any_header_name()
    assert aiokafka.consumer.fetcher.MemoryRecords is Batches
