"""Rate limits as token buckets, and the headers that tell a client how it stands.

1. A bucket refills continuously and holds `burst_s` seconds' worth, at least one request. A minute's
   worth cannot be spent at once.
2. A call is let in while both buckets hold what it asks for. One larger than a whole bucket is let in
   when the bucket is full, and leaves it in debt: it waits its turn, but is never locked out.
3. A call that is turned away takes a request too (but makes no debt): hammering does not help.
4. The tokens of a call are the larger of its prompt and its reply budget, as OpenAI's guide to rate limits
   has it. A call that asks for more than a minute's limit is turned away for good.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["requests", "tokens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """Why a call was turned away. `retry_after_s` is None where no waiting would help."""

    kind: Kind
    limit: int
    requested: int
    retry_after_s: float | None


class Bucket:
    """One limit, in units a minute. `now` is in seconds and never goes back."""

    def __init__(self, *, per_minute: int, burst_s: float, now: float) -> None:
        self.per_minute = per_minute
        self.rate_per_s = per_minute / 60
        self.capacity = max(1.0, min(self.rate_per_s * burst_s, float(per_minute)))
        self._level = self.capacity
        self._at = now

    def level(self, now: float) -> float:
        """Units in the bucket; below 0 while a large call is being paid off."""
        self._level = min(self.capacity, self._level + max(0.0, now - self._at) * self.rate_per_s)
        self._at = max(self._at, now)
        return self._level

    def wait_s(self, units: float, now: float) -> float:
        """Seconds until `units` would be let in; 0 where they are now."""
        missing = min(units, self.capacity) - self.level(now)
        # A billionth of a unit is rounding, not a reason to turn a punctual client away.
        return missing / self.rate_per_s if missing > 1e-9 else 0.0

    def take(self, units: float, now: float) -> None:
        """Spend `units`, into debt if need be."""
        self._level = self.level(now) - units

    def take_what_is_there(self, units: float, now: float) -> None:
        """Spend up to `units`, without debt."""
        level = self.level(now)
        self._level = level - min(units, max(0.0, level))

    def reset_s(self, now: float) -> float:
        """Seconds until the bucket is full again."""
        return (self.capacity - self.level(now)) / self.rate_per_s


class RateLimiter:
    """An account's two limits; either may be absent."""

    def __init__(self, *, rpm: int | None, tpm: int | None, burst_s: float, now: float) -> None:
        self._buckets: dict[Kind, Bucket] = {}
        if rpm:
            self._buckets["requests"] = Bucket(per_minute=rpm, burst_s=burst_s, now=now)
        if tpm:
            self._buckets["tokens"] = Bucket(per_minute=tpm, burst_s=burst_s, now=now)

    def admit(self, tokens: int, now: float) -> Limited | None:
        """Let a call of `tokens` in and charge it, or say why not."""
        amounts: dict[Kind, int] = {"requests": 1, "tokens": tokens}
        waits = {kind: bucket.wait_s(amounts[kind], now) for kind, bucket in self._buckets.items()}
        if self._too_large(tokens) or any(waits.values()):
            self._charge_failure(now)
            return self._limited(amounts, waits)
        for kind, bucket in self._buckets.items():
            bucket.take(amounts[kind], now)
        return None

    def headers(self, now: float) -> dict[str, str]:
        """`x-ratelimit-*`, for the limits that there are."""
        found = {}
        for kind, bucket in self._buckets.items():
            found[f"x-ratelimit-limit-{kind}"] = str(bucket.per_minute)
            found[f"x-ratelimit-remaining-{kind}"] = str(max(0, int(bucket.level(now))))
            found[f"x-ratelimit-reset-{kind}"] = duration(bucket.reset_s(now))
        return found

    def _too_large(self, tokens: int) -> bool:
        return "tokens" in self._buckets and tokens > self._buckets["tokens"].per_minute

    def _charge_failure(self, now: float) -> None:
        if requests := self._buckets.get("requests"):
            requests.take_what_is_there(1, now)

    def _limited(self, amounts: dict[Kind, int], waits: dict[Kind, float]) -> Limited:
        forever = self._too_large(amounts["tokens"])
        kind: Kind = "tokens" if forever else max(waits, key=lambda kind: waits[kind])
        return Limited(
            kind=kind,
            limit=self._buckets[kind].per_minute,
            requested=amounts[kind],
            retry_after_s=None if forever else waits[kind],
        )


def duration(seconds: float) -> str:
    """A duration as OpenAI's headers write it: `20ms`, `8.71s`, `6m0s`, `1h0m3s`."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    if seconds < 60:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + "s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"
