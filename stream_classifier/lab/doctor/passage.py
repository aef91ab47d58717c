"""One made-up ticket through the whole stream: onto the input topic, and its event off the output topic.

Rules
-----
* Only where a person has asked for it, and agrees once more: whoever reads these topics sees it. A header
  (`MARK`) stands on the ticket and, since headers are copied, on its event, so that they can pass over it.
* It takes two rights that the service does without; where one is missing it is not tried.
* By a rule of triage it is urgent, if there is one: no backlog keeps it waiting.
* Its text is a new one each time, so that no cache answers it.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from secrets import token_hex
from typing import Any

import orjson
from aiokafka import TopicPartition

from stream_classifier.core.ticket import NotATicket, PassedOver
from stream_classifier.kafka.broker_faults import broker_faults
from stream_classifier.kafka.connection import asking, client_kwargs
from stream_classifier.kafka.reading import Reader, Record, open_reader
from stream_classifier.kafka.rights import Operation, missing_on_topics
from stream_classifier.kafka.topic_rules import Topic
from stream_classifier.lab.doctor.checks import Check, Line, fault, not_checked, note, ok
from stream_classifier.lab.doctor.holdings import Holdings, topic_check
from stream_classifier.lab.doctor.trip import Agree
from stream_classifier.lab.load import open_sender
from stream_classifier.service.building import Builder
from stream_classifier.settings.kafka import Kafka

PASSAGE = "stream"
MARK = "stream-classifier-doctor"
LOOK_S = 0.5  # between two looks at the output topic
SLACK_S = 5.0  # beyond the deadline of urgent tickets: to be read, ordered and published
ASKING_S = 20.0  # for rights, offsets and the write


class Passage:
    """The passage, where input and output topic are in order. Without `wanted` it is only named."""

    def __init__(
        self, builder: Builder, kafka: Kafka, holdings: Holdings, agree: Agree, *, wanted: bool
    ) -> None:
        self._builder = builder
        self._kafka = kafka
        self._holdings = holdings
        self._agree = agree
        self._wanted = wanted
        self._wait_s = builder.settings.urgent.deadline_s + SLACK_S
        self._id = f"doctor-{token_hex(4)}"

    def checks(self) -> Iterator[Check]:
        """The one check."""
        yield Check(
            name=PASSAGE,
            run=self._run,
            needs=[topic_check(self._kafka.input_topic), topic_check(self._kafka.output_topic)],
            limit_s=self._wait_s + ASKING_S,
            why_not=self._why_not,
        )

    def _why_not(self) -> str | None:
        if not self._wanted:
            return "It writes to the input topic, where others read it, too: add --publish."
        try:
            self._builder.reader().read(self._ticket(), self._headers())
        except (NotATicket, PassedOver) as refused:
            return f"A made-up ticket is none by your ticket settings: {refused.sentence}"
        kafka = self._kafka
        return self._agree(
            f"Write one made-up ticket to {kafka.input_topic}, and wait for its event on "
            f"{kafka.output_topic}? Whoever reads them sees both, with the header {MARK}; it costs a call."
        )

    def _ticket(self) -> bytes:
        priorities = self._builder.settings.triage.priorities
        text = f"Made up by the doctor of stream-classifier ({self._id}): the printer prints nothing."
        ticket: dict[str, Any] = {"ticket_id": self._id, "subject": "Printer", "body": text}
        return orjson.dumps(ticket | ({"priority": priorities[0]} if priorities else {}))

    def _headers(self) -> list[tuple[str, bytes]]:
        return [(MARK, self._id.encode())]

    async def _run(self) -> Iterable[Line]:
        kafka = self._kafka
        with broker_faults(kafka):
            async with asking(client_kwargs(kafka)) as client:
                wanted = {kafka.input_topic: Operation.WRITE, kafka.output_topic: Operation.READ}
                missing = await missing_on_topics(client, wanted)
        if missing:
            rights = " and ".join(map(str, missing))
            return [not_checked(PASSAGE, f"This login has not {rights}, which the service does without.")]
        output = self._holdings.topics[kafka.output_topic]
        async with open_reader(kafka) as reader:
            since = {tp: end for tp, (_, end) in (await reader.bounds(output)).items()}
            written = await self._write()
            return [await self._outcome(reader, output, since, written)]

    async def _write(self) -> str:
        """Write it; returned is where it stands."""
        topic = self._kafka.input_topic
        async with open_sender(self._kafka, topic) as sender:
            sent = await sender.send(topic, self._ticket(), self._id.encode(), headers=self._headers())
            with broker_faults(self._kafka):
                written = await sent
        return f"{topic}:{written.partition}:{written.offset}"

    async def _outcome(
        self, reader: Reader, output: Topic, since: Mapping[TopicPartition, int], written: str
    ) -> Line:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._wait_s):
                event = await self._event(reader, output, since)
        except TimeoutError:
            return fault(
                PASSAGE,
                f"The made-up ticket stands at {written}, and no event of it came on {output.name} within "
                f"{self._wait_s:g} s: see that a replica runs (its /readyz is 200) and what its log says.",
            )
        return _told(event, written, time.monotonic() - began)

    async def _event(self, reader: Reader, output: Topic, since: Mapping[TopicPartition, int]) -> Record:
        """Its event, whenever it comes."""
        while True:
            ends = {tp: end for tp, (_, end) in (await reader.bounds(output)).items()}
            async for records in reader.records({tp: (since.get(tp, 0), end) for tp, end in ends.items()}):
                for record in records:
                    if self._headers()[0] in record.headers:
                        return record
            since = ends
            await asyncio.sleep(LOOK_S)


def _told(record: Record, written: str, took_s: float) -> Line:
    event = orjson.loads(record.value)
    where = f"{record.topic}:{record.partition}:{record.offset}"
    way = f"The made-up ticket at {written} came out at {where} after {took_s:.1f} s"
    if event["status"] == "needs_review":
        return note(PASSAGE, f"{way} as needs_review ({event['reason']}): a person would have to look at it.")
    labels = ", ".join(event["labels"].values())
    return ok(PASSAGE, f"{way}, labelled {labels} by {event['model']} ({event['lane']} lane).")
