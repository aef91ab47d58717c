"""What the cache answers again and again is noted for another asking, before it ends (`cache.refresh`)."""

from collections.abc import Callable
from dataclasses import dataclass

from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Ask
from stream_classifier.core.known import Known
from stream_classifier.core.refresh import Refreshes, due
from stream_classifier.pipeline.preparing import Prepared


@dataclass(slots=True, kw_only=True)
class Refreshing:
    """Only answers of `model`, the bulk lane's, are renewed. `clock` gives unix seconds."""

    refreshes: Refreshes
    model: str
    clock: Callable[[], float]

    def hit(self, prepared: Prepared, tenant: str | None, known: Known, utf8: Callable[[], bytes]) -> None:
        """A ticket was answered by this entry; `utf8` gives its text."""
        if known.model == self.model and due(known, self.clock()):
            ask = Ask(
                key=prepared.bulk_key,
                lane=Lane.BULK,
                utf8=utf8(),
                tokens=prepared.tokens,
                asked_at=0.0,  # nobody waits for it
                tenant=tenant,
                renews=known,
            )
            self.refreshes.add(ask, known.expires_at)
