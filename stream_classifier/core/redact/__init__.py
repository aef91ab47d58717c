"""What is masked in a ticket's text before it leaves the process and before it is hashed (`ticket.redact`).

* `redactor`         the kinds in their order, and the masks
* `plain`            writings that hide a digit or a letter, told as what they stand for
* `span`             a place that is to be masked
* `after`            what stands after one of many words
* `email_addresses`, `ibans`, `card_numbers`, `ip_addresses`, `phone_numbers`   a kind each
* `secret_values`    keys and tokens, by their form or by what stands before them
* `passwords`        what follows a word for one
* `halves`           beside a gap in a text that was not read whole

Each kind is a function that is handed a text and gives the places where it stands. All are linear in the
text, whatever it holds: repetitions are possessive or bounded.
"""

from collections.abc import Sequence

from stream_classifier.core.redact.redactor import KINDS, Redactor

__all__ = ["KINDS", "RULES", "Redactor", "applied"]

RULES = "m1"
"""Changes whenever a text is masked otherwise than before: it is part of digests and cache keys, so that a
label or a person's correction is never taken for a text that it was not given for."""


def applied(kinds: Sequence[str]) -> tuple[str, ...]:
    """What decides how a text is masked: the rules and the kinds, in one order. Empty where nothing is."""
    return (RULES, *sorted(set(kinds))) if kinds else ()
