"""The urgent lane: one text, one call to the fast model, now.

It has its own slots and its own connections, so nothing that bulk does can stand before it. What nobody
waits for any more is taken back: else each ticket that meets its deadline in a long pause would leave its
text here until the pause ends.
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
    _begun: dict[Ask, Batch] = field(default_factory=dict)

    def offer(self, ask: Ask) -> None:
        """A text to ask now."""
        self._arrived.put_nowait(ask)

    def withdraw(self, ask: Ask) -> bool:
        """Take the text back, which nobody waits for any more. False where it is just being called, or was
        not begun yet."""
        batch = self._begun.get(ask)
        if batch is None or not batch.waits:
            return False
        batch.asks = []  # at once: its life ends a turn later, and somebody may ask for the text by then
        batch.life.cancel()
        return True

    def stop(self) -> None:
        """Begin nothing new; what is called goes on."""
        self._arrived.put_nowait(None)

    async def run(self) -> None:
        """Ask what arrives, until `stop` and the last call's end."""
        async with asyncio.TaskGroup() as calls:
            while (ask := await self._arrived.get()) is not None:
                self._begin(ask, calls)

    def _begin(self, ask: Ask, calls: asyncio.TaskGroup) -> None:
        batch = self._begun[ask] = Batch([ask])
        self.answering.start(batch, calls)
        batch.life.add_done_callback(lambda _: self._begun.pop(ask))
