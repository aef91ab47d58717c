"""How fast an account may be used, so that the provider seldom has to say no.

Rules
-----
* A bucket refills all the time and holds `BURST_S` seconds' worth: a minute's limit is spread over the
  minute, because providers refuse bursts that the minute would allow.
* A call is let in while both buckets, requests and tokens, hold what it asks for. One larger than a
  whole bucket is let in when the bucket is full, and leaves it in debt: large calls wait their turn and
  are never starved.
* A call's tokens are estimated when it is sent and corrected when its usage is known. What never reached
  the provider is given back; what failed there was counted as a request.
* Urgent calls have a stock that bulk cannot use up: they go at once, into debt, and bulk waits for it. It
  fills up with what they may use lastingly, which is half of the limits: so a burst is served from the stock,
  and a steady stream of urgent calls never comes to its end.
* A replica takes its share of the account: the fraction that its partitions are of all.
* Limits that no setting names are learned from the headers; a header that is stricter than a setting holds.
* What the headers say is left is the account's: other replicas and other programs have used of it, too.
  Where our call found less than half of what the provider holds at once, we slow down in proportion; where
  it found most of it, we go a little faster than our part: calls were late, or a guess was too careful.
* A refusal slows the pace a little, success lets it recover: clocks, estimates and other users of the
  account are never known exactly.
"""

from dataclasses import dataclass, field
from math import inf

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, RateHeaders, Signal
from stream_classifier.core.charging import Charging, Size

BURST_S = 1.0
DEEP_S = 4.0  # where a provider holds less at once, a call or two empty it: what is left says nothing
WINDOW_S = 60.0  # a minute's limit is whole again within a minute; a longer reset tells of a day's
MUCH, LITTLE = 0.75, 0.5  # parts of what the provider holds at once; between them our pace is right
FASTER_MAX = 0.1  # makes up for late calls and for a guess that was too careful; the provider bounds the rest
ROUNDING = 1e-6  # units; what rounding leaves is no reason to wait, and a clock cannot wait so short
STOCK_REFILL_S = 30.0  # from none to all, at the slowest: a burst every half minute finds its stock
URGENT_SHARE = (
    0.5  # of the limits, which urgent calls may use lastingly before bulk's: bulk goes on beside them
)
PACE_MAX, PACE_MIN = 0.985, 0.5  # never quite all: a bucket that is always empty refuses at every jitter
PACE_DOWN, PACE_UP = 0.97, 0.0005
NEVER_ARRIVED = frozenset({Signal.UNREACHABLE})
NOT_COUNTED = frozenset({Signal.UNREACHABLE, Signal.RATE_LIMITED, Signal.SERVER_ERROR, Signal.RESET})


@dataclass(slots=True)
class Bucket:
    """Units of the account, so many a minute; None: no limit is known, and nothing waits."""

    per_minute: float | None = None
    correction: float = 1.0  # by what the provider says is left
    _level: float | None = None
    _at: float = 0.0

    def rate_per_s(self, part: float) -> float | None:
        """What we may use of the limit, where this part of it is ours."""
        return None if self.per_minute is None else self.per_minute / 60 * part * self.correction

    @property
    def account_per_s(self) -> float | None:
        """All of the limit."""
        return None if self.per_minute is None else self.per_minute / 60

    def wait_s(self, units: float, part: float, now: float) -> float:
        """Seconds until so many units may be used."""
        rate = self.rate_per_s(part)
        if not rate:
            return 0.0
        missing = min(units, self._capacity(rate)) - self._refilled(rate, now)
        return missing / rate if missing > ROUNDING else 0.0

    def take(self, units: float, part: float, now: float) -> None:
        """Use units, into debt if need be; negative ones are put back."""
        rate = self.rate_per_s(part)
        if rate:
            self._level = min(self._refilled(rate, now) - units, self._capacity(rate))

    def heard(self, per_minute: int | None) -> None:
        """The provider's own word for the limit."""
        if per_minute and (self.per_minute is None or per_minute < self.per_minute):
            self.per_minute = float(per_minute)

    def left(self, units: int | None, reset_s: float | None, limit: int | None, counted: int) -> None:
        """The provider's word after a call that it counted as `counted` units: so many are left, and all
        will be there again in `reset_s` (or a new window begins). Without either nothing changes."""
        per_minute = limit or self.per_minute
        if units is None or reset_s is None or not per_minute or reset_s > WINDOW_S:
            return
        refill = reset_s * per_minute / 60
        whole = units + refill  # of a window, twice what is left while use is even: half, no reason to act
        if whole < DEEP_S * per_minute / 60:
            self.correction = 1.0
            return
        found = min((units + counted) / whole, 1.0)
        whole_is_ours = limit is None or limit == self.per_minute  # else the setting is stricter on purpose
        faster = min(max(found - MUCH, 0.0), FASTER_MAX) if whole_is_ours else 0.0
        self.correction = 1.0 + faster - max(LITTLE - found, 0.0)

    def _capacity(self, rate: float) -> float:
        return max(BURST_S * rate, 1.0)

    def _refilled(self, rate: float, now: float) -> float:
        level = self._capacity(rate) if self._level is None else self._level + (now - self._at) * rate
        self._level, self._at = min(level, self._capacity(rate)), now
        return self._level


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a call under way has taken, to be settled when it ends."""

    size: Size
    charged: int


@dataclass(slots=True)
class Limiter:
    """The limits of one model on one account, for one replica. `stock` urgent calls go at once."""

    requests: Bucket
    tokens: Bucket
    stock: int
    share: float = 1.0
    pace: float = PACE_MAX
    charging: Charging = field(default_factory=Charging)
    reserved_calls: int = 0  # reservations that are not settled, and their tokens
    reserved_tokens: int = 0
    _stock_used: float = 0.0
    _stock_at: float = 0.0

    @property
    def _part(self) -> float:
        return self.share * self.pace

    def wait_s(self, lane: Lane, size: Size, now: float) -> float:
        """Seconds until a call of this size may go; 0 where it may go now."""
        tokens_s = self.tokens.wait_s(self.charging.charge(size), self._part, now)
        wait_s = max(self.requests.wait_s(1, self._part, now), tokens_s)
        return min(wait_s, self._stock_wait_s(size, now)) if lane is Lane.URGENT else wait_s

    def reserve(self, lane: Lane, size: Size, now: float) -> Reservation:
        """A call of this size goes now."""
        if lane is Lane.URGENT and self._stock_wait_s(size, now) == 0:
            self._stock_used += 1
        charged = self.charging.charge(size)
        self.requests.take(1, self._part, now)
        self.tokens.take(charged, self._part, now)
        if rate := self.tokens.account_per_s:
            self.charging.sent(size, self.share, now, rate)
        self._reserved(1, charged)
        return Reservation(size=size, charged=charged)

    def enlarge(self, reservation: Reservation, size: Size, now: float) -> Reservation | None:
        """The call that was reserved for is to be of this size; None where the tokens are not there now."""
        charged = self.charging.charge(size)
        more = charged - reservation.charged
        if self.tokens.wait_s(more, self._part, now) > 0:
            return None
        self.tokens.take(more, self._part, now)
        if rate := self.tokens.account_per_s:
            self.charging.refused(reservation.size, self.share)
            self.charging.sent(size, self.share, now, rate)
        self._reserved(0, more)
        return Reservation(size=size, charged=charged)

    def settle(self, reservation: Reservation, outcome: Outcome, now: float) -> None:
        """The call has ended: correct what was estimated, and learn from what the provider said."""
        refused = outcome.signal is Signal.RATE_LIMITED
        self._reserved(-1, -reservation.charged)
        if outcome.signal in NEVER_ARRIVED:
            self.requests.take(-1, self._part, now)
        counted = self._counted(reservation, outcome)
        self.tokens.take(counted - reservation.charged, self._part, now)
        if outcome.signal in NOT_COUNTED:
            self.charging.refused(reservation.size, self.share)
        self.pace = max(self.pace * PACE_DOWN, PACE_MIN) if refused else min(self.pace + PACE_UP, PACE_MAX)
        self._hear(outcome.rate, counted, now)

    def give_back(self, reservation: Reservation, now: float) -> None:
        """The call was cancelled; the provider may have counted its request."""
        self._reserved(-1, -reservation.charged)
        self.tokens.take(-reservation.charged, self._part, now)
        self.charging.refused(reservation.size, self.share)

    def _reserved(self, calls: int, tokens: int) -> None:
        self.reserved_calls += calls
        self.reserved_tokens += tokens

    def _counted(self, reservation: Reservation, outcome: Outcome) -> int:
        if outcome.signal in NOT_COUNTED:
            return 0
        if outcome.usage is None:
            return reservation.charged
        used = Size(
            prompt=outcome.usage.tokens_in, budget=reservation.size.budget, reply=outcome.usage.tokens_out
        )
        return self.charging.charge(used)

    def _hear(self, rate: RateHeaders, counted: int, now: float) -> None:
        self.requests.heard(rate.limit_requests)
        self.tokens.heard(rate.limit_tokens)
        self.requests.left(rate.remaining_requests, rate.reset_requests_s, rate.limit_requests, 1)
        self.tokens.left(rate.remaining_tokens, rate.reset_tokens_s, rate.limit_tokens, counted)
        if rate.remaining_tokens is not None and (per_s := self.tokens.account_per_s):
            self.charging.left(rate.remaining_tokens, now, per_s)

    def _stock_wait_s(self, size: Size, now: float) -> float:
        """Seconds until the stock holds a call of this size."""
        if not self.stock:
            return inf
        per_s = max(self.stock / STOCK_REFILL_S, URGENT_SHARE * self._calls_per_s(size))
        self._stock_used = max(self._stock_used - (now - self._stock_at) * per_s, 0.0)
        self._stock_at = now
        missing = self._stock_used + 1 - self.stock
        return missing / per_s if missing > ROUNDING else 0.0

    def _calls_per_s(self, size: Size) -> float:
        """How many calls of this size the limits let through; 0 where none is known, and nothing waits."""
        needs = ((self.requests, 1), (self.tokens, max(self.charging.charge(size), 1)))
        rates = ((bucket.rate_per_s(self._part), units) for bucket, units in needs)
        return min((rate / units for rate, units in rates if rate), default=0.0)
