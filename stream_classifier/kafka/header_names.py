"""Records whose headers' names are no UTF-8 are read all the same.

Kafka says that a header's name is text, and checks it nowhere: clients that take bytes (in Go, in C) write
what they are given. aiokafka raises `UnicodeDecodeError` for such a name, on every try: one record would hold
up its partition for good. Here its batch is read again, slowly, with U+FFFD for what cannot be read of the
name. Under that name it is published, since the producer can write no other; its value is untouched.

aiokafka has no place for this, so `accept_any_header_name` puts a class of ours where its fetcher looks for
its own. Nothing changes for other batches, but that each is parsed in one go.
"""

from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def accept_any_header_name() -> None:
    """From now on every consumer of this process reads them."""
    aiokafka.consumer.fetcher.MemoryRecords = Batches


class Batches(_MemoryRecordsPy):  # type: ignore[misc]
    """The batches of one partition in a broker's answer."""

    def next_batch(self) -> Any:
        """The next batch; None at the end."""
        raw = self._next_slice
        batch = super().next_batch()
        return Batch(batch, raw) if hasattr(batch, "is_control_batch") else batch


class Batch:
    """A batch as aiokafka reads it, until a header's name cannot be read."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return _read_slowly(self._raw)


class _Forgiving(bytearray):
    """Bytes whose parts, as text, have U+FFFD for what is no UTF-8."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Forgiving(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


def _read_slowly(raw: memoryview) -> Iterator[Any]:
    """The records by aiokafka's parser in Python, over our bytes."""
    batch = _DefaultRecordBatchPy(raw)
    batch._maybe_uncompress()  # noqa: SLF001
    batch._buffer = _Forgiving(batch._buffer)  # noqa: SLF001
    yield from batch
