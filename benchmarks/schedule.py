"""The ideal that goodput is held against: the same calls, never a moment lost between two of them."""

from collections.abc import Iterable
from heapq import heapify, heapreplace


def greedy_s(call_times_s: Iterable[float], concurrency: int) -> float:
    """How long these calls take where each begins, in this order, as soon as one of `concurrency` places
    is free. Raises ValueError for no place."""
    if concurrency < 1:
        raise ValueError("calls need at least one place")
    free_at = [0.0] * concurrency
    heapify(free_at)
    for call_s in call_times_s:
        heapreplace(free_at, free_at[0] + call_s)
    return max(free_at)


def fewest_calls(texts: int, batch_tickets: int) -> int:
    """Calls that a schedule of full batches needs."""
    return -(-texts // batch_tickets)
