"""People's corrections, read from their topic before work is taken, and followed from then on.

Rules
-----
* Nothing is taken before the topic was read to the end that it had then (`until_read`), or is not there.
* Where it cannot be read any more, what was read stays in force, and it is tried again.
* It is read anew into a table of its own, which takes the other's place when it is whole: never is a
  correction out of force for a moment, and one that was taken back meanwhile is gone.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from aiokafka.errors import KafkaError

from stream_classifier.core import measures
from stream_classifier.core.correction import NotACorrection, Refusal
from stream_classifier.core.corrections import Corrections
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.broker_faults import broker_fault
from stream_classifier.kafka.credentials import Credentials
from stream_classifier.kafka.overrides_topic import (
    FromStart,
    Record,
    find_overrides_topic,
    open_from_start,
)
from stream_classifier.kafka.rights import Operation
from stream_classifier.kafka.topic_rules import Topic

log = structlog.get_logger(__name__)

LOOK_S = 15.0  # a topic that was made while we run is noticed within this; each look is a few connections
RETRY_S = 5.0
AGAIN_S = 1.0  # before a topic that has changed is read anew; brokers may not be at one about it yet


Refused = Mapping[bytes | None, tuple[NotACorrection, int]]
"""By key, what was refused and its offset."""


@dataclass(slots=True, kw_only=True)
class CorrectionsReader:
    """Keeps `corrections` as the topic has them; `changed` is told of each change, and `now` is the loop's
    clock in seconds."""

    credentials: Credentials
    corrections: Corrections
    changed: Callable[[], None]
    tally: Tally
    now: Callable[[], float]
    _read: asyncio.Event = field(default_factory=asyncio.Event)
    _missing: bool = False

    def __post_init__(self) -> None:
        self.tally.gauge(measures.OVERRIDES, lambda: {(): len(self.corrections)})
        self.tally.gauge(measures.DISAGREEMENTS, self.corrections.disagreements)

    async def until_read(self) -> None:
        """Wait until everything was read that was there at the start."""
        await self._read.wait()

    async def run(self) -> None:
        """Read and follow, for as long as the process lives."""
        while True:
            try:
                topic = await find_overrides_topic(self.credentials.settings, Operation.READ)
                self._tell_missing(topic is None)
                if topic is None:
                    self._read.set()
                    wait_s = LOOK_S
                else:
                    await self._follow(topic)
                    wait_s = AGAIN_S
            except (OperatorFault, KafkaError, OSError) as error:
                wait_s = RETRY_S
                log.warning("overrides_unread", detail=self._sentence(error), retry_after_s=wait_s)
            await asyncio.sleep(wait_s)

    def _sentence(self, error: Exception) -> str:
        fault = error if isinstance(error, OperatorFault) else broker_fault(error, self.credentials.settings)
        return fault.sentence if fault is not None else type(error).__name__

    def _tell_missing(self, missing: bool) -> None:
        """Once, when it is not there; what was read of one that is gone stays in force."""
        if missing and not self._missing:
            log.info("overrides_missing", topic=self.credentials.settings.overrides_topic)
        self._missing = missing

    async def _follow(self, topic: Topic) -> None:
        """Until the topic or our login is another one. Raises aiokafka's errors."""
        began, changes = self.now(), self.credentials.changes
        async with open_from_start(self.credentials.client, topic) as reading:
            fresh, refused = await self._whole(reading)
            if not reading.caught_up:
                return
            self.corrections.adopt(fresh)
            self._tell_read(refused, self.now() - began)
            self._read.set()
            self.changed()
            while self.credentials.changes == changes and not reading.stale:
                records = await reading.poll()
                self._tell_missing(reading.gone)
                for record in records:
                    self._take(record)
                if records:
                    self.changed()

    async def _whole(self, reading: FromStart) -> tuple[Corrections, Refused]:
        """The table as the topic has it now, and of each key whose last record is refused, why."""
        fresh = self.corrections.anew()
        refused: dict[bytes | None, tuple[NotACorrection, int]] = {}
        while not (reading.caught_up or reading.stale or reading.gone):
            for record in await reading.poll():
                refused.pop(record.key, None)
                try:
                    fresh.take(record.key, record.value)
                except NotACorrection as fault:
                    refused[record.key] = fault, record.offset
        return fresh, refused

    def _tell_read(self, refused: Refused, took_s: float) -> None:
        reasons = Counter(fault.reason for fault, _ in refused.values())
        orphans = reasons[Refusal.OTHER_DIGEST]
        log.info(
            "overrides_read",
            in_force=len(self.corrections),
            refused=reasons.total() - orphans,
            orphaned=orphans,
            took_s=round(took_s, 2),
        )
        if orphans:
            self.tally.add(measures.OVERRIDES_REFUSED, Refusal.OTHER_DIGEST, n=orphans)
            log.warning("overrides_orphaned", orphaned=orphans, prefix=self.corrections.prefix)
        for fault, offset in refused.values():
            if fault.reason is not Refusal.OTHER_DIGEST:
                self._tell_refused(fault, offset)

    def _take(self, record: Record) -> None:
        try:
            place = self.corrections.take(record.key, record.value)
        except NotACorrection as fault:
            self._tell_refused(fault, record.offset)
        else:
            log.info("override_taken", text_digest=place.digest, taken_back=record.value is None)

    def _tell_refused(self, fault: NotACorrection, offset: int) -> None:
        self.tally.add(measures.OVERRIDES_REFUSED, fault.reason)
        log.warning("override_refused", reason=fault.reason, text_digest=fault.digest, offset=offset)
