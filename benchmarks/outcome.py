"""What came out of a topic of tickets: the events as they were published, and what they say of loss.

Of each event only what is counted is kept, since there may be hundreds of thousands.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer

READ_WAIT_S = 120.0  # for all events of a topic
POLL_MS = 200


@dataclass(frozen=True, slots=True)
class Event:
    """A labelled event, as far as it is counted; `labelled_at` in unix seconds."""

    event_id: str
    text_digest: str | None
    status: str
    reason: str | None
    lane: str
    labelled_at: float

    @classmethod
    def of(cls, value: bytes) -> "Event":
        """From a record's value."""
        event = orjson.loads(value)
        return cls(
            event_id=event["event_id"],
            text_digest=event["text_digest"],
            status=event["status"],
            reason=event["reason"],
            lane=event["lane"],
            labelled_at=datetime.fromisoformat(event["labelled_at"]).timestamp(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out. `seconds` from the moment at which all tickets were there for the service to the last
    event's arrival; `cpu_s` is the processor time that it took in them."""

    sent: int
    events: Sequence[Event]
    dead_letters: int
    seconds: float
    cpu_s: float
    calls: Sequence[Mapping[str, Any]]  # the simulator's log, in the order in which they began
    cost_usd: float
    single_cost_usd: float
    single_cached_cost_usd: float

    @property
    def texts(self) -> int:
        """Distinct texts, as the service tells them apart."""
        return len({event.text_digest for event in self.events if event.reason != "no_text"})

    @property
    def twice(self) -> int:
        """Events beyond the first of a ticket."""
        return sum(count - 1 for count in Counter(event.event_id for event in self.events).values())

    @property
    def lost(self) -> int:
        """Tickets of which nothing came out."""
        return self.sent - (len(self.events) - self.twice) - self.dead_letters

    @property
    def reviews(self) -> int:
        """Events that a person must look at."""
        return sum(event.status == "needs_review" for event in self.events)

    @property
    def call_times_s(self) -> Sequence[float]:
        """How long each call took, in the order in which they began."""
        return [call["end_s"] - call["start_s"] for call in self.calls]

    @property
    def called_texts(self) -> int:
        """Texts in all calls together."""
        return sum(call["records"] for call in self.calls)


async def published(bootstrap_servers: str, topic: str, count: int) -> list[Event]:
    """The first `count` events of a topic, at least. Raises TimeoutError."""
    events: list[Event] = []
    async with (
        asyncio.timeout(READ_WAIT_S),
        AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest"
        ) as consumer,
    ):
        while len(events) < count:
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                events += [Event.of(record.value) for record in records]
    return events
