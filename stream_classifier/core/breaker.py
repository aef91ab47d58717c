"""Whether a model is asked at all: closed, or open until a probe passes.

Rules
-----
* It opens at once for what no retry mends (quota, key, model) and where the constant record fails too;
  else after `FAILURES_IN_A_ROW`, or where half of the last `WINDOW` calls failed.
* While it is open nothing is asked but probes, each after twice the wait of the one before, up to
  `PROBE_WAIT_MAX_S`: fewer than ten calls a minute.
* A failure that comes before a probe is due is of a call that was under way when it opened. It puts
  nothing off: else one short outage with many calls under way would end in the longest wait.
* One success closes it.
"""

from collections import deque
from dataclasses import dataclass, field

from stream_classifier.core.call import Signal

FAILURES_IN_A_ROW = 5
WINDOW = 20  # calls; half of them failing opens the breaker even where successes lie between
PROBE_WAIT_FIRST_S = 1.0
PROBE_WAIT_MAX_S = 30.0  # an outage that ends is noticed within half a minute
AT_ONCE = frozenset({Signal.QUOTA, Signal.KEY_REFUSED, Signal.MODEL_UNKNOWN})
FAILURES = AT_ONCE | {
    Signal.BAD_REQUEST,
    Signal.SERVER_ERROR,
    Signal.RESET,
    Signal.UNREACHABLE,
    Signal.TIMEOUT,
}


@dataclass(slots=True)
class Breaker:
    """One model's breaker. Times are seconds of the loop's clock."""

    reason: Signal | None = None  # why it is open; None while it is closed
    probe_at: float = 0.0
    opened_at: float = 0.0
    _in_a_row: int = 0
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _wait_s: float = PROBE_WAIT_FIRST_S

    @property
    def open(self) -> bool:
        """True while nothing but probes may be sent."""
        return self.reason is not None

    def success(self) -> bool:
        """A call got an answer. True where this closed the breaker."""
        closed = self.open
        self.reason = None
        self._in_a_row = 0
        self._wait_s = PROBE_WAIT_FIRST_S
        if closed:
            self._recent.clear()
        self._recent.append(True)
        return closed

    def failure(self, signal: Signal, now: float, *, outage: bool = False) -> bool:
        """A call failed by the provider's fault; `outage`: the constant record failed too. True where
        this opened the breaker. While it is open, a failed probe puts the next one off."""
        if self.open:
            if now >= self.probe_at:
                self._put_off(now)
            return False
        self._in_a_row += 1
        self._recent.append(False)
        if not (outage or signal in AT_ONCE or self._too_many()):
            return False
        self.reason, self.opened_at = signal, now
        self._put_off(now)
        return True

    def _put_off(self, now: float) -> None:
        self.probe_at = now + self._wait_s
        self._wait_s = min(2 * self._wait_s, PROBE_WAIT_MAX_S)

    def _too_many(self) -> bool:
        half = self._recent.count(False) * 2 >= WINDOW
        return self._in_a_row >= FAILURES_IN_A_ROW or (len(self._recent) == WINDOW and half)
