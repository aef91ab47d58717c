"""What a call must wait for: an open breaker, a limit, a spent budget, or the end of the process.

One gate serves all lanes: an outage seen by one is known to the others. A limit that bulk has used up
holds bulk only, so that an urgent ticket still goes out, and each lane has a budget of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.breaker import FAILURES, PROBE_FAILURES, SUCCESSES, Breaker
from stream_classifier.core.budget import Hold
from stream_classifier.core.call import Outcome, RateHeaders, Signal
from stream_classifier.core.charging import Size
from stream_classifier.core.held_by import HeldBy
from stream_classifier.core.limits import Bucket, Limiter, Reservation
from stream_classifier.core.prices import Prices
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.holds import Holds
from stream_classifier.lanes.spending import Spending

log = structlog.get_logger(__name__)

REMEDIES = {
    Signal.QUOTA: "The account's quota or credit is used up: raise it with the provider.",
    Signal.KEY_REFUSED: "The provider refuses the key: put a valid one in llm.api_key.",
    Signal.MODEL_UNKNOWN: "The provider does not know the model: check llm.model and llm.base_url.",
    Signal.BAD_REQUEST: "The provider refuses the request as such: check llm.params and llm.base_url.",
    Signal.UNREACHABLE: "The provider cannot be reached: check llm.base_url, DNS and network policy.",
    Signal.MALFORMED: (
        "The model answers even a harmless record out of form: set another llm.model,"
        " or an endpoint that enforces json_schema."
    ),
}
PROVIDER_DOWN = "The provider fails: see its status page. Work resumes by itself."


class Stopped(Exception):
    """The process is stopping: what waits for a call is left to Kafka."""


@dataclass(slots=True)
class Permit:
    """Leave to make one call, and the part of limits and budget that is reserved for it until it has
    ended. `sent` is for the caller to set when the call goes out: from then on it may cost."""

    lane: Lane
    model: str
    limiter: Limiter
    reservation: Reservation
    spending: Spending
    hold: Hold | None
    now: Callable[[], float]
    sent: bool = False
    used: bool = False

    def enlarge(self, size: Size) -> bool:
        """Let the call be of this size; False, and nothing changed, where limits or budget do not hold it at
        this moment."""
        if self.spending.wait_s(self.lane) > 0:
            return False
        reservation = self.limiter.enlarge(self.reservation, size, self.now())
        if reservation is None:
            return False
        self.spending.give_back(self.lane, self.hold)
        self.reservation, self.hold = reservation, self.spending.hold(self.lane, self.model, size)
        return True

    def settle(self, outcome: Outcome) -> None:
        """The call has ended."""
        self.used = True
        self.limiter.settle(self.reservation, outcome, self.now())
        self.spending.settle(self.lane, self.model, self.hold, outcome)

    def give_back(self) -> None:
        """The call was not made, or cancelled; does nothing after `settle`."""
        if self.used:
            return
        self.used = True
        self.limiter.give_back(self.reservation, self.now())
        if self.sent:
            self.spending.settle(self.lane, self.model, self.hold, None)
        else:
            self.spending.give_back(self.lane, self.hold)


def _no_limits() -> Limiter:
    """Limits that are not set; the provider's headers may still tell some."""
    return Limiter(requests=Bucket(), tokens=Bucket(), stock=0)


def _no_budgets() -> Spending:
    return Spending(budgets={}, prices=Prices({}), tally=Tally(), clock=lambda: 0.0)


@dataclass(slots=True)
class Gate:
    """Breakers by model, pauses by lane. `now` is the loop's clock in seconds."""

    tally: Tally
    now: Callable[[], float]
    new_limiter: Callable[[], Limiter] = _no_limits
    spending: Spending = field(default_factory=_no_budgets)
    limiters: dict[str, Limiter] = field(default_factory=dict)
    share: float = 1.0
    breakers: dict[str, Breaker] = field(default_factory=dict)
    stopping: bool = False
    holds: Holds = field(init=False)
    _paused_until: dict[Lane, float] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _turns: dict[Lane, asyncio.Lock] = field(default_factory=lambda: {lane: asyncio.Lock() for lane in Lane})

    def __post_init__(self) -> None:
        self.spending.changed = self.wake
        self.holds = Holds(self.tally, self.now)

    def limiter(self, model: str) -> Limiter:
        """This model's limits: providers count by model."""
        if model not in self.limiters:
            self.limiters[model] = self.new_limiter()
            self.limiters[model].share = self.share
        return self.limiters[model]

    def breaker(self, model: str) -> Breaker:
        """This model's breaker: of one that was never asked for, a new one."""
        if model not in self.breakers:
            self.breakers[model] = Breaker()
            self.wake()
        return self.breakers[model]

    def not_taking_calls(self) -> set[str]:
        """The models that are new, or whose breaker is open."""
        return {model for model, breaker in self.breakers.items() if not breaker.takes_calls}

    def admit(self, lane: Lane, models: Sequence[str], size: Size) -> Permit | None:
        """A permit to call the first of `models` that may be called now with so many tokens; None where
        this lane must wait. Raises `Stopped`."""
        model = self._first(models)
        if self._wait_s(lane, model, size) != 0 or model is None:
            return None
        limiter = self.limiter(model)
        reservation = limiter.reserve(lane, size, self.now())
        hold = self.spending.hold(lane, model, size)
        return Permit(lane, model, limiter, reservation, self.spending, hold, self.now)

    def permit_probe(self, model: str, size: Size) -> Permit:
        """A permit to ask the constant record at once: the limits go into debt, and urgent's stock stays."""
        limiter = self.limiter(model)
        reservation = limiter.reserve(Lane.BULK, size, self.now())
        return Permit(Lane.BULK, model, limiter, reservation, self.spending, None, self.now)

    async def passed(self, lane: Lane, models: Sequence[str], size: Size) -> None:
        """Wait until this lane may make a call of this size, first come first served: a large call must
        not wait for ever behind small ones. Raises `Stopped`."""
        async with self._turns[lane]:
            try:
                while (wait_s := self._wait_s(lane, model := self._first(models), size)) != 0:
                    self.holds.hold(lane, self._held_by(lane, model))
                    await self.change(wait_s)
            finally:
                self.holds.let_go(lane)

    def _first(self, models: Sequence[str]) -> str | None:
        """The first model that is in no outage, if it takes calls already: a new one is waited for."""
        model = next((model for model in models if not self.breaker(model).open), None)
        return model if model is not None and self.breaker(model).introduced else None

    def _wait_s(self, lane: Lane, model: str | None, size: Size) -> float | None:
        """Seconds until a call may be made, 0 for now; None where only a probe can tell."""
        self.unless_stopping()
        paused_s = self._paused_until.get(lane, 0.0) - self.now()
        if paused_s > 0:
            return paused_s
        if (unpaid_s := self.spending.wait_s(lane)) > 0:
            return unpaid_s
        return None if model is None else self.limiter(model).wait_s(lane, size, self.now())

    def _held_by(self, lane: Lane, model: str | None) -> HeldBy:
        """What a lane that must wait is waiting for."""
        if self.paused(lane):
            return HeldBy.LIMIT
        if self.spending.wait_s(lane) > 0:
            return HeldBy.BUDGET
        return HeldBy.OUTAGE if model is None else HeldBy.RATE

    async def rest(self, wait_s: float) -> None:
        """Wait this long. Raises `Stopped` as soon as the process is stopping."""
        until = self.now() + wait_s
        while (left_s := until - self.now()) > 0:
            self.unless_stopping()
            await self.change(left_s)

    def pause(self, lane: Lane, wait_s: float) -> None:
        """A limit was hit: this lane, and bulk with it, makes no call for so long."""
        for held in (lane,) if lane is Lane.BULK else (lane, Lane.BULK):
            until = self.now() + wait_s
            if until > self._paused_until.get(held, 0.0):
                self._paused_until[held] = until
                self.tally.add(measures.PAUSES, "limit")
                log.info("limit_pause", lane=held, wait_ms=round(wait_s * 1000))

    def paused(self, lane: Lane) -> bool:
        """True while a limit holds this lane."""
        return self._paused_until.get(lane, 0.0) > self.now()

    def set_share(self, share: float) -> None:
        """The part of the account that is this replica's."""
        self.share = share
        self.spending.set_share(share)
        for limiter in self.limiters.values():
            limiter.share = share

    def heard(self, model: str, outcome: Outcome) -> None:
        """What came of an ordinary call. Of those that were under way when the breaker opened only an
        answer says anything new."""
        is_open = self.breaker(model).open
        if outcome.signal is Signal.ANSWERED or (outcome.signal in SUCCESSES and not is_open):
            self._succeeded(model)
        elif outcome.signal in FAILURES and not is_open:
            self._failed(model, outcome, outage=False)

    def judge_probe(self, model: str, outcome: Outcome) -> bool:
        """What the constant record showed: True where the model works. A limit or a refused parameter
        shows neither that nor an outage: an open breaker stays open, a closed one closed. It is cheap and
        shows what is the matter, so no budget holds it up; bulk's pays for it."""
        self.spending.charge(Lane.BULK, model, outcome)
        if outcome.signal in SUCCESSES:
            self._succeeded(model)
        elif outcome.signal in PROBE_FAILURES:
            self._failed(model, outcome, outage=True)
        elif not self.breaker(model).takes_calls:
            self.breaker(model).put_off(self.now(), limited_s(outcome.rate) or 0.0)
        return outcome.signal in SUCCESSES

    def stop(self) -> None:
        """Let nothing through any more."""
        self.stopping = True
        self.wake()

    def unless_stopping(self) -> None:
        """Raises `Stopped` once the process is stopping."""
        if self.stopping:
            raise Stopped

    def _succeeded(self, model: str) -> None:
        breaker = self.breaker(model)
        open_s, took_calls = self.now() - breaker.opened_at, breaker.takes_calls
        if breaker.success():
            log.info("provider_resumed", model=model, paused_s=round(open_s, 1))
        if not took_calls:
            self.wake()

    def _failed(self, model: str, outcome: Outcome, *, outage: bool) -> None:
        if not self.breaker(model).failure(outcome.signal, self.now(), outage=outage):
            return
        self.tally.add(measures.PAUSES, outcome.signal)
        log.error(
            "provider_paused",
            model=model,
            reason=outcome.signal,
            status=outcome.status,
            detail=outcome.detail,
            remedy=REMEDIES.get(outcome.signal, PROVIDER_DOWN),
        )
        self.wake()

    async def change(self, timeout_s: float | None) -> None:
        """Wait until something has changed, or so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def wake(self) -> None:
        """Something has changed: let all who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()


LIMIT_BACKOFF_S = 1.0  # after a 429 that does not say how long


def limited_s(rate: RateHeaders) -> float | None:
    """How long a 429 says to wait: its Retry-After, else the reset of what is used up."""
    if rate.retry_after_s is not None:
        return rate.retry_after_s
    used_up = [
        reset_s
        for remaining, reset_s in (
            (rate.remaining_requests, rate.reset_requests_s),
            (rate.remaining_tokens, rate.reset_tokens_s),
        )
        if remaining == 0 and reset_s is not None
    ]
    return max(used_up, default=None)
