"""Money, in front of the provider: no call goes out that the budget might not hold.

Rules
-----
* What a call may cost at the most is reserved before it is sent, so that no number of calls side by side can
  spend more than there is. The most is: a token for every byte that is sent, the whole reply budget, and
  nothing out of the provider's prefix cache.
* A call that does not fit waits for those under way, which as a rule cost less than was reserved. Where none
  is under way and it still does not fit, the budget is spent: no call is made any more.
* Without an end that tells the usage, a call counts as what was reserved for it.
* What earlier runs have paid for the same configurations counts, and what calls may have cost that were under
  way when one was killed.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from stream_classifier.core.budget import may_have_cost
from stream_classifier.core.call import Order, Outcome, Usage
from stream_classifier.core.prices import Prices
from stream_classifier.core.tokens import CALL_TOKENS
from stream_classifier.lab.evaluate.store import Ended, Store
from stream_classifier.lanes.calls import Provider
from stream_classifier.lanes.gate import Stopped


def at_most(order: Order) -> Usage:
    """What a provider can count for this order at the most."""
    sent = (order.system.encode(), order.user.encode(), orjson.dumps(order.schema))
    return Usage(tokens_in=sum(map(len, sent)) + CALL_TOKENS, tokens_out=order.reply_tokens)


@dataclass(slots=True, kw_only=True)
class Purse:
    """What may be spent in all, None: as much as it takes. `spent_usd` is what was spent before; `exhausted`
    is called once, when no call fits any more."""

    max_usd: float | None
    spent_usd: float = 0.0
    exhausted: Callable[[], None] = field(default=lambda: None)
    empty: bool = False
    _held_usd: float = 0.0
    _held: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def left_usd(self) -> float | None:
        """What neither was spent nor is reserved; None where there is no limit."""
        return None if self.max_usd is None else self.max_usd - self.spent_usd - self._held_usd

    async def reserve(self, usd: float) -> None:
        """Wait until a call that may cost so much fits. Raises `Stopped` where none will any more."""
        while not self.empty and (left_usd := self.left_usd) is not None and usd > left_usd:
            if not self._held:
                self.empty = True
                self._wake()
                self.exhausted()
                break
            await self._changed.wait()
        if self.empty:
            raise Stopped
        self._held_usd += usd
        self._held += 1

    def settle(self, held_usd: float, cost_usd: float) -> None:
        """A call for which so much was reserved has cost so much."""
        self._held -= 1
        self._held_usd = self._held_usd - held_usd if self._held else 0.0  # rounding must not add up
        self.spent_usd += cost_usd
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(slots=True, kw_only=True)
class PaidProvider:
    """A provider whose calls are paid from a purse and written down. `ended` is told of each call's end,
    `stopped` says whether no more may be made."""

    provider: Provider
    configuration: str
    prices: Prices
    purse: Purse
    store: Store
    ended: Callable[[Ended], None]
    stopped: Callable[[], bool]

    async def ask(self, order: Order) -> Outcome:
        """Make the call, if it may be paid for. Raises `Stopped` where it may not, or the store's
        `OperatorFault`."""
        held_usd = self.prices.cost_usd(order.model, at_most(order)) or 0.0
        await self.purse.reserve(held_usd)
        try:
            if self.stopped():
                raise Stopped
            call = self.store.begin_call(self.configuration, order.model, held_usd)
        except BaseException:
            self.purse.settle(held_usd, 0.0)
            raise
        outcome: Outcome | None = None
        try:
            outcome = await self.provider.ask(order)
            return outcome
        finally:
            cost_usd = self._cost_usd(order.model, outcome)
            self.purse.settle(held_usd, held_usd if cost_usd is None else cost_usd)
            self.ended(Ended(call=call, cost_usd=cost_usd))

    def _cost_usd(self, model: str, outcome: Outcome | None) -> float | None:
        """None where nobody knows."""
        if outcome is None:
            return None
        if outcome.usage is not None:
            return self.prices.cost_usd(model, outcome.usage)
        return None if may_have_cost(outcome) else 0.0
