"""What is to be sent, and what is done with it, in one transaction a time and partition: exactly once.

Rules
-----
* One producer an input partition, under an id that is the partition's own. Whoever takes the partition over
  starts a producer of the same id first, which fences the one before, and only then reads what is committed.
* **Every start of a producer is followed by reading the committed mark, and work goes on only from the mark
  that was read.** The broker takes offsets in a transaction from any producer that is not fenced, member of
  the group or not. So this rule, and nothing else, keeps a zombie from committing over its successor.
* Only decided records are in a transaction, so that none is open during a model call.
* A transaction whose fate is unknown is looked up: its producer is thrown away, and the mark that the next
  one finds says whether it was committed. If not, the same records go again, without another call.
* A producer that is fenced is not started again: that would fence the rightful owner. The session is lost.
* Nothing of a closed partition is begun, and what is under way for it is cut off.

Partitions do not wait for one another: each has its line and its worker.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaError, ProducerClosed

from stream_classifier.core import measures
from stream_classifier.core.finished_map import Mark
from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.broker_faults import FORBIDDEN, broker_fault
from stream_classifier.kafka.claims import Claims, Producing
from stream_classifier.kafka.items import SENT_AGAIN, Acknowledged, Item, Items
from stream_classifier.kafka.protocol import InvalidRecord
from stream_classifier.kafka.transaction_line import Attempt, Line
from stream_classifier.kafka.transactional_producer import FENCED, ParcelsTooLarge
from stream_classifier.settings.kafka import Kafka

log = structlog.get_logger(__name__)

Job = Callable[[], Coroutine[Any, Any, None]]

RETRY_S = 0.5
NOT_ALLOWED = (InvalidRecord, *FORBIDDEN)


@dataclass(slots=True, kw_only=True)
class Transactions:
    """Sends labelled events and dead letters, and commits what they make done.

    `ours` says whether we may still act for our partitions, and `lose` gives them up. `read_mark` asks the
    group for a partition's committed mark.
    """

    settings: Kafka
    items: Items
    tally: Tally
    ours: Callable[[], bool]
    lose: Callable[[str], None]
    claims: Claims
    read_mark: Callable[[TopicPartition], Awaitable[Mark]]
    acknowledged: Acknowledged | None = None
    lines: dict[Partition, Line] = field(default_factory=dict)
    _producers: dict[Partition, Producing] = field(default_factory=dict)
    _jobs: deque[Job] = field(default_factory=deque)
    _more_jobs: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """Send a labelled event."""
        self._put(self.items.event(partition, offset, key, value, headers))

    def dead_letter(
        self, partition: Partition, offset: int, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """Send a dead letter."""
        self._put(self.items.dead_letter(partition, offset, key, value, headers))

    async def flush(self) -> None:
        """Return when everything that was handed over is committed, the positions with it, or waits for
        room in the map: at that moment no transaction is under way."""
        for line in self.lines.values():
            line.due = True
            line.wake()
        while busy := [line for line in self.lines.values() if not line.idle.is_set()]:
            await busy[0].idle.wait()

    def abandon(self) -> None:
        """Partitions were closed: cut off what is under way for them."""
        for partition, line in self.lines.items():
            if not partition.open:
                self._producers[partition].cut_off()
                line.wake()
        self.claims.cut_off()

    def unacknowledged(self) -> int:
        """How many records are decided and in no transaction that is committed."""
        return sum(len(line.records) for line in self.lines.values())

    def unacknowledged_s(self) -> float:
        """How long the transaction that has waited longest is not committed, all its tries together."""
        now = asyncio.get_running_loop().time()
        return max((now - line.since for line in self.lines.values() if line.since is not None), default=0.0)

    async def claim(self, tps: Collection[TopicPartition]) -> None:
        """Fence the owners before us, side by side. What they had begun is committed or aborted after it.
        Raises aiokafka's errors, TimeoutError and `OperatorFault`."""
        await self.claims.claim(tps)

    def begin(self, partitions: Iterable[Partition]) -> None:
        """Work for partitions that were claimed, and whose marks were read after that."""
        for partition in partitions:
            self._producers[partition] = self.claims.take(of(partition))
            self.lines[partition] = Line(partition)
            self._do(partial(self._serve, partition))

    async def run(self) -> None:
        """Make transactions, for as long as the process lives. Raises where the broker forbids them."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                while self._jobs:
                    tasks.create_task(self._jobs.popleft()())
                self._more_jobs.clear()
                await self._more_jobs.wait()

    async def stop(self) -> None:
        """Close what is still open."""
        await self.claims.stop()

    def _put(self, item: Item) -> None:
        if (line := self.lines.get(item.partition)) is not None:
            line.put(item)

    async def _serve(self, partition: Partition) -> None:
        """One partition's transactions, one after another, until it is closed."""
        line = self.lines[partition]
        try:
            while partition.open:
                attempt = self._next(line)
                if attempt is None:
                    await line.rest(self.settings.commit_interval_s)
                else:
                    await self._transact(line, attempt)
        finally:
            del self.lines[partition]
            line.idle.set()
            await self.claims.close(self._producers.pop(partition))

    def _next(self, line: Line) -> Attempt | None:
        """The transaction that is to be made now, if any."""
        if not self.ours() or not line.partition.open:  # what a freeze has cost us is closed by asking
            return None
        attempt = line.next()
        if not attempt.records and (attempt.mark == line.last or not attempt.fits or not self._is_due(line)):
            return None
        if not attempt.fits:
            log.error("finished_map_cut", partition=str(line.partition))
        return attempt

    def _is_due(self, line: Line) -> bool:
        """Whether a position with nothing to publish is to be committed."""
        silent_s = asyncio.get_running_loop().time() - line.committed_at
        return line.due or silent_s >= self.settings.commit_interval_s

    async def _transact(self, line: Line, attempt: Attempt) -> None:
        line.since = line.since or asyncio.get_running_loop().time()
        parcels, contents = attempt.parcels()
        offsets = {of(line.partition): OffsetAndMetadata(*attempt.mark)}
        try:
            await self._producers[line.partition].transact(parcels, offsets, self.settings.group_id)
        except FENCED:
            self._fenced(line)
        except NOT_ALLOWED as error:
            raise self._fault(error) from error
        except ParcelsTooLarge as error:
            for index in error.indices:
                self._make_smaller(contents[index])
            await self._resolve(line, attempt)
        except (KafkaError, TimeoutError) as error:
            self._tell(line, error)
            await asyncio.sleep(RETRY_S)
            await self._resolve(line, attempt)
        else:
            self._committed(line, attempt)

    def _committed(self, line: Line, attempt: Attempt) -> None:
        self.tally.add(measures.TRANSACTIONS, "committed")
        topics = Counter(item.topic for record in attempt.records for item in record)
        for topic, count in topics.items():
            self.tally.add(measures.ACKNOWLEDGED, topic, n=count)
        if line.failures:
            log.info("transaction_resumed", partition=str(line.partition), failed=line.failures)
        line.committed(attempt, asyncio.get_running_loop().time())
        if line.partition.follower is not None:
            line.partition.follower.acknowledged(attempt.offsets)
            line.partition.follower.committed(attempt.mark)
        if self.acknowledged is not None:
            self.acknowledged(line.partition, attempt.offsets)

    def _fenced(self, line: Line) -> None:
        if line.partition.open:
            self.tally.add(measures.TRANSACTIONS, "fenced")
            log.error("producer_fenced", partition=str(line.partition))
            self.lose("another process has taken a partition's transactions over")

    async def _resolve(self, line: Line, attempt: Attempt) -> None:
        """Find out what became of it: start another producer, then read the mark, for as long as it takes
        and the partition is ours."""
        while line.partition.open:
            if self.ours():
                try:
                    mark = await self._start_anew(line.partition)
                except NOT_ALLOWED as error:
                    raise self._fault(error) from error
                except (KafkaError, TimeoutError) as error:
                    self._tell(line, error)
                else:
                    self._judge(line, attempt, mark)
                    return
            await asyncio.sleep(RETRY_S)

    async def _start_anew(self, partition: Partition) -> Mark:
        """Another producer for the partition, and the mark that it begins at."""
        await self.claims.close(self._producers[partition])
        producer = self._producers[partition] = self.claims.new(of(partition))
        if not partition.open:  # closed meanwhile: to start would fence its next owner
            raise ProducerClosed
        await producer.start()
        return await self.read_mark(of(partition))

    def _judge(self, line: Line, attempt: Attempt, mark: Mark) -> None:
        if mark == attempt.mark:
            self._committed(line, attempt)
        elif mark == line.last:
            self.tally.add(measures.TRANSACTIONS, "aborted")
        elif line.partition.open:
            self.lose("another process has committed for one of its partitions")

    def _make_smaller(self, items: list[Item]) -> None:
        """What is too large by itself is shrunk; several are first sent one by one, to find it."""
        if len(items) == 1:
            self.items.make_smaller(items[0])
        for item in items:
            item.alone = True

    def _tell(self, line: Line, error: BaseException) -> None:
        """At growing distances: the 1st, 2nd, 4th, 8th in a row. What is cut off has not failed."""
        line.failures += 1
        if line.partition.open:
            self.tally.add(measures.TRANSACTIONS, "failed")
        if line.partition.open and line.failures.bit_count() == 1:
            log.warning(
                "transaction_failed",
                partition=str(line.partition),
                error=type(error).__name__,
                in_a_row=line.failures,
                remedy=SENT_AGAIN,
            )

    def _fault(self, error: KafkaError) -> Exception:
        return broker_fault(error, self.settings) or error

    def _do(self, job: Job) -> None:
        self._jobs.append(job)
        self._more_jobs.set()


def of(partition: Partition) -> TopicPartition:
    """As the client names a partition."""
    return TopicPartition(partition.topic, partition.number)
