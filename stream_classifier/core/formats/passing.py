"""What is passed over: records that are whole and right, and hold no ticket to classify.

Not a dead letter: nothing is wrong with them, and nobody has to look. Each is counted by its rule.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream_classifier.core.ticket import Ticket


class PassRule(StrEnum):
    """Why a record is passed over by what it holds."""

    TOMBSTONE = "tombstone"
    DELETED = "deleted"
    SPAM = "spam"
    COMMENT = "comment"
    PARTIAL = "partial"
    BOT = "bot"
    OTHER_OBJECT = "other_object"


WHY: dict[PassRule, str] = {
    PassRule.TOMBSTONE: "it holds nothing, which says that its key was deleted",
    PassRule.DELETED: "its ticket was deleted, merged into another or moved away",
    PassRule.SPAM: "the helpdesk has marked its ticket as spam",
    PassRule.COMMENT: "it tells of a reply or a note, and a ticket is judged by what it was opened with",
    PassRule.PARTIAL: "it holds only a part of its ticket, and a part would get another label",
    PassRule.BOT: "a program has done what it tells of",
    PassRule.OTHER_OBJECT: "it is about something else than a ticket",
}


class PassedOver(Exception):
    """A record to pass over, or an array of which some elements are passed over: `rules` has one for each
    of these, and `tickets` are the others, in their order."""

    def __init__(self, *rules: PassRule, tickets: Sequence["Ticket"] = ()) -> None:
        super().__init__(", ".join(rules))
        self.rules = rules
        self.tickets = tuple(tickets)

    @property
    def rule(self) -> PassRule:
        """The rule of the record, where nothing is left of it."""
        return self.rules[0]

    @property
    def sentence(self) -> str:
        """What a person reads of it."""
        return f"Passed over by the rule `{self.rule}`: {WHY[self.rule]}."
