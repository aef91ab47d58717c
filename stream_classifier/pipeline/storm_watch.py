"""Tells of storms: the same text again and again. What one is stands in `core/storms.py`.

The hot path only notes a ticket's digest. Once a poll the notes are counted, and once a second the counts
are looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from stream_classifier.core import measures
from stream_classifier.core.storms import Storms
from stream_classifier.core.tally import Tally

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class StormWatch:
    """`note` takes the digest of each ticket that is read; `now` is the loop's clock in seconds."""

    tally: Tally
    now: Callable[[], float]
    note: Callable[[str], None] = field(init=False)
    _digests: list[str] = field(default_factory=list)
    _storms: Storms = field(init=False)

    def __post_init__(self) -> None:
        self.note = self._digests.append  # the list's own method: nothing comes between on the hot path
        self._storms = Storms(self.now())

    def end_of_poll(self) -> None:
        """Count what was noted."""
        if self._digests:
            self._storms.read(self._digests)
            self._digests.clear()

    def look(self) -> None:
        """Tell what has begun and what is over; call about every second."""
        begun, over = self._storms.look(self.now())
        for storm in begun:
            self.tally.add(measures.STORMS)
            within_s = round(storm.lasted_s, 1)
            log.warning("storm", text_digest=storm.text_digest, tickets=storm.tickets, within_s=within_s)
        for storm in over:
            lasted_s = round(storm.lasted_s, 1)
            log.info("storm_over", text_digest=storm.text_digest, tickets=storm.tickets, lasted_s=lasted_s)
