"""Where reading of a partition begins when it is assigned."""

from dataclasses import dataclass
from enum import StrEnum


class Start(StrEnum):
    """Why reading begins where it does."""

    COMMITTED = "committed"
    RESET = "reset"  # nothing was ever committed: `kafka.auto_offset_reset` decides
    EXPIRED = "expired"  # retention removed what was committed: on from the first that is left
    BEYOND_END = "beyond_end"  # the topic was made anew, or lost its end: as if nothing was committed


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPosition:
    """The first offset to read, and why."""

    offset: int
    why: Start


def start_position(committed: int | None, begin: int, end: int, *, earliest: bool) -> StartPosition:
    """Choose the position from the committed offset and the partition's first and next offsets."""
    reset = begin if earliest else end
    if committed is None:
        return StartPosition(offset=reset, why=Start.RESET)
    if committed < begin:
        return StartPosition(offset=begin, why=Start.EXPIRED)
    if committed > end:
        return StartPosition(offset=reset, why=Start.BEYOND_END)
    return StartPosition(offset=committed, why=Start.COMMITTED)
