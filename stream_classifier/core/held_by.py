"""What a lane waits for that has a call to make."""

from enum import StrEnum


class HeldBy(StrEnum):
    """What holds a lane's next call."""

    LIMIT = "limit"  # the provider has said no, and for how long
    RATE = "rate"  # the account's limits, as we know them: so that the provider need not say no
    BUDGET = "budget"  # nothing is left of today's
    OUTAGE = "outage"  # no model takes calls: their breakers are open, or they are new
