"""The way out of the service, by `kafka.delivery`.

At least once: one producer for all partitions, and the consumer commits. Exactly once: a producer a
partition, whose transactions hold the events and the commit.
"""

import asyncio
from collections.abc import Callable

from aiokafka import TopicPartition

from stream_classifier.core.finished_map import Mark
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.claims import Claims
from stream_classifier.kafka.committed import committed_marks
from stream_classifier.kafka.consumer import request_s
from stream_classifier.kafka.credentials import Credentials
from stream_classifier.kafka.items import Acknowledged, Items
from stream_classifier.kafka.outbox import Outbox as AcknowledgedOutbox
from stream_classifier.kafka.partition_counts import partition_counts
from stream_classifier.kafka.producer import Producer
from stream_classifier.kafka.session import OPEN_S, Session
from stream_classifier.kafka.transactional_commits import CommitsInTransactions
from stream_classifier.kafka.transactional_producer import TransactionalProducer, transactional_id
from stream_classifier.kafka.transactions import Transactions
from stream_classifier.settings.kafka import Kafka

Outbox = AcknowledgedOutbox | Transactions

Current = Callable[[], Session | None]
"""The session that runs now; None before the first."""


class AtLeastOnce:
    """One producer for all partitions; the consumer commits."""

    committing = None

    def __init__(
        self, credentials: Credentials, tally: Tally, session: Current, acknowledged: Acknowledged | None
    ) -> None:
        self._settings = credentials.settings
        self._producer = Producer(credentials.client)
        self.renew = self._producer.renew
        self.stop = self._producer.stop
        self.outbox: Outbox = AcknowledgedOutbox(
            producer=self._producer,
            input_topic=self._settings.input_topic,
            output_topic=self._settings.output_topic,
            dead_letter_topic=self._settings.dead_letter_topic,
            tally=tally,
            alive=lambda: (current := session()) is not None and current.alive(),
            in_touch=lambda: (current := session()) is not None and current.in_touch(),
            acknowledged=acknowledged,
        )

    async def begin(self) -> None:
        """Start the producer."""
        await self._producer.start(_topics(self._settings))


class ExactlyOnce:
    """A producer a partition, whose transactions hold the events and the commit."""

    def __init__(
        self, credentials: Credentials, tally: Tally, session: Current, acknowledged: Acknowledged | None
    ) -> None:
        self._credentials = credentials
        self._session = session
        self._counts: dict[str, int] = {}  # partitions by topic
        settings = credentials.settings
        self.outbox = Transactions(
            settings=settings,
            items=Items(
                input_topic=settings.input_topic,
                output_topic=settings.output_topic,
                dead_letter_topic=settings.dead_letter_topic,
                partitions=lambda topic: self._counts[topic],
                tally=tally,
            ),
            tally=tally,
            ours=self._ours,
            lose=self._lose,
            claims=Claims(self._new_producer),
            read_mark=self._read_mark,
            acknowledged=acknowledged,
        )
        self.committing = CommitsInTransactions(self.outbox)
        self.stop = self.outbox.stop

    async def begin(self) -> None:
        """Learn how many partitions the topics have."""
        settings = self._credentials.settings
        self._counts = await partition_counts(settings, _topics(settings))

    async def renew(self) -> None:
        """Nothing: each assignment brings producers of its own."""

    def _ours(self) -> bool:
        session = self._session()
        return session is not None and session.alive() and not session.dropped()

    def _lose(self, why: str) -> None:
        if (session := self._session()) is not None:
            session.lose(why)

    def _new_producer(self, tp: TopicPartition) -> TransactionalProducer:
        settings = self._credentials.settings
        name = transactional_id(settings.group_id, tp)
        return TransactionalProducer(self._credentials.client, name, settings.transaction_timeout_s)

    async def _read_mark(self, tp: TopicPartition) -> Mark:
        settings = self._credentials.settings
        client = self._credentials.client | {"request_timeout_ms": round(request_s(settings) * 1000)}
        async with asyncio.timeout(OPEN_S):
            return (await committed_marks(client, settings.group_id, [tp]))[tp]


Delivery = AtLeastOnce | ExactlyOnce


def new_delivery(
    credentials: Credentials, tally: Tally, session: Current, acknowledged: Acknowledged | None = None
) -> Delivery:
    """The way that the settings name. `acknowledged`, where given, is told of what the broker has taken."""
    exactly_once = credentials.settings.delivery == "exactly-once"
    return (ExactlyOnce if exactly_once else AtLeastOnce)(credentials, tally, session, acknowledged)


def _topics(settings: Kafka) -> tuple[str, ...]:
    return settings.input_topic, settings.output_topic, settings.dead_letter_topic
