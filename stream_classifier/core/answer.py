"""What a ticket can be answered with: labels, or the reason why a person must look."""

from dataclasses import dataclass
from enum import StrEnum


class Lane(StrEnum):
    """The two ways through: one fast call at once, or a batch."""

    URGENT = "urgent"
    BULK = "bulk"


class Reason(StrEnum):
    """Why a ticket is published as `needs_review` (contract: the event's `reason`)."""

    NO_TEXT = "no_text"
    TOO_LONG = "too_long"
    REFUSED = "refused"
    NOT_IN_TAXONOMY = "not_in_taxonomy"
    UNSURE = "unsure"
    DEADLINE = "deadline"
    UNANSWERED = "unanswered"


class DecidedBy(StrEnum):
    """Who gave the labels (contract: the event's `decided_by`)."""

    LLM = "llm"
    SHARED = "shared"
    CACHE = "cache"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Answer:
    """One text's labels.

    `labels` has one entry a question, in the taxonomy's order; `None` where the question was not
    answered, and then `reason` says why. A complete answer has no reason.
    """

    labels: tuple[str | None, ...]
    reason: Reason | None = None

    @property
    def complete(self) -> bool:
        """True where every question is answered: only such an answer may be cached."""
        return self.reason is None
