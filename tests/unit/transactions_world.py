"""Transactions before a scripted broker, for the tests of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from stream_classifier.core import measures
from stream_classifier.core.event import CONTENT_TYPE
from stream_classifier.core.finished_map import decode
from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.claims import Claims
from stream_classifier.kafka.items import Items
from stream_classifier.kafka.transactional_commits import CommitsInTransactions
from stream_classifier.kafka.transactions import Transactions
from stream_classifier.settings.kafka import Kafka
from tests.unit.kafka_fakes import TOPIC, a_partition, deliver, tp
from tests.unit.transaction_fakes import FakeCoordinator, Outcome

LABELS, DEAD = "labels", "dead"
SETTINGS = Kafka(input_topic=TOPIC, output_topic=LABELS, dead_letter_topic=DEAD, group_id="group")


class World:
    """Transactions of one partition or several, before a scripted broker."""

    def __init__(self, *outcomes: Outcome, committed: int = -1) -> None:
        self.coordinator = FakeCoordinator()
        self.coordinator.outcomes.extend(outcomes)
        if committed >= 0:
            self.coordinator.marks[tp(0)] = (committed, "")
        self.tally = Tally()
        self.is_ours = True
        self.lost: list[str] = []
        self.transactions = Transactions(
            settings=SETTINGS,
            items=Items(
                input_topic=TOPIC,
                output_topic=LABELS,
                dead_letter_topic=DEAD,
                partitions=lambda _: 4,
                tally=self.tally,
            ),
            tally=self.tally,
            ours=lambda: self.is_ours,
            lose=self.lose,
            claims=Claims(self.coordinator.producer),
            read_mark=self.coordinator.read_mark,
        )
        self.commits = CommitsInTransactions(self.transactions)
        self.partition = a_partition()

    def lose(self, why: str) -> None:
        self.lost.append(why)
        self.close()

    async def open(self, *numbers: int) -> list[Partition]:
        """Claim partitions, read their marks, begin."""
        await self.commits.claim([tp(number) for number in numbers])
        opened = []
        for number in numbers:
            mark = await self.coordinator.read_mark(tp(number))
            start = max(mark[0], 0)
            ledger = Ledger(start=start, restored=decode(TOPIC, number, *mark))
            opened.append(Partition(topic=TOPIC, number=number, ledger=ledger, committed=mark))
        self.partition = opened[0]
        self.commits.begin(opened)
        return opened

    def close(self) -> None:
        for partition in list(self.transactions.lines):
            partition.open = False
        self.transactions.abandon()

    def publish(self, *offsets: int, headers: OwnHeaders | None = None, events: int = 1) -> None:
        """Deliver these records, and publish an event (or several) for each."""
        deliver(self.partition, *sorted(offsets))
        for offset in offsets:
            for part in range(events):
                last = offset if part == events - 1 else None
                self.transactions.publish(
                    self.partition, last, None, event(offset), headers or [CONTENT_TYPE]
                )

    @asynccontextmanager
    async def running(self, *numbers: int) -> AsyncIterator[None]:
        """Partitions are open, and worked for while the block runs."""
        running = asyncio.create_task(self.transactions.run())
        try:
            await self.open(*(numbers or (0,)))
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])
            await self.transactions.stop()
            assert not self.coordinator.unclosed

    async def flush(self) -> None:
        await self.transactions.flush()

    @property
    def published(self) -> list[int]:
        """The offsets whose events are committed, in order."""
        written = self.coordinator.written
        return [orjson.loads(value or b"")["source"]["offset"] for t, _, value in written if t == LABELS]

    def outcomes(self, name: str) -> float:
        return self.tally.count(measures.TRANSACTIONS, name)


def event(offset: int) -> bytes:
    source = {"topic": TOPIC, "partition": 0, "offset": offset}
    return orjson.dumps({"headers_dropped": False, "source": source})
