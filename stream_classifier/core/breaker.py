"""Whether a model is asked at all: new until it is introduced, then closed, or open until a probe passes.

Rules
-----
* A new model is asked nothing but the constant record, until it has answered that once.
* It opens at once for what no retry mends (quota, key, model) and where the constant record fails too;
  else after `FAILURES_IN_A_ROW`, or where half of the last `WINDOW` calls failed.
* While it is open nothing is asked but probes, each after twice the wait of the one before, up to
  `PROBE_WAIT_MAX_S`: fewer than ten calls a minute.
* A failure that comes before a probe is due is of a call that was under way when it opened. It puts
  nothing off: else one short outage with many calls under way would end in the longest wait.
* One success closes it. A reply that holds to no form is none: else calls that were under way would close
  it for a model that answers everything, and nothing rightly.
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
PROBE_FAILURES = FAILURES | {Signal.MALFORMED}
"""A ticket's text may bring a model to answer out of form; a harmless record may not."""

SUCCESSES = frozenset({Signal.ANSWERED, Signal.LENGTH, Signal.REFUSED, Signal.OVERFLOW})
"""Signals of a model that has looked at the texts, whatever it made of them."""


@dataclass(slots=True)
class Breaker:
    """One model's breaker. Times are seconds of the loop's clock."""

    reason: Signal | None = None  # why it is open; None while it is not
    introduced: bool = False
    confirmed: bool = False  # the last opening: it was no number of failures alone that showed the outage
    openings: int = 0
    probe_at: float = 0.0
    opened_at: float = 0.0
    _in_a_row: int = 0
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _wait_s: float = PROBE_WAIT_FIRST_S

    @property
    def open(self) -> bool:
        """True while an outage lasts."""
        return self.reason is not None

    @property
    def takes_calls(self) -> bool:
        """False while nothing but probes may be sent."""
        return self.introduced and not self.open

    @property
    def untried(self) -> bool:
        """True until the first probe has shown something."""
        return not self.introduced and not self.openings

    @property
    def ended(self) -> int:
        """How many of its openings are over."""
        return self.openings - self.open

    def success(self) -> bool:
        """A call got an answer. True where this closed the breaker."""
        closed = self.open
        self.reason, self.introduced = None, True
        self._in_a_row = 0
        self._wait_s = PROBE_WAIT_FIRST_S
        if closed:
            self._recent.clear()
        self._recent.append(True)
        return closed

    def failure(self, signal: Signal, now: float, *, outage: bool = False) -> bool:
        """A call failed by the provider's fault; `outage`: it was the constant record's. True where
        this opened the breaker. While it is open, a failed probe puts the next one off."""
        if self.open:
            self.confirmed |= outage
            if now >= self.probe_at:
                self.put_off(now)
            return False
        self._in_a_row += 1
        self._recent.append(False)
        at_once = outage or signal in AT_ONCE
        if not (at_once or self._too_many()):
            return False
        self.reason, self.opened_at = signal, now
        self.openings += 1
        self.confirmed = at_once
        self.put_off(now)
        return True

    def put_off(self, now: float, at_least_s: float = 0.0) -> None:
        """The next probe is due after twice the last wait, and not before `at_least_s`."""
        self.probe_at = now + max(self._wait_s, at_least_s)
        self._wait_s = min(2 * self._wait_s, PROBE_WAIT_MAX_S)

    def _too_many(self) -> bool:
        half = self._recent.count(False) * 2 >= WINDOW
        return self._in_a_row >= FAILURES_IN_A_ROW or (len(self._recent) == WINDOW and half)
