"""`triage.*`, `urgent.*`, `batch.*`: which tickets may not wait, and how the two lanes work."""

from pydantic import Field

from stream_classifier.settings.kinds import Group, Seconds, Texts, Usd, Whole

MAX_BATCH_TICKETS = 90  # the check that ties an answer to its ticket is a number from 10 to 99


class Triage(Group):
    """What makes a ticket urgent; any match does."""

    priorities: Texts = ("urgent", "critical", "highest", "blocker", "p0", "p1")
    """Priorities, compared without case."""
    keywords: Texts = ()
    """Words or phrases in the text, matched as whole words, without case."""
    tags: Texts = ()
    """Tags of the ticket."""
    tenants: Texts = ()
    """Tenants whose every ticket is urgent."""


class Urgent(Group):
    """The lane of one ticket a call, at once."""

    concurrency: Whole = Field(default=8, ge=1, le=1000)
    """Calls side by side, apart from the bulk lane's."""
    timeout_s: Seconds = Field(default=10, le=600)
    """Time limit of one call."""
    deadline_s: Seconds = Field(default=30, le=3600)
    """From when it was read; then the ticket is published as `needs_review`, so that a person sees it."""
    max_promoted: Whole = Field(default=8, ge=0, le=1000)
    """Earlier tickets of the same key that go ahead with an urgent one; beyond it, it overtakes them."""
    reserve_calls: Whole = Field(default=8, ge=0, le=1000)
    """A stock of calls under the rate limit that bulk cannot use up."""
    budget_usd_per_day: Usd | None = Field(default=None, gt=0)
    """What the urgent lane may spend per UTC day; then its tickets are `needs_review` at their deadline."""


class Batch(Group):
    """The bulk lane's batches; whichever limit is met first closes one."""

    max_tickets: Whole = Field(default=10, ge=1, le=MAX_BATCH_TICKETS)
    """Tickets in one call."""
    max_tokens: Whole = Field(default=6000, ge=100, le=10_000_000)
    """Tokens of the records, without the system message."""
    max_wait_s: Seconds = Field(default=2.0, le=3600)
    """How long the oldest ticket waits for others."""
    isolate_tenants: bool = False
    """Tenants share neither batch nor cache."""
