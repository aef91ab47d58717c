"""The urgent lane: one text, one call to the fast model, now.

It has its own slots and its own connections, so nothing that bulk does can stand before it.
"""

import asyncio
from dataclasses import dataclass, field

from stream_classifier.core.journey import Ask
from stream_classifier.lanes.answering import Answering
from stream_classifier.lanes.batch import Batch


@dataclass(slots=True, kw_only=True)
class UrgentLane:
    """Asks each text by itself, as many side by side as `answering` has slots, first come first served."""

    answering: Answering
    _arrived: asyncio.Queue[Ask | None] = field(default_factory=asyncio.Queue)

    def offer(self, ask: Ask) -> None:
        """A text to ask now."""
        self._arrived.put_nowait(ask)

    def stop(self) -> None:
        """Begin nothing new; what is called goes on."""
        self._arrived.put_nowait(None)

    async def run(self) -> None:
        """Ask what arrives, until `stop` and the last call's end."""
        async with asyncio.TaskGroup() as calls:
            while (ask := await self._arrived.get()) is not None:
                self.answering.start(Batch([ask]), calls)
