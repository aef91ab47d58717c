"""What a call must wait for: an open breaker, a limit, or the end of the process.

One gate serves all lanes: an outage seen by one is known to the others. A limit that bulk has used up
holds bulk only, so that an urgent ticket still goes out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.breaker import FAILURES, Breaker
from stream_classifier.core.call import Outcome, RateHeaders, Signal
from stream_classifier.core.charging import Size
from stream_classifier.core.limits import Bucket, Limiter, Reservation
from stream_classifier.core.tally import Tally

log = structlog.get_logger(__name__)

WORKS = frozenset({Signal.ANSWERED, Signal.LENGTH, Signal.MALFORMED, Signal.REFUSED, Signal.OVERFLOW})
"""Signals of a model that has looked at the texts, whatever it made of them."""

Probe = Callable[[str], Awaitable[Outcome]]

REMEDIES = {
    Signal.QUOTA: "The account's quota or credit is used up: raise it with the provider.",
    Signal.KEY_REFUSED: "The provider refuses the key: put a valid one in llm.api_key.",
    Signal.MODEL_UNKNOWN: "The provider does not know the model: check llm.model and llm.base_url.",
    Signal.BAD_REQUEST: "The provider refuses the request as such: check llm.params and llm.base_url.",
    Signal.UNREACHABLE: "The provider cannot be reached: check llm.base_url, DNS and network policy.",
}
PROVIDER_DOWN = "The provider fails: see its status page. Work resumes by itself."


class Stopped(Exception):
    """The process is stopping: what waits for a call is left to Kafka."""


@dataclass(slots=True)
class Permit:
    """Leave to make one call, and the part of the limits that is reserved for it until it has ended."""

    model: str
    limiter: Limiter
    reservation: Reservation
    now: Callable[[], float]
    used: bool = False

    def settle(self, outcome: Outcome) -> None:
        """The call has ended."""
        self.used = True
        self.limiter.settle(self.reservation, outcome, self.now())

    def give_back(self) -> None:
        """The call was not made, or cancelled; does nothing after `settle`."""
        if not self.used:
            self.used = True
            self.limiter.give_back(self.reservation, self.now())


def _no_limits() -> Limiter:
    """Limits that are not set; the provider's headers may still tell some."""
    return Limiter(requests=Bucket(), tokens=Bucket(), stock=0)


@dataclass(slots=True)
class Gate:
    """Breakers by model, pauses by lane. `now` is the loop's clock in seconds."""

    tally: Tally
    now: Callable[[], float]
    new_limiter: Callable[[], Limiter] = _no_limits
    limiters: dict[str, Limiter] = field(default_factory=dict)
    share: float = 1.0
    breakers: dict[str, Breaker] = field(default_factory=dict)
    stopping: bool = False
    _paused_until: dict[Lane, float] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _turns: dict[Lane, asyncio.Lock] = field(default_factory=lambda: {lane: asyncio.Lock() for lane in Lane})

    def limiter(self, model: str) -> Limiter:
        """This model's limits: providers count by model."""
        if model not in self.limiters:
            self.limiters[model] = self.new_limiter()
            self.limiters[model].share = self.share
        return self.limiters[model]

    def breaker(self, model: str) -> Breaker:
        """This model's breaker."""
        return self.breakers.setdefault(model, Breaker())

    def admit(self, lane: Lane, models: Sequence[str], size: Size) -> Permit | None:
        """A permit to call the first of `models` that may be called now with so many tokens; None where
        this lane must wait. Raises `Stopped`."""
        if self._wait_s(lane, models, size) != 0:
            return None
        model = next(model for model in models if not self.breaker(model).open)
        limiter = self.limiter(model)
        return Permit(model, limiter, limiter.reserve(lane, size, self.now()), self.now)

    async def passed(self, lane: Lane, models: Sequence[str], size: Size) -> None:
        """Wait until this lane may make a call of this size, first come first served: a large call must
        not wait for ever behind small ones. Raises `Stopped`."""
        async with self._turns[lane]:
            while (wait_s := self._wait_s(lane, models, size)) != 0:
                await self._change(wait_s)

    def _wait_s(self, lane: Lane, models: Sequence[str], size: Size) -> float | None:
        """Seconds until a call may be made, 0 for now; None where only a breaker's closing can tell."""
        self.unless_stopping()
        paused_s = self._paused_until.get(lane, 0.0) - self.now()
        if paused_s > 0:
            return paused_s
        model = next((model for model in models if not self.breaker(model).open), None)
        return None if model is None else self.limiter(model).wait_s(lane, size, self.now())

    async def rest(self, wait_s: float) -> None:
        """Wait this long. Raises `Stopped` as soon as the process is stopping."""
        until = self.now() + wait_s
        while (left_s := until - self.now()) > 0:
            self.unless_stopping()
            await self._change(left_s)

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
        for limiter in self.limiters.values():
            limiter.share = share

    def heard(self, model: str, outcome: Outcome) -> None:
        """What came of an ordinary call. A failure that was under way when the breaker opened says
        nothing new."""
        if outcome.signal in WORKS:
            self._succeeded(model)
        elif outcome.signal in FAILURES and not self.breaker(model).open:
            self._failed(model, outcome, outage=False)

    def judge_probe(self, model: str, outcome: Outcome) -> bool:
        """What the constant record showed: True where the model works. A limit or a refused parameter
        shows neither that nor an outage: an open breaker stays open, a closed one closed."""
        if outcome.signal in WORKS:
            self._succeeded(model)
        elif outcome.signal in FAILURES or self.breaker(model).open:
            self._failed(model, outcome, outage=True)
        return outcome.signal in WORKS

    def stop(self) -> None:
        """Let nothing through any more."""
        self.stopping = True
        self._wake()

    def unless_stopping(self) -> None:
        """Raises `Stopped` once the process is stopping."""
        if self.stopping:
            raise Stopped

    async def probe_forever(self, probe: Probe) -> None:
        """Ask the constant record of every model whose breaker is open, when its probe is due, until the
        process stops."""
        while not self.stopping:
            opened = [(breaker.probe_at, model) for model, breaker in self.breakers.items() if breaker.open]
            if not opened:
                await self._change(None)
                continue
            probe_at, model = min(opened)
            if probe_at > self.now():
                await self._change(probe_at - self.now())
            else:
                self.judge_probe(model, await probe(model))

    def _succeeded(self, model: str) -> None:
        breaker = self.breaker(model)
        open_s = self.now() - breaker.opened_at
        if breaker.success():
            log.info("provider_resumed", model=model, paused_s=round(open_s, 1))
            self._wake()

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
        self._wake()

    async def _change(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


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
