"""Ctrl-C, wherever the tests run."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ctrl_c_is_heeded() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn: a process
    begun in this block does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
