"""Playing records: when each is due, what is counted, and what ends the play."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError, NotEnoughReplicasError
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.followed import at_once
from stream_classifier.lab.load import STALL_S, LoadedRecord, Pace, Played, play, records
from stream_classifier.lab.rows import BadRow, TicketRow

RATES = st.floats(0.01, 1e6)


@dataclass
class FakeBroker:
    """Takes records as a producer does and answers each as `answer` says; notes when each came."""

    answer: Callable[[asyncio.Future[Any]], object] = lambda future: future.set_result(None)
    sent_at: list[float] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)

    async def send(
        self, topic: str, value: bytes, key: bytes | None, *, headers: Sequence[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        self.sent_at.append(loop.time())
        self.values.append(value)
        future: asyncio.Future[Any] = loop.create_future()
        self.answer(future)
        return future


class Refusing:
    """A producer that refuses every record before it is sent."""

    def send(
        self, topic: str, value: bytes, key: bytes | None, *, headers: Sequence[tuple[str, bytes]]
    ) -> Awaitable[asyncio.Future[Any]]:
        raise MessageSizeTooLargeError


def some(count: int) -> list[LoadedRecord]:
    return [LoadedRecord(key=None, value=b"%d" % number) for number in range(count)]


async def played_on(broker: FakeBroker | Refusing, count: int, pace: Pace | None = None) -> Played:
    played = Played()
    await play(at_once(some(count)), broker, "t", pace=pace or Pace(), played=played)
    return played


@given(RATES, st.integers(1, 1000), st.integers(0, 100_000))
def test_a_record_is_due_with_its_burst_and_never_after_its_share_of_the_rate(
    rate: float, burst: int, index: int
) -> None:
    due = Pace(rate=rate, burst=burst).due_s(index)
    assert due == Pace(rate=rate, burst=burst).due_s(index - index % burst)
    assert index - burst < due * rate * (1 + 1e-9) + 1e-6
    assert due * rate <= index + 1e-6 * max(index, 1)


@given(RATES, st.integers(1, 50))
def test_dues_never_go_back(rate: float, burst: int) -> None:
    dues = [Pace(rate=rate, burst=burst).due_s(index) for index in range(200)]
    assert dues == sorted(dues)


def test_without_a_rate_everything_is_due_at_once() -> None:
    assert Pace(burst=7).due_s(1_000_000) == 0


async def test_records_are_sent_when_they_are_due() -> None:
    broker = FakeBroker()
    played = await played_on(broker, 6, Pace(rate=10, burst=2))
    start = broker.sent_at[0]
    assert [at - start for at in broker.sent_at] == pytest.approx([0, 0, 0.2, 0.2, 0.4, 0.4])
    assert played.seconds == pytest.approx(0.4)


async def test_what_a_slow_moment_delays_is_caught_up() -> None:
    broker = FakeBroker()

    async def slow() -> Any:
        for record in some(11):
            if record.value == b"1":
                await asyncio.sleep(0.55)
            yield record

    await play(slow(), broker, "t", pace=Pace(rate=10), played=Played())
    assert broker.sent_at[-1] - broker.sent_at[0] == pytest.approx(1.0)


async def test_every_acknowledged_record_is_counted() -> None:
    played = await played_on(FakeBroker(), 100)
    assert (played.sent, played.acknowledged, played.failed) == (100, 100, 0)


async def test_a_record_that_the_broker_refuses_is_counted_by_its_error() -> None:
    refuse = FakeBroker(lambda future: future.set_exception(NotEnoughReplicasError()))
    played = await played_on(refuse, 3)
    assert (played.acknowledged, played.errors) == (0, {NotEnoughReplicasError: 3})


async def test_a_record_too_large_to_send_does_not_stop_the_others() -> None:
    played = await played_on(Refusing(), 3)
    assert (played.sent, played.errors) == (3, {MessageSizeTooLargeError: 3})


async def test_a_late_acknowledgement_is_waited_for() -> None:
    def later(future: asyncio.Future[Any]) -> None:
        asyncio.get_running_loop().call_later(STALL_S - 1, future.set_result, None)

    assert (await played_on(FakeBroker(later), 2)).acknowledged == 2


async def test_a_broker_that_acknowledges_nothing_ends_the_play() -> None:
    played = Played()
    with pytest.raises(OperatorFault, match="acknowledged nothing for 30 s"):
        await play(at_once(some(2)), FakeBroker(lambda _: None), "t", pace=Pace(), played=played)
    assert (played.sent, played.acknowledged) == (2, 0)


async def test_an_interrupted_play_has_counted_what_was_acknowledged() -> None:
    played = Played()
    task = asyncio.create_task(play(at_once(some(100)), FakeBroker(), "t", pace=Pace(rate=10), played=played))
    await asyncio.sleep(1.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert played.acknowledged == 11
    assert played.seconds == pytest.approx(1.05)


def test_a_ticket_is_keyed_by_the_first_field_that_it_has() -> None:
    rows = [
        TicketRow(line=1, ticket={"id": 7, "ticket_id": "T-7"}),
        TicketRow(line=2, ticket={"id": 7}),
        TicketRow(line=3, ticket={"id": None}),
    ]
    assert [record.key for record in records(rows, ("ticket_id", "id"), print)] == [b"T-7", b"7", None]


def test_bad_rows_are_handed_on_and_not_played() -> None:
    wrong = BadRow(line=1, sentence="Not JSON.")
    seen: list[BadRow] = []
    assert list(records([wrong], ("id",), seen.append)) == []
    assert seen == [wrong]
