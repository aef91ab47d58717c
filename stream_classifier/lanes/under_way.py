"""What a lane has at the provider at this moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class UnderWay:
    """Calls that have begun and not ended, and the texts in them."""

    calls: int = 0
    texts: int = 0

    @contextmanager
    def call(self, texts: int) -> Iterator[None]:
        """A call for so many texts, however it ends."""
        self.calls += 1
        self.texts += texts
        try:
            yield
        finally:
            self.calls -= 1
            self.texts -= texts
