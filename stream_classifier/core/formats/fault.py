"""Why a record is not a ticket (contract: the dead letter's `dlq.reason` and `dlq.error`)."""

from enum import StrEnum


class DeadLetterReason(StrEnum):
    """The contract's three reasons."""

    NOT_JSON = "not_json"
    NOT_A_TICKET = "not_a_ticket"
    TOO_LARGE = "too_large"


class NotATicket(Exception):
    """A record that no ticket can be read from.

    `sentence` tells a person what is wrong, where, and what would be right. It names fields and
    settings and never quotes a value, so that it may go into a header and a log.
    """

    def __init__(self, reason: DeadLetterReason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
