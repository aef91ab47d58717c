"""Draws from a slow source (a pipe, a terminal) without stopping the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TypeVar

from stream_classifier.core.faults import OperatorFault

Item = TypeVar("Item")

AHEAD = 100
"""How many items are read before they are asked for."""


async def at_once(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The same items, drawn in the loop: for a source that never makes us wait, such as a file."""
    for item in items:
        yield item


async def followed(items: Iterator[Item]) -> AsyncIterator[Item]:
    """The same items, drawn in a thread of their own; an `OperatorFault` of the source is raised here.

    The thread is a daemon: at the end of the process nobody waits for a pipe's next line, as would be the
    case with the loop's own pool of threads.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Item | OperatorFault | None] = asyncio.Queue(AHEAD)

    def hand_over(item: Item | OperatorFault | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def draw() -> None:
        # Either means that the loop has ended: nobody asks any more.
        with suppress(CancelledError, RuntimeError):
            try:
                for item in items:
                    hand_over(item)
                hand_over(None)
            except OperatorFault as fault:
                hand_over(fault)

    threading.Thread(target=draw, name="follow", daemon=True).start()
    while (item := await queue.get()) is not None:
        if isinstance(item, OperatorFault):
            raise item
        yield item
