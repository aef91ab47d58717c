"""Whether the backend is asked at all: one that fails, or is too slow again and again, is left alone.

Rules
-----
* It rests for `REST_S` and is then tried again, whatever failed. A `CacheFault` ends here.
* What fails is told apart, since a full disk can still be read: one log line when the first of it fails, one
  when all that had failed works again.
* A write that works shows that reading works too. Only a look-up that is in time shows that it is not slow.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from stream_classifier.cache.backend import CacheFault
from stream_classifier.core.measures import CACHE_FAULTS
from stream_classifier.core.tally import Tally

log = structlog.get_logger(__name__)

REST_S = 10.0
"""How long a failing backend is left alone: short beside the time in which a person clears a disk or a
server is replaced, and long beside what trying a dead one costs."""
SLOW_IN_A_ROW = 5
"""Look-ups that were too late one after the other: then it is not a busy moment, and waiting for the next
ones would only slow the stream down."""

READ, WRITE, SLOW = "read", "write", "slow"
"""What may fail apart from the others: a full disk can be read, and so can a replica of a server."""

Found = TypeVar("Found")


@dataclass(slots=True)
class BackendBreaker:
    """One backend's breaker. `backend` is the metrics' label; `waiting` says how many entries wait for it."""

    backend: str
    tally: Tally
    waiting: Callable[[], int]
    _rests_until: float = 0.0  # the loop's time
    _failing: set[str] = field(default_factory=set)  # what was tried last in vain
    _slow: int = 0  # look-ups in a row that were too late

    def __post_init__(self) -> None:
        self.tally.add(CACHE_FAULTS, self.backend, n=0)  # so that its first step is seen

    @property
    def resting(self) -> bool:
        """Whether the backend is left alone."""
        return asyncio.get_running_loop().time() < self._rests_until

    async def rested(self, hurry: asyncio.Event) -> None:
        """Return when the backend may be tried again; at once where `hurry` is set, for a last try."""
        if self.resting:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._rests_until):
                    await hurry.wait()

    async def attempt(self, what: str, ask: Callable[[], Awaitable[Found]]) -> Found | None:
        """What the backend answers, within its own limits of time; None where it fails or is left alone.
        `what` is READ or WRITE."""
        if self.resting:
            return None
        try:
            answer = await ask()
        except CacheFault as fault:
            self.failed(what, fault)
            return None
        self.works(what)
        return answer

    def failed(self, what: str, fault: CacheFault) -> None:
        """Let the backend rest: READ, WRITE or SLOW failed."""
        self.tally.add(CACHE_FAULTS, self.backend)
        if not self._failing:
            log.error("cache_backend_failed", backend=self.backend, error=str(fault), retry_after_s=REST_S)
        self._failing.add(what)
        self._rests_until = asyncio.get_running_loop().time() + REST_S

    def works(self, what: str) -> None:
        """What had failed, if it had, works: READ, WRITE or SLOW."""
        if self._failing:
            self._failing -= {READ, WRITE} if what == WRITE else {what}
            if not self._failing:
                log.info("cache_backend_back", backend=self.backend, waiting=self.waiting())

    def in_time(self) -> None:
        """A look-up was answered in time."""
        self._slow = 0
        self.works(SLOW)

    def too_late(self, timeout_s: float) -> None:
        """A look-up was given up after so long."""
        self._slow += 1
        if self._slow < SLOW_IN_A_ROW:
            self.tally.add(CACHE_FAULTS, self.backend)
        else:
            fault = f"no answer within {timeout_s:g} s, {self._slow} times in a row"
            self.failed(SLOW, CacheFault(fault))
