"""Which of two revisions of a ticket is the later one, where that can be known.

Rules
-----
* Whole numbers are compared as numbers, however long: "9" comes before "10". So are seconds since the epoch
  that have a fraction. Other numbers with a point may be versions, whose "1.10" comes after "1.9": no order.
* Dates and times of ISO 8601 are compared as moments, whatever their zone. Those without a zone are compared
  with one another only: a helpdesk that leaves it out always means the same one.
* Between two forms, and in any other form (a hash, an entity tag), no order is claimed: nothing is called
  late then.
* Two that are equal are in no order either: many helpdesks write whole seconds, and change a ticket twice in
  one.
"""

import re
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

LONGEST_CHARS = 64
"""The longest form that has an order takes 35; what is longer is not looked at."""
KEPT = 4_096
"""Revisions whose form is kept in mind: a ticket's own last one, and those of a poll."""

Order: TypeAlias = tuple[str, Fraction | datetime]
"""The form, and the value that is compared within it."""

_WHOLE = re.compile(r"[0-9]+", re.ASCII)
_UNIX_SECONDS = re.compile(r"[0-9]{9,11}\.[0-9]{1,9}", re.ASCII)


def is_older(revision: str | None, than: str | None) -> bool:
    """Whether this revision is known to come before the other."""
    if revision is None or than is None or revision == than:
        return False
    one, other = order_of(revision), order_of(than)
    return one is not None and other is not None and one[0] == other[0] and one[1] < other[1]  # type: ignore[operator]


@lru_cache(KEPT)
def order_of(revision: str) -> Order | None:
    """Where a revision stands among those of its form; None for a form without an order."""
    if len(revision) > LONGEST_CHARS:
        return None
    if _WHOLE.fullmatch(revision) or _UNIX_SECONDS.fullmatch(revision):
        return "number", Fraction(revision)
    try:
        moment = datetime.fromisoformat(revision)
        return ("local time", moment) if moment.utcoffset() is None else ("time", moment)
    except (ValueError, OverflowError):
        return None
