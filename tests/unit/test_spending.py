"""Daily budgets, as the lanes keep to them: every call here costs about one dollar."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from stream_classifier.cache import SQLiteCache
from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.budget import DAY_S, Budget
from stream_classifier.core.call import Outcome, Signal, Usage
from stream_classifier.core.charging import Size
from stream_classifier.core.prices import Price, Prices
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.gate import Gate
from stream_classifier.lanes.spending import LOOK_AGAIN_S, Spending
from tests.unit.lane_fakes import LATENCY_S, MODEL, ticket
from tests.unit.lane_world import World, world

MIDNIGHT = 20_000.0 * DAY_S
REPLY_TOKENS = 11  # of the scripted provider, for one text
ONE_USD = {MODEL: {"input": 0, "output": 1e6 / REPLY_TOKENS}}
ALONE = {"max_tickets": 1}


def bulk(usd: float | None, *, concurrency: int = 1) -> dict[str, Any]:
    """The settings of a bulk lane with this budget."""
    return {"model": MODEL, "concurrency": concurrency, "prices": ONE_USD, "budget_usd_per_day": usd}


class Wall:
    """A clock on the wall that goes as the loop's does, so many seconds from midnight; it may be set."""

    def __init__(self, before_midnight_s: float = 3600.0) -> None:
        self._now = asyncio.get_running_loop().time
        self._ahead_s = MIDNIGHT - before_midnight_s - self._now()

    def __call__(self) -> float:
        return self._now() + self._ahead_s

    def set_forward(self, seconds: float) -> None:
        self._ahead_s += seconds


def backlog(w: World, number: int) -> None:
    w.read(*[ticket(f"text {i}") for i in range(number)])


# --------------------------------------------------------------------------------------------- the lanes


async def test_bulk_stops_when_its_budget_is_spent_and_goes_on_at_midnight_utc() -> None:
    async with world(clock=Wall(3600), llm=bulk(2.5), batch=ALONE) as w:
        backlog(w, 5)
        await asyncio.sleep(3599)
        assert len(w.outbox.sent) == len(w.bulk.calls) == 3
        await w.events(5)
        assert w.bulk.calls[3].began - w.began == pytest.approx(3600)


async def test_the_budget_of_each_day_is_spent_on_that_day() -> None:
    async with world(clock=Wall(3600), llm=bulk(2.5), batch=ALONE) as w:
        backlog(w, 9)
        await w.events(9)
        days = [int((call.began - w.began - 3600) // DAY_S) for call in w.bulk.calls]
        assert days == [-1, -1, -1, 0, 0, 0, 1, 1, 1]


async def test_urgent_tickets_are_answered_while_bulk_s_budget_is_spent() -> None:
    async with world(clock=Wall(), llm=bulk(0.5), batch=ALONE) as w:
        backlog(w, 2)
        await asyncio.sleep(60)
        w.read(ticket("down", urgent=True))
        await w.events(2)
        assert w.left_at[2] == 60 + LATENCY_S
        assert w.order == [0, 2]


async def test_bulk_goes_on_while_urgent_s_budget_is_spent() -> None:
    async with world(clock=Wall(), llm=bulk(None), urgent={"budget_usd_per_day": 0.5}, batch=ALONE) as w:
        w.read(ticket("down", urgent=True))
        await asyncio.sleep(60)
        backlog(w, 3)
        await w.events(4)
        assert len(w.bulk.calls) == 3


async def test_with_urgent_s_budget_spent_its_tickets_are_published_for_review_on_time() -> None:
    async with world(clock=Wall(), llm=bulk(None), urgent={"budget_usd_per_day": 0.5}) as w:
        w.read(ticket("down", urgent=True))
        await asyncio.sleep(60)
        w.read(ticket("down again", urgent=True))
        events = await w.events(2)
        assert (events[1]["status"], events[1]["reason"]) == ("needs_review", "deadline")
        assert w.left_at[1] == 60 + 30


async def test_urgent_tickets_that_met_their_deadline_leave_nothing_that_waits_for_midnight() -> None:
    async with world(clock=Wall(), llm=bulk(None), urgent={"budget_usd_per_day": 0.5}) as w:
        w.read(ticket("down", urgent=True))
        await w.events(1)
        w.read(*[ticket(f"down {i}", urgent=True) for i in range(50)])
        await w.events(51)
        await asyncio.sleep(1)
        assert len(w.pipeline.flights) == 0
        assert not w.pipeline.lanes.urgent._begun
        await asyncio.sleep(2 * 3600)
        assert len(w.urgent.calls) == 1


async def test_an_urgent_call_that_is_under_way_at_the_deadline_is_let_end() -> None:
    async with world(urgent={"deadline_s": 30, "timeout_s": 30, "concurrency": 2}) as w:
        w.urgent.latency_s = lambda _: 40.0
        w.read(ticket("down", urgent=True))
        await asyncio.sleep(60)
        w.read(ticket("down", urgent=True))
        events = await w.events(2)
        assert [event["decided_by"] for event in events] == [None, "cache"]


async def test_calls_side_by_side_overspend_by_less_than_one_call() -> None:
    async with world(clock=Wall(), llm=bulk(9.5, concurrency=8), batch=ALONE) as w:
        backlog(w, 60)
        await asyncio.sleep(3000)
        assert 9.5 <= w.tally.count(measures.COST, MODEL) < 9.5 + 1
        assert max(began_together(w)) > 1


def began_together(w: World) -> list[int]:
    began = [call.began for call in w.bulk.calls]
    return [began.count(at) for at in began]


async def test_calls_that_wait_for_others_to_end_go_on_as_soon_as_these_have() -> None:
    async with world(clock=Wall(), llm=bulk(9.5, concurrency=8), batch=ALONE) as w:
        backlog(w, 60)
        await asyncio.sleep(3000)
        assert max(call.began for call in w.bulk.calls) - w.began < 10 * LATENCY_S


async def test_replicas_each_stop_at_their_share() -> None:
    for _ in range(2):
        async with world(clock=Wall(), llm=bulk(5), batch=ALONE) as w:
            w.pipeline.gate.set_share(0.5)
            backlog(w, 10)
            await asyncio.sleep(3000)
            assert len(w.bulk.calls) == 3


async def test_a_restart_remembers_what_was_spent(tmp_path: Path) -> None:
    calls: list[int] = []
    for before_midnight_s in (3600, 1800):
        wall = Wall(before_midnight_s)
        file = SQLiteCache(tmp_path / "cache.db", max_entries=100, max_bytes=1 << 20, clock=wall)
        async with world(clock=wall, backend=file, llm=bulk(3.5), batch=ALONE) as w:
            w.read(*[ticket(f"text {i} at {before_midnight_s}") for i in range(5 if calls else 2)])
            await asyncio.sleep(600)
            calls.append(len(w.bulk.calls))
    assert calls == [2, 2]  # two dollars, then two more until 3.50 is passed


async def test_a_store_that_replicas_share_holds_what_all_have_spent() -> None:
    settings: dict[str, Any] = {"cache": {"backend": "redis", "url": "redis://redis"}, "batch": ALONE}
    async with world(clock=Wall(), llm=bulk(8), **settings) as w:
        w.pipeline.gate.set_share(0.25)
        backlog(w, 10)
        await asyncio.sleep(3000)
        assert len(w.bulk.calls) == 2  # a quarter of the budget
        assert w.cache.spent(int(MIDNIGHT // DAY_S) - 1, "bulk") == 2.0


async def test_a_clock_that_is_set_forward_is_noticed_while_bulk_waits() -> None:
    wall = Wall(3600)
    async with world(clock=wall, llm=bulk(0.5), batch=ALONE) as w:
        backlog(w, 2)
        await asyncio.sleep(100)
        wall.set_forward(3600)
        await w.events(2)
        assert w.bulk.calls[1].began - w.began <= 100 + LOOK_AGAIN_S


async def test_without_a_budget_nothing_is_held_back() -> None:
    async with world(clock=Wall(), llm=bulk(None), batch=ALONE) as w:
        backlog(w, 20)
        await w.events(20)
        assert w.pipeline.gate.spending.used() == {}


# ---------------------------------------------------------------------------------------- what is told


async def test_a_spent_budget_is_told_once_and_so_is_the_next_day() -> None:
    with capture_logs() as logs:
        async with world(clock=Wall(3600), llm=bulk(2.5), batch=ALONE) as w:
            backlog(w, 5)
            await w.events(5)
            assert w.tally.count(measures.PAUSES, "budget") == 1
    spent, renewed = [line for line in logs if line["event"].startswith("budget_")]
    assert (spent["event"], spent["log_level"], spent["lane"]) == ("budget_spent", "warning", Lane.BULK)
    assert (spent["day"], spent["spent_usd"], spent["budget_usd"]) == ("2024-10-03", 3.0, 2.5)
    assert "llm.budget_usd_per_day" in spent["remedy"]
    assert (renewed["event"], renewed["day"]) == ("budget_renewed", "2024-10-04")


async def test_of_a_share_the_log_says_what_is_this_replica_s_part() -> None:
    with capture_logs() as logs:
        async with world(clock=Wall(), llm=bulk(5), batch=ALONE) as w:
            w.pipeline.gate.set_share(0.5)
            backlog(w, 10)
            await asyncio.sleep(3000)
    [spent] = [line for line in logs if line["event"] == "budget_spent"]
    assert (spent["spent_usd"], spent["budget_usd"]) == (3.0, 2.5)


async def test_a_new_day_is_told_also_where_nothing_waits_for_it() -> None:
    spending = a_gate(Lane.BULK).spending
    with capture_logs() as logs:
        spending.charge(Lane.BULK, "m", ONE_DOLLAR)
        assert spending.spent(Lane.BULK)
        spending.look()
        await asyncio.sleep(3600)
        assert not spending.spent(Lane.BULK)
        spending.look()
        spending.look()
    assert [line["event"] for line in logs] == ["budget_spent", "budget_renewed"]


# ------------------------------------------------------------------------------------------- single calls

ONE_DOLLAR = Outcome(signal=Signal.ANSWERED, usage=Usage(tokens_in=0, tokens_out=100), status=200)
SIZE = Size(prompt=1000, budget=200, reply=100)  # two dollars at the most


def a_gate(*lanes: Lane, usd: float = 1.0, clock: Callable[[], float] | None = None) -> Gate:
    """A gate with these lanes' budgets; of model `m` a token of the reply costs a cent."""
    price = Price(input=0, cached_input=0, output=10_000)
    spending = Spending(
        budgets={lane: Budget(usd) for lane in lanes},
        prices=Prices({"m": price}),
        tally=Tally(),
        clock=clock or Wall(),
    )
    gate = Gate(tally=spending.tally, now=asyncio.get_running_loop().time, spending=spending)
    gate.breaker("m").success()
    return gate


def used(gate: Gate, lane: Lane = Lane.BULK) -> float:
    return gate.spending.used()[(lane,)]


async def test_a_call_costs_what_its_usage_says() -> None:
    gate = a_gate(Lane.BULK, usd=10)
    permit = gate.admit(Lane.BULK, ["m"], SIZE)
    assert permit is not None
    permit.settle(ONE_DOLLAR)
    assert used(gate) == 0.1


@pytest.mark.parametrize(
    ("signal", "part"), [(Signal.TIMEOUT, 0.2), (Signal.ANSWERED, 0.2), (Signal.RATE_LIMITED, 0.0)]
)
async def test_a_call_without_usage_counts_as_the_most_unless_it_was_turned_away(
    signal: Signal, part: float
) -> None:
    gate = a_gate(Lane.BULK, usd=10)
    permit = gate.admit(Lane.BULK, ["m"], SIZE)
    assert permit is not None
    permit.settle(Outcome(signal=signal))
    assert used(gate) == part


@pytest.mark.parametrize(("sent", "part"), [(True, 0.2), (False, 0.0)])
async def test_a_call_that_is_cancelled_counts_once_it_was_sent(sent: bool, part: float) -> None:
    gate = a_gate(Lane.BULK, usd=10)
    permit = gate.admit(Lane.BULK, ["m"], SIZE)
    assert permit is not None
    permit.sent = sent
    permit.give_back()
    permit.give_back()
    assert used(gate) == part


async def test_a_permit_given_back_lets_the_next_call_begin_at_once() -> None:
    gate = a_gate(Lane.BULK)
    permit = gate.admit(Lane.BULK, ["m"], SIZE)
    assert permit is not None
    async with asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(gate.passed(Lane.BULK, ["m"], SIZE))
        await asyncio.sleep(5)
        assert not waits.done()
        permit.give_back()
        await asyncio.sleep(0.01)
        assert waits.done()


async def test_a_probe_is_held_up_by_no_budget_and_paid_by_bulk_s() -> None:
    async with world(clock=Wall(), llm=bulk(0.5), urgent={"budget_usd_per_day": 0.5}) as w:
        backlog(w, 1)
        await w.events(1)
        w.pipeline.gate.heard(MODEL, Outcome(signal=Signal.KEY_REFUSED, status=401))
        await asyncio.sleep(10)
        assert [call.probe for call in w.bulk.calls] == [False, True]
        assert used(w.pipeline.gate) == pytest.approx(2 / 0.5)
        assert used(w.pipeline.gate, Lane.URGENT) == 0


async def test_a_spent_budget_and_an_outage_are_both_waited_out() -> None:
    gate = a_gate(Lane.BULK, clock=Wall(100))
    gate.spending.charge(Lane.BULK, "m", ONE_DOLLAR)
    gate.heard("m", Outcome(signal=Signal.KEY_REFUSED, status=401))
    began = gate.now()
    async with asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(gate.passed(Lane.BULK, ["m"], SIZE))
        await asyncio.sleep(200)
        assert not waits.done()
        gate.heard("m", ONE_DOLLAR)
    assert gate.now() - began == 200
