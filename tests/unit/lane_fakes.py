"""What stands at both ends of lanes and pipeline in their tests.

`ScriptedProvider` reads the prompt by its contract and answers rightly, or as its script says, after a
latency on the loop's clock. `RecordingOutbox` notes what is published and takes it as acknowledged.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from stream_classifier.core.call import Order, Outcome, RateHeaders, Signal, Usage
from stream_classifier.core.journey import Headers, OwnHeaders, Partition
from stream_classifier.core.prompt import CONSTANT_RECORD
from stream_classifier.lab.simulator.contract import Record as PromptRecord
from stream_classifier.lab.simulator.contract import parse_records

LABELS = ("bug", "feature", "other")
MODEL = "gpt-4o-mini"
LATENCY_S = 1.0


def label_of(text: str) -> str:
    """The right label of a text, in this world."""
    return LABELS[sum(text.encode()) % len(LABELS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One order, as the provider sees it; `began` on the loop's clock."""

    model: str
    records: tuple[PromptRecord, ...]
    began: float

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(record.text for record in self.records)

    @property
    def probe(self) -> bool:
        return self.texts == (CONSTANT_RECORD,)


def sizes(calls: Sequence[Call]) -> list[int]:
    """How many texts each of these calls held."""
    return [len(call.texts) for call in calls]


Script = Callable[[Call], Outcome | None]
"""What comes of a call; None: the right answer."""


def obliging(_call: Call) -> None:
    """Every call is answered rightly."""


@dataclass(slots=True, kw_only=True)
class ScriptedProvider:
    """A provider of one lane. `usage` is what it counted for the calls that came to their end."""

    script: Script = obliging
    latency_s: Callable[[Call], float] = lambda _: LATENCY_S
    calls: list[Call] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    under_way: int = 0

    @property
    def asked(self) -> list[Call]:
        """The calls without the probes."""
        return [call for call in self.calls if not call.probe]

    @property
    def texts(self) -> list[str]:
        """Every text that was asked, as often as it was."""
        return sorted(text for call in self.asked for text in call.texts)

    async def ask(self, order: Order) -> Outcome:
        now = asyncio.get_running_loop().time()
        call = Call(model=order.model, records=parse_records(order.user), began=now)
        assert call.records, "an order holds records in the contract's form"
        self.calls.append(call)
        outcome = self.script(call) or reply(call)
        self.under_way += 1
        try:
            await asyncio.sleep(self.latency_s(call))
        finally:
            self.under_way -= 1
        self.usage = together(self.usage, outcome.usage or Usage())
        return outcome


def reply(
    call: Call, *, signal: Signal = Signal.ANSWERED, change: Mapping[str, str | None] | None = None
) -> Outcome:
    """A reply with usage: right, but that for the texts in `change` something else is written after the
    check; nothing at all where that is None; with another check where it begins with one."""
    entries = {}
    for record in call.records:
        said: str | None = f"{record.check} {label_of(record.text)}"
        if change and record.text in change:
            said = change[record.text]
            if said is not None and not said[:2].isdigit():
                said = f"{record.check} {said}"
        if said is not None:
            entries[record.key] = said
    return Outcome(signal=signal, content=orjson.dumps(entries).decode(), usage=usage_of(call), status=200)


def usage_of(call: Call) -> Usage:
    """Odd numbers, which no number of texts divides evenly."""
    tokens_in = 101 + sum(2 * len(text) + 1 for text in call.texts)
    return Usage(tokens_in=tokens_in, tokens_out=8 * len(call.records) + 3, cached_in=64)


def failure(signal: Signal, *, status: int | None = None, retry_after_s: float | None = None) -> Outcome:
    """A call without a reply."""
    return Outcome(signal=signal, status=status, rate=RateHeaders(retry_after_s=retry_after_s))


DOWN = failure(Signal.SERVER_ERROR, status=503)


def first(calls: int, outcome: Outcome) -> Script:
    """So many calls come to this, probes not counted; the others are answered."""
    left = itertools.count(calls, -1)

    def script(call: Call) -> Outcome | None:
        return outcome if not call.probe and next(left) > 0 else None

    return script


def holding(word: str, outcome: Outcome) -> Script:
    """Every call with a text that holds this word comes to this."""

    def script(call: Call) -> Outcome | None:
        return outcome if any(word in text for text in call.texts) else None

    return script


def together(one: Usage, other: Usage) -> Usage:
    """What two usages make."""
    return Usage(
        one.tokens_in + other.tokens_in, one.tokens_out + other.tokens_out, one.cached_in + other.cached_in
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One output record, and when it was handed over."""

    partition: Partition
    offset: int | None
    key: bytes | None
    value: bytes
    headers: OwnHeaders
    at: float

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(self.value)
        return event


@dataclass(slots=True)
class RecordingOutbox:
    """Notes what is sent, and takes it as acknowledged at once."""

    sent: list[Sent] = field(default_factory=list)
    dead: list[Sent] = field(default_factory=list)
    acknowledged: Callable[[Partition, Collection[int]], None] | None = None
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        self.sent.append(_noted(partition, offset, key, value, headers))
        self._acknowledge(partition, offset)
        self._more.set()

    def dead_letter(
        self, partition: Partition, offset: int, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        self.dead.append(_noted(partition, offset, key, value, headers))
        self._acknowledge(partition, offset)

    def _acknowledge(self, partition: Partition, offset: int | None) -> None:
        if partition.follower is not None and offset is not None:
            partition.follower.acknowledged([offset])
        if self.acknowledged is not None and offset is not None:
            self.acknowledged(partition, [offset])

    async def until(self, number: int) -> None:
        """Wait for so many events."""
        while len(self.sent) < number:
            self._more.clear()
            await self._more.wait()


def _noted(
    partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
) -> Sent:
    assert partition.open, "nothing of a closed partition is handed over"
    if offset is not None:
        partition.ledger.done([offset])
    now = asyncio.get_running_loop().time()
    return Sent(partition=partition, offset=offset, key=key, value=value, headers=headers, at=now)


@dataclass(slots=True, kw_only=True)
class Record:
    """A record, as the consumer delivers it."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    offset: int = -1
    timestamp: int = 1_767_225_600_000


def ticket(text: str = "", *, key: bytes | None = None, urgent: bool = False, **more: Any) -> Record:
    """A record with one ticket."""
    return Record(value=orjson.dumps(content(text, urgent=urgent, **more)), key=key)


def content(text: str, *, urgent: bool = False, **more: Any) -> dict[str, Any]:
    """A ticket as JSON holds it."""
    return {"ticket_id": f"id of {text}", "body": text, "priority": "urgent" if urgent else "low", **more}
