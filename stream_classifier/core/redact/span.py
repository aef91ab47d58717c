"""A place in a text that is to be masked."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_CHARS = 8_192
"""The longest find: a private key of 8,192 bits takes some 6,400, and servers refuse longer headers."""


class Span(NamedTuple):
    """From `start` to before `end`, in characters. `value` is what stands there in one writing: equal for the
    same address, number or key."""

    start: int
    end: int
    value: str


def in_order(spans: Iterable[Span]) -> Iterator[Span]:
    """In the text's order. Where two overlap, the one that begins first; of those, the longest."""
    until = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start >= until:
            until = span.end
            yield span
