"""When reading stops and goes on: a high and a low mark, so that it does not flutter between them."""

from dataclasses import dataclass

LOW_SHARE = 0.8  # reading goes on below this share of a bound: room for a few polls, and still a full lane


@dataclass(slots=True, kw_only=True)
class Backpressure:
    """The bounds of what is read and not yet done, over all partitions; one may fill them alone."""

    max_tickets: int
    max_bytes: int
    full: bool = False

    def update(self, tickets: int, size_bytes: int) -> bool:
        """Enter what is in flight now. True where reading must rest."""
        share = LOW_SHARE if self.full else 1.0
        self.full = tickets >= share * self.max_tickets or size_bytes >= share * self.max_bytes
        return self.full
