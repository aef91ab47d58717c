"""Waiting for what another process, or another thread, will have done in a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

PATIENCE_S = 40.0  # for what takes a second or two, on two busy cores
LOOK_S = 0.05
ASK_EVERY_S = 0.2  # where a look asks another process: that takes both some 20 ms of a core


async def until(
    holds: Callable[[], Any | Awaitable[Any]], patience_s: float = PATIENCE_S, look_s: float = LOOK_S
) -> None:
    """Look again and again until it holds: there is no event to wait for. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while True:
            held = holds()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(look_s)
