"""What the account allows, as the settings say it: the rate limits, and what may be spent in a day."""

from collections.abc import Callable

from stream_classifier.core.answer import Lane
from stream_classifier.core.budget import Budget
from stream_classifier.core.limits import Bucket, Limiter
from stream_classifier.core.prices import Prices
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.spending import Spending, SpendStore
from stream_classifier.settings import Settings


def new_limiter(settings: Settings) -> Limiter:
    """The limits of one model."""
    llm = settings.llm
    return Limiter(
        requests=Bucket(llm.requests_per_minute),
        tokens=Bucket(llm.tokens_per_minute),
        stock=settings.urgent.reserve_calls,
    )


def new_spending(
    settings: Settings, prices: Prices, tally: Tally, store: SpendStore, clock: Callable[[], float]
) -> Spending:
    """The budgets of both lanes; `clock` gives unix seconds."""
    usd = {Lane.BULK: settings.llm.budget_usd_per_day, Lane.URGENT: settings.urgent.budget_usd_per_day}
    budgets = {lane: Budget(usd_per_day) for lane, usd_per_day in usd.items() if usd_per_day is not None}
    return Spending(
        budgets=budgets,
        prices=prices,
        tally=tally,
        store=store,
        shared=settings.cache.backend == "redis",
        clock=clock,
    )
