"""How many lines one event may write in a second.

A storm (a broker that goes, a debug level left on) must not cost more than the work it tells of. Rules:

- Each event name has its own allowance, so a storm of one never hides another.
- The allowance is for whole seconds of the clock handed in; what is above it is dropped and counted.
- The first line of any later second, or `flush`, announces each count once; the announcement itself is
  never limited. There are as many announcements a second as there are event names, at most.
- Every level is limited alike: an error repeated a thousand times says no more than one repeated fifty
  times with the count, and the metrics stay exact.
"""

import threading
from collections import Counter
from collections.abc import Callable

import structlog
from structlog.typing import EventDict, WrappedLogger

SUPPRESSED = "log_suppressed"


class EventLimiter:
    """A structlog processor that drops what is above `max_per_event_per_s`.

    `announce(event, count)` is told of what was dropped; it may log. Library code logs from its own
    threads, hence the lock, which is never held while announcing.
    """

    def __init__(
        self,
        max_per_event_per_s: int,
        *,
        clock: Callable[[], float],
        announce: Callable[[str, int], None],
    ) -> None:
        self._allowance = max_per_event_per_s
        self._clock = clock
        self._announce = announce
        self._lock = threading.Lock()
        self._second = 0
        self._seen: Counter[str] = Counter()

    def __call__(self, _logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        """Pass the line on, or raise `structlog.DropEvent` where its event has had its share."""
        event = event_dict["event"]
        if event == SUPPRESSED:
            return event_dict
        seen, ended = self._enter(int(self._clock()), event)
        self._tell(ended)
        if seen > self._allowance:
            raise structlog.DropEvent
        return event_dict

    def flush(self) -> None:
        """Announce what is counted and not yet told; for the end of the process."""
        with self._lock:
            ended, self._seen = self._seen, Counter()
        self._tell(ended)

    def _enter(self, second: int, event: str) -> tuple[int, Counter[str]]:
        """Count one line: how many its event has in this second, and the counts of a second it ended."""
        ended: Counter[str] = Counter()
        with self._lock:
            if second != self._second:
                ended, self._seen, self._second = self._seen, Counter(), second
            self._seen[event] += 1
            return self._seen[event], ended

    def _tell(self, ended: Counter[str]) -> None:
        for event, seen in sorted(ended.items()):
            if seen > self._allowance:
                self._announce(event, seen - self._allowance)
