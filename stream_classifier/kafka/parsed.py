"""A session's records are those of the client's parser. The client makes another object of each, which
costs as much as all else that it does with a record.

aiokafka has no place for this, so `hand_out_parsed` puts a class of ours where its fetcher looks for its own.
What decides which records come (aborted transactions, control batches, positions, checksums) stays the
client's. A consumer says by its `value_deserializer` that it wants them so; every other one gets what it
always did.

A parsed record has an offset, a timestamp (and its type), key, value and headers (a list). It does not know
its topic and partition: `getmany` tells them of all.
"""

from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords


def as_parsed(value: bytes | None) -> bytes | None:
    """As a consumer's `value_deserializer`: hand out the parser's own records. Values stay as they are."""
    return value


def hand_out_parsed() -> None:
    """From now on consumers of this process may ask for it."""
    aiokafka.consumer.fetcher.PartitionRecords = Fetched


class Fetched(PartitionRecords):  # type: ignore[misc]
    """What an answer of the broker holds of one partition."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        if self._value_deserializer is as_parsed:
            self._consumer_record = _itself

    def __iter__(self) -> Iterator[Any]:
        return iter(self._records_iterator or ())  # the generator itself: nothing comes between


def _itself(_tp: TopicPartition, record: Any) -> Any:
    return record
