"""One consumer's life: it polls, opens what is assigned, commits, and ends with the process or a freeze.

Rules
-----
* One task polls, and never stops polling. It is cancelled in a poll only where the consumer itself ends:
  a cancelled poll leaks the client's count of fetches, and its guard against a stuck poller is off.
* A gap in our own loop as long as the group waits for a heartbeat means that it has gone on without us.
  The partitions are closed before anything else is done, and a new consumer joins.
* Where a partition begins is decided by us (`starts`), and the client is sent there. Before it is read
  what was committed, whoever owned the partition before is shut out (`Committing.claim`).
* Offsets that come back below those that were read mean that the topic was made anew or has lost its
  end: what they stand for is another record now, so the partitions are opened anew.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from stream_classifier.core.backpressure import Backpressure
from stream_classifier.core.stillness import LoopBeat
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.assignment import Assignment
from stream_classifier.kafka.broker_faults import FORBIDDEN, broker_fault
from stream_classifier.kafka.commits import Commits
from stream_classifier.kafka.committing import Committing
from stream_classifier.kafka.consumer import is_dropped, leave, patience_s, request_s
from stream_classifier.kafka.lag import Lag
from stream_classifier.kafka.look_ahead import Early, LookAhead
from stream_classifier.kafka.receiving import Foresee, Outgoing, Take
from stream_classifier.kafka.starts import open_partitions
from stream_classifier.kafka.turns import Turns
from stream_classifier.kafka.unread import Reader, Unread
from stream_classifier.settings.kafka import Kafka

log = structlog.get_logger(__name__)

POLL_MS = 250  # the client ignores a longer wait during a rebalance, and a stop waits for the poll's end
PAUSED_POLL_MS = 50  # while paused nothing arrives; what was finished must be noticed soon
RETRY_S = 0.5
COMMIT_SHARE = 0.25  # of the drain's budget, kept for the commit: the group waits for both
OPEN_S = 15.0  # to ask where partitions begin, at brokers of which one may not answer
BEAT_S = 0.25


class ConsumerFailed(Exception):
    """The consumer cannot go on; its message names the error."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One consumer and its assignment. `client` is what further clients of the same cluster take, `now`
    the loop's clock in seconds. The consumer commits, where no `committing` is given."""

    settings: Kafka
    client: dict[str, Any]
    consumer: AIOKafkaConsumer
    take: Take
    outgoing: Outgoing
    tally: Tally
    now: Callable[[], float]
    beat: LoopBeat
    committing: Committing | None = None
    known: int | None = None  # partitions that the topic had when the process began; None: all count
    reader: Reader | None = None  # says what can be read yet; None: everything
    early: Early | None = None  # takes urgent records before their turn
    foresee: Foresee | None = None  # looks up what a poll will need
    assignment: Assignment = field(init=False)
    commits: Committing = field(init=False)
    lag: Lag = field(init=False)
    look_ahead: LookAhead | None = field(init=False)
    backpressure: Backpressure = field(init=False)
    unread: Unread = field(init=False)
    polled_at: float = field(init=False)
    stopping: bool = False
    turns: Turns = field(init=False)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.assignment = Assignment(self.tally, self)
        self.commits = self.committing or Commits(
            consumer=self.consumer,
            assignment=self.assignment,
            tally=self.tally,
            interval_s=self.settings.commit_interval_s,
            ours=lambda: self.alive() and not self.dropped(),
            now=self.now,
            patience_s=patience_s(self.settings),
        )
        self.lag = Lag(consumer=self.consumer, assignment=self.assignment, commits=self.commits)
        self.backpressure = Backpressure(
            max_tickets=self.settings.max_in_flight_tickets, max_bytes=self.settings.max_in_flight_bytes
        )
        self.unread = Unread(self.reader)
        self.look_ahead = LookAhead(first=self, early=self.early) if self.early else None
        self.polled_at = self.now()
        self.turns = Turns(self.now)

    async def run(self) -> None:
        """Until `end` or a freeze. The consumer is still a member then; `close` lets it go.

        Raises `ConsumerFailed` where a new consumer may do better, `OperatorFault` where a right is missing.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                work = [
                    tasks.create_task(self._poll()),
                    tasks.create_task(self._open_what_is_assigned()),
                    tasks.create_task(self.commits.run()),
                    tasks.create_task(self.lag.run()),
                    *([tasks.create_task(self.look_ahead.run())] if self.look_ahead else []),
                ]
                await self._over.wait()
                for task in work:
                    task.cancel()
        except* (KafkaError, TimeoutError) as errors:
            self.lose("the consumer failed")
            raise self._translated(errors.exceptions[0]) from errors

    def _translated(self, error: BaseException) -> Exception:
        if isinstance(error, BaseExceptionGroup):
            return self._translated(error.exceptions[0])
        fault = broker_fault(error, self.settings) if isinstance(error, FORBIDDEN) else None
        return fault or ConsumerFailed(type(error).__name__)

    def stop(self) -> None:
        """Read no more; the poll under way ends by itself. What is done is still committed."""
        self.stopping = True

    def end(self) -> None:
        """Nothing more is coming: let `run` return."""
        self.stopping = True
        self._over.set()

    def lose(self, why: str) -> None:
        """The group has gone on without us: close everything now, and end this session."""
        if self.assignment.partitions:
            log.error("session_lost", why=why)
        self.assignment.close()
        self._over.set()

    def alive(self) -> bool:
        """Whether we may still act for our partitions: closes them where the loop was away too long."""
        if self.beat.gap_s(self.now()) > patience_s(self.settings):
            self.beat.beat(self.now())
            self.lose("this process stood still for longer than its session")
        return not self._over.is_set()

    def reading(self) -> bool:
        """Whether records are still taken in."""
        return not self.stopping and self.alive()

    def in_touch(self) -> bool:
        """Whether the group has given a sign of itself lately; if not, nothing may be published."""
        return self.commits.in_touch()

    def dropped(self) -> bool:
        """Whether the group has dropped this member."""
        return is_dropped(self.consumer)

    async def drain(self) -> None:
        """Hand over what is done, within the drain's budget."""
        budget_s = self.settings.drain_s
        await self.hand_over(publish_s=budget_s * (1 - COMMIT_SHARE), within_s=budget_s)

    async def hand_over(self, *, publish_s: float, within_s: float) -> None:
        """Publish what is answered, for `publish_s` at most, then commit; both take no longer than
        `within_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                with suppress(TimeoutError):
                    async with asyncio.timeout(publish_s):
                        await self.outgoing.flush()
                self.assignment.seal()
                await self.commits.commit()

    def sealed(self) -> None:
        """Give up what is still being sent."""
        self.outgoing.abandon()

    def closed(self) -> None:
        """Give up the commit under way."""
        self.commits.give_up()

    async def close(self) -> None:
        """Leave the group."""
        await leave(self.consumer)

    async def _poll(self) -> None:
        self.consumer.subscribe([self.settings.input_topic], listener=self.assignment)
        await self.consumer.start()
        while self.reading():
            generation = self.assignment.generation
            timeout_ms = PAUSED_POLL_MS if self.backpressure.full else POLL_MS
            polled = await self.consumer.getmany(timeout_ms=timeout_ms, max_records=self.turns.records)
            await self._look_at(polled)
            self.polled_at = self.now()
            if not self.reading():
                return
            if self.assignment.generation == generation and self.assignment.taking:
                self._take(polled)
                await self._reach(polled)
            else:
                self._read_again(polled)
            records = sum(map(len, polled.values()))
            if self.foresee is not None:
                self.foresee.taken_in(records)
            self._rest_or_go_on()
            await self.turns.others(records, self.now() - self.polled_at)

    async def _look_at(self, polled: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]) -> None:
        """Have what this poll will need found out, before anything is taken in."""
        ours = self.assignment.partitions
        if self.foresee is not None:
            await self.foresee.look({ours[tp]: records for tp, records in polled.items() if tp in ours})

    def _take(self, polled: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]) -> None:
        for tp, records in polled.items():
            partition = self.assignment.partitions[tp]
            if records[0].offset < partition.ledger.next_offset:
                self.lose(f"{partition} was made anew or has lost its end")
                return
            partition.ledger.mark(self.now())
            ready = self.unread.ready(tp, partition, records)
            if ready < len(records):
                self._seek(tp, records[ready].offset)
            self.take(partition, records[:ready])

    async def _reach(self, polled: Collection[TopicPartition]) -> None:
        """Where a poll brought nothing, the client may have read on all the same: over the markers of
        transactions, over what was aborted or compacted away. Without this the commit would stand before
        them for ever. Its position never passes a record that it has not brought.

        A client that looks for its position (retention was quicker) is not waited for."""
        for tp, partition in list(self.assignment.partitions.items()):
            if tp not in polled and partition.open:
                with suppress(TimeoutError, IllegalStateError):
                    async with asyncio.timeout(0):
                        partition.ledger.reach(await self.consumer.position(tp))

    def _read_again(self, polled: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]) -> None:
        """What a poll brought across a change of assignment is fetched again, if it is still ours."""
        for tp in polled:
            partition = self.assignment.partitions.get(tp)
            if partition is not None:
                self._seek(tp, partition.ledger.next_offset)

    def _rest_or_go_on(self) -> None:
        """Pause what may take no more, resume what may. Asked after each poll, since a rebalance makes
        the client forget."""
        full = self.backpressure.update(*self.assignment.in_flight)
        ours = self.assignment.partitions.keys() & self.consumer.assignment()
        rest = set(ours) if full else ours & (self.commits.full_maps | self.unread.waiting())
        paused = self.consumer.paused()
        if to_pause := rest - paused:
            self.consumer.pause(*to_pause)
        if to_resume := (paused & ours) - rest:
            self.consumer.resume(*to_resume)

    async def _open_what_is_assigned(self) -> None:
        while True:
            assigned = await self.assignment.next_assigned()
            generation = self.assignment.generation
            try:
                await self.commits.claim(assigned)
                async with asyncio.timeout(OPEN_S):
                    opened = await open_partitions(
                        self.consumer,
                        {**self.client, "request_timeout_ms": round(request_s(self.settings) * 1000)},
                        self.settings,
                        assigned,
                        known=self.known,
                    )
            except FORBIDDEN:
                raise
            except (KafkaError, TimeoutError) as error:
                log.warning("open_failed", error=type(error).__name__)
                await asyncio.sleep(RETRY_S)
                continue
            if self.assignment.generation == generation:
                for tp, partition in opened.items():
                    self._seek(tp, partition.ledger.start)
                self.assignment.open(opened)
                self.commits.begin(opened.values())

    def _seek(self, tp: TopicPartition, offset: int) -> None:
        with suppress(IllegalStateError):  # taken away in this very moment: another reads it
            self.consumer.seek(tp, offset)
