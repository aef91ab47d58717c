"""One real ticket through the service's own lanes, on the way from record to event; nothing is published.

The ticket is the newest on the input topic, else a made-up one. What is known is kept in memory, for this one
trip: a cached label would show nothing of the way.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Usage
from stream_classifier.core.faults import OperatorFault, first_fault
from stream_classifier.core.journey import Headers
from stream_classifier.core.prompt import CONSTANT_RECORD
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.reading import Record, open_reader
from stream_classifier.lab.doctor.backlog import Backlog
from stream_classifier.lab.doctor.checks import Check, Line, note, ok
from stream_classifier.lab.doctor.provider import reply_check
from stream_classifier.service.building import Builder
from stream_classifier.service.offline import Settled, open_offline

TICKET = "ticket"
NEWEST = 20  # offsets before the end of each partition: some are no tickets, or markers
SLACK_S = 10.0
CHARS_A_TOKEN = 2  # at the fewest, in most scripts
MADE_UP = orjson.dumps({"ticket_id": "doctor", "subject": "Printer", "body": CONSTANT_RECORD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A record to be carried, when it was written (milliseconds), and where it is from, in words."""

    value: bytes
    headers: Headers = ()
    timestamp_ms: int = -1
    origin: str = "a made-up ticket"


Agree = Callable[[str], str | None]
"""Asked a question before a call that costs: None to go on, else why not."""


class Trip:
    """The trip, where the endpoint, the key and the models are in order."""

    def __init__(self, builder: Builder, environ: Mapping[str, str], backlog: Backlog, agree: Agree) -> None:
        self._builder = builder
        self._settings = builder.settings
        self._environ = environ
        self._backlog = backlog
        self._agree = agree

    def checks(self) -> Iterator[Check]:
        """The one check."""
        settings = self._settings
        limit_s = settings.batch.max_wait_s + settings.llm.timeout_s * 2 + SLACK_S
        models = dict.fromkeys(self._builder.models.values())
        yield Check(
            name=TICKET,
            run=self._run,
            needs=[*map(reply_check, models)],
            limit_s=limit_s,
            why_not=lambda: self._agree(self._question()),
        )

    def _question(self) -> str:
        """What is about to be done, and what it costs at the most."""
        builder = self._builder
        model = builder.models[Lane.BULK]
        system = builder.estimate(builder.prompt.system + builder.prompt.schema_text(1))
        text = self._settings.ticket.max_chars // CHARS_A_TOKEN
        usage = Usage(tokens_in=system + text, tokens_out=builder.replies().budget(1))
        cost_usd = builder.prices.cost_usd(model, usage)
        cost = (
            "its cost is not known" if cost_usd is None else f"as a rule it costs less than ${cost_usd:.4f}"
        )
        return f"Send one ticket to {model}, to see it labelled? Nothing is published; {cost}."

    async def _run(self) -> Iterable[Line]:
        record = await self._newest() or Carried(value=MADE_UP)
        try:
            settled = await self._carry(record)
        except* OperatorFault as faults:
            raise first_fault(faults) from None
        if settled.rejection is not None:
            sentence = f"{_capital(record.origin)} is not a ticket: {settled.rejection.sentence}"
            return [note(TICKET, sentence)]
        return [_told(record.origin, orjson.loads(settled.events[0]))]

    async def _newest(self) -> Carried | None:
        """The newest record of the input topic that may be one ticket; None where there is none to be had."""
        topic = self._backlog.readable
        if topic is None:
            return None
        found: list[Carried] = []
        async with open_reader(self._settings.kafka) as reader:
            bounds = await reader.bounds(topic)
            spans = {tp: (max(begin, end - NEWEST), end) for tp, (begin, end) in bounds.items()}
            async for records in reader.records(spans):
                found += [_carried(r, r.value) for r in records if r.value and not _is_array(r.value)]
        return max(found, key=lambda record: record.timestamp_ms, default=None)

    async def _carry(self, record: Carried) -> Settled:
        """From the record to its event, by all that lies between in the service."""
        kept = self._settings.cache.model_copy(update={"backend": "memory"})
        settings = self._settings.model_copy(update={"cache": kept})
        arrived: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        name = settings.kafka.input_topic
        async with open_offline(settings, self._environ, Tally(), name, arrived.set_result) as offline:
            for model in dict.fromkeys(self._builder.models.values()):  # they were asked a moment ago
                offline.pipeline.gate.breaker(model).success()
            offline.take(0, record.value, record.headers)
            return await arrived


def _is_array(value: bytes) -> bool:
    """Whether it holds several tickets: one call was agreed on."""
    return value.lstrip().startswith(b"[")


def _carried(record: Record, value: bytes) -> Carried:
    return Carried(
        value=value,
        headers=record.headers,
        timestamp_ms=record.timestamp,
        origin=f"the newest record, {record.topic}:{record.partition}:{record.offset},",
    )


def _told(origin: str, event: dict[str, Any]) -> Line:
    cost = "" if event["cost_usd"] is None else f", ${event['cost_usd']:.6f}"
    way = f"{event['lane']} lane, {event['tokens_in']} tokens in, {event['tokens_out']} out{cost}"
    if event["status"] == "needs_review":
        return note(
            TICKET,
            f"{_capital(origin)} came out as needs_review ({event['reason']}; {way}): a person would have to "
            "look at it; nothing was published.",
        )
    labels = ", ".join(event["labels"].values())
    return ok(TICKET, f"{_capital(origin)} was labelled {labels} by {event['model']} ({way}); not published.")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
