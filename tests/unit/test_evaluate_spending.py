"""The budget of an evaluation holds, whatever calls cost and however many are under way."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.call import Order, Outcome, Signal, Usage
from stream_classifier.core.prices import Price, Prices
from stream_classifier.lab.evaluate.spending import PaidProvider, Purse, at_most
from stream_classifier.lab.evaluate.store import IN_MEMORY, Ended, Store, open_store
from stream_classifier.lanes.gate import Stopped

DOLLAR_A_TOKEN = Prices({"m": Price(input=1e6, cached_input=1e6, output=1e6)})
ORDER = Order(model="m", system="s", user="u", schema={}, records=1, reply_tokens=7)
MOST_USD = float(at_most(ORDER).tokens_in + at_most(ORDER).tokens_out)


@dataclass(slots=True, kw_only=True)
class PricedProvider:
    """Answers each call after a second; the n-th call comes to the n-th outcome, and to the last one after
    that."""

    outcomes: list[Outcome]
    asked: int = 0

    async def ask(self, order: Order) -> Outcome:
        outcome = self.outcomes[min(self.asked, len(self.outcomes) - 1)]
        self.asked += 1
        await asyncio.sleep(1)
        return outcome


@dataclass(slots=True, kw_only=True)
class Till:
    """A paid provider, and what it told."""

    store: Store
    provider: PricedProvider
    purse: Purse
    ended: list[Ended] = field(default_factory=list)
    stopping: bool = False

    @property
    def paid(self) -> PaidProvider:
        return PaidProvider(
            provider=self.provider,
            configuration="c",
            prices=DOLLAR_A_TOKEN,
            purse=self.purse,
            store=self.store,
            ended=self.ended.append,
            stopped=lambda: self.stopping,
        )

    async def ask(self, calls: int) -> list[Outcome | BaseException]:
        """So many calls side by side."""
        paid = self.paid
        return await asyncio.gather(*(paid.ask(ORDER) for _ in range(calls)), return_exceptions=True)


def answered(usd: float) -> Outcome:
    return Outcome(signal=Signal.ANSWERED, content="", usage=Usage(tokens_in=int(usd)))


def till(store: Store, *outcomes: Outcome, max_usd: float | None = None, spent_usd: float = 0.0) -> Till:
    provider = PricedProvider(outcomes=list(outcomes))
    return Till(store=store, provider=provider, purse=Purse(max_usd=max_usd, spent_usd=spent_usd))


@given(
    costs=st.lists(st.integers(0, int(MOST_USD)), min_size=1, max_size=20),
    max_usd=st.floats(0, 20 * MOST_USD),
    spent_usd=st.floats(0, 3 * MOST_USD),
    calls=st.integers(1, 20),
)
async def test_never_more_is_spent_than_there_is(
    costs: list[int], max_usd: float, spent_usd: float, calls: int
) -> None:
    with open_store(IN_MEMORY) as store:
        desk = till(store, *map(answered, costs), max_usd=max_usd, spent_usd=spent_usd)
        came = await desk.ask(calls)
    spent = sum(end.cost_usd or 0.0 for end in desk.ended)
    assert spent + spent_usd <= max(max_usd, spent_usd) + 1e-6
    made = [outcome for outcome in came if isinstance(outcome, Outcome)]
    assert len(made) == desk.provider.asked
    if len(made) < calls:  # none is turned away while one more would surely fit
        assert desk.purse.empty
        assert max_usd - spent_usd - spent < MOST_USD


async def test_a_call_waits_for_those_under_way_and_goes_out_with_what_they_leave() -> None:
    with open_store(IN_MEMORY) as store:
        desk = till(store, answered(1), max_usd=MOST_USD + 3)
        came = await desk.ask(4)
    assert [isinstance(outcome, Outcome) for outcome in came] == [True] * 4
    assert desk.purse.spent_usd == 4


async def test_when_no_call_fits_any_more_it_is_told_once_and_all_who_wait_are_stopped() -> None:
    told: list[bool] = []
    with open_store(IN_MEMORY) as store:
        desk = till(store, answered(MOST_USD), max_usd=1.5 * MOST_USD)
        desk.purse.exhausted = lambda: told.append(True)
        came = await desk.ask(3)
        assert store.paid("c").calls == 1
    assert [type(outcome) for outcome in came] == [Outcome, Stopped, Stopped]
    assert told == [True]


@pytest.mark.parametrize(
    ("outcome", "usd"),
    [
        (answered(5), 5.0),
        (Outcome(signal=Signal.RATE_LIMITED, status=429), 0.0),
        (Outcome(signal=Signal.TIMEOUT), None),
    ],
)
async def test_a_call_counts_as_what_it_cost_or_may_have_cost(outcome: Outcome, usd: float | None) -> None:
    with open_store(IN_MEMORY) as store:
        desk = till(store, outcome, max_usd=1000.0)
        await desk.ask(1)
    assert [end.cost_usd for end in desk.ended] == [usd]
    assert desk.purse.spent_usd == (MOST_USD if usd is None else usd)


async def test_a_call_that_is_cancelled_counts_as_what_it_may_have_cost() -> None:
    with open_store(IN_MEMORY) as store:
        desk = till(store, answered(1), max_usd=1000.0)
        asking = asyncio.create_task(desk.ask(1))
        await asyncio.sleep(0.5)
        asking.cancel()
        await asyncio.wait([asking])
        assert store.paid("c").usd == MOST_USD
    assert desk.purse.spent_usd == MOST_USD
    assert [end.cost_usd for end in desk.ended] == [None]


async def test_what_a_call_may_cost_is_on_record_before_it_is_sent() -> None:
    with open_store(IN_MEMORY) as store:
        desk = till(store, answered(1), max_usd=1000.0)
        asking = asyncio.create_task(desk.ask(1))
        await asyncio.sleep(0.5)
        assert (store.paid("c").lost, store.paid("c").usd) == (1, MOST_USD)
        await asking


async def test_once_it_is_stopping_no_call_goes_out_and_none_counts() -> None:
    with open_store(IN_MEMORY) as store:
        desk = till(store, answered(1), max_usd=1000.0)
        desk.stopping = True
        [came] = await desk.ask(1)
        assert store.paid("c").calls == 0
    assert isinstance(came, Stopped)
    assert (desk.provider.asked, desk.purse.left_usd) == (0, 1000.0)


async def test_without_a_budget_as_much_is_spent_as_it_takes() -> None:
    with open_store(IN_MEMORY) as store:
        desk = till(store, answered(10**9))
        assert all(isinstance(outcome, Outcome) for outcome in await desk.ask(5))


def test_a_token_is_reserved_for_every_byte_and_the_whole_reply() -> None:
    order = Order(model="m", system="é" * 10, user="x", schema={"a": 1}, records=1, reply_tokens=50)
    most = at_most(order)
    assert most.tokens_in >= 20 + 1 + len('{"a":1}')
    assert (most.tokens_out, most.cached_in) == (50, 0)
