"""What is known of the schemas: records wait until theirs is, and then are read.

Rules
-----
* Nothing waits on the hot path. `ready` says how many of a partition's records can be read now, and asks for
  what the others need; `run` fetches that, and the partition is read on.
* A schema never changes under its id, so it is fetched once and kept; the least used goes beyond `KEPT`.
* A registry that does not answer, refuses us or answers nonsense is asked again: no ticket becomes a dead
  letter by that.
* An id that the registry does not have is asked for twice, since a follower learns of new schemas a moment
  after its leader. Then values written by it are dead letters, until `MISSING_KEPT_S` have passed.
* Whoever may write to the topic can name ids that are not there, and each costs a partition a wait. So those
  of a whole poll are asked for side by side.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from cachetools import LRUCache

from stream_classifier.core import measures
from stream_classifier.core.formats.decode import decode
from stream_classifier.core.tally import Tally
from stream_classifier.registry.client import Reference, Registered, Unavailable
from stream_classifier.registry.forms import Reader, missing, reader_of, refusing
from stream_classifier.registry.wire import Headers, SchemaId, framed

log = structlog.get_logger(__name__)

KEPT = 1000  # a topic has as many as its producers have had versions; a parsed one takes some 10 KB
MISSING_KEPT = 10_000  # numbers alone
MISSING_KEPT_S = 60.0
ASK_AGAIN_S = 1.0  # a follower of a registry lags by less
AT_ONCE = 32  # requests side by side: few for a registry, and 500 made-up ids in a poll are through in 20 s
MAX_REFERENCES = 100  # a schema of a hundred files; beyond it they are after our time
FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 30.0
REMEDY = "What `detail` says. Records whose schema is not known wait; nothing is lost."


class Record(Protocol):
    """A polled record, as far as its schema goes."""

    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class Registry(Protocol):
    """Where schemas stand. Each raises `Unavailable`; None: it has none such."""

    async def schema(self, schema_id: SchemaId) -> Registered | None: ...
    async def version(self, reference: Reference) -> Registered | None: ...


@dataclass(slots=True)
class Schemas:
    """Reads values by their schemas. `now` is the loop's clock in seconds."""

    registry: Registry
    tally: Tally
    now: Callable[[], float]
    _readers: LRUCache[SchemaId, Reader] = field(default_factory=lambda: LRUCache(KEPT))
    _missing: dict[SchemaId, float] = field(default_factory=dict)  # and when it was told
    _wanted: dict[SchemaId, None] = field(default_factory=dict)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    _away_since: float | None = None

    @property
    def away_s(self) -> float:
        """For how long the registry has not answered as one; 0 where it does, or was not asked."""
        return 0.0 if self._away_since is None else self.now() - self._away_since

    def ready(self, records: Sequence[Record]) -> int:
        """How many of these, from the first on, can be read now. What the others need is fetched."""
        ready = len(records)
        for place, record in enumerate(records):
            frame = None if record.value is None else framed(record.value, record.headers)
            if frame is not None and not self._known(frame.schema_id):
                self._want(frame.schema_id)
                ready = min(ready, place)
        return ready

    def decode(self, value: bytes, headers: Headers) -> Any:
        """The JSON value in what `ready` has let through. Raises `NotATicket`."""
        frame = framed(value, headers)
        if frame is None:
            return decode(value)
        read = self._readers.get(frame.schema_id) or missing(frame.schema_id)
        return read(value[frame.start :])

    async def run(self) -> None:
        """Fetch what is asked for, for as long as the process lives."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            await self._asked.wait()
            if (fault := await self._fetch(list(self._wanted)[:AT_ONCE])) is None:
                self._tell_back()
                backoff_s = FIRST_BACKOFF_S
                continue
            self._tell_away(fault, backoff_s)
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, LAST_BACKOFF_S)

    def _known(self, schema_id: SchemaId) -> bool:
        if schema_id in self._readers:
            self._readers[schema_id]  # used: it is not the next to go
            return True
        told_at = self._missing.get(schema_id)
        if told_at is not None and self.now() - told_at > MISSING_KEPT_S:
            del self._missing[schema_id]
            return False
        return told_at is not None

    def _want(self, schema_id: SchemaId) -> None:
        self._wanted[schema_id] = None
        self._asked.set()

    async def _fetch(self, schema_ids: Sequence[SchemaId]) -> Unavailable | None:
        """Ask for these side by side; one of the faults, where there was any."""
        results = await asyncio.gather(*map(self._learn, schema_ids))
        if not self._wanted:
            self._asked.clear()
        return next((fault for fault in results if fault is not None), None)

    async def _learn(self, schema_id: SchemaId) -> Unavailable | None:
        try:
            schema = await self.registry.schema(schema_id)
            if schema is None:
                await asyncio.sleep(ASK_AGAIN_S)
                schema = await self.registry.schema(schema_id)
            reader = None if schema is None else await self._reader(schema_id, schema)
        except Unavailable as fault:
            self.tally.add(measures.SCHEMA_FETCHES, "failed")
            return fault
        self._keep(schema_id, reader)
        log.info("schema_fetched", schema_id=str(schema_id), kind=schema.kind if schema else None)
        self.tally.add(measures.SCHEMA_FETCHES, "missing" if schema is None else "fetched")
        return None

    def _keep(self, schema_id: SchemaId, reader: Reader | None) -> None:
        if reader is not None:
            self._readers[schema_id] = reader
        else:
            self._missing[schema_id] = self.now()
            if len(self._missing) > MISSING_KEPT:
                del self._missing[next(iter(self._missing))]
        self._wanted.pop(schema_id, None)

    async def _reader(self, schema_id: SchemaId, schema: Registered) -> Reader:
        """What reads by the schema, those that it names fetched. It may be large, and is parsed beside the
        loop."""
        named: dict[Reference, str] = {}
        if not await self._collect(schema.references, named, set()):
            return refusing(
                f"The schema {schema_id} names schemas that the registry does not have, or more than"
                f" {MAX_REFERENCES}: register them, and replay the record."
            )
        return await asyncio.to_thread(reader_of, schema_id, schema, list(named.values()))

    async def _collect(
        self, references: Sequence[Reference], named: dict[Reference, str], under_way: set[Reference]
    ) -> bool:
        """Fetch these and what they name, the innermost first. False where that cannot be."""
        for reference in references:
            if reference in named or reference in under_way:
                continue
            under_way.add(reference)
            found = await self.registry.version(reference) if len(under_way) <= MAX_REFERENCES else None
            if found is None or not await self._collect(found.references, named, under_way):
                return False
            named[reference] = found.text
        return True

    def _tell_away(self, fault: Unavailable, retry_after_s: float) -> None:
        if self._away_since is None:
            self._away_since = self.now()
        log.error(
            "schema_registry_away",
            detail=fault.sentence,
            remedy=REMEDY,
            retry_after_s=round(retry_after_s, 1),
        )

    def _tell_back(self) -> None:
        if self._away_since is not None:
            log.info("schema_registry_back", away_s=round(self.away_s, 1))
            self._away_since = None
