"""Quoted history and signatures: taken out of what the model sees, because they speak of another matter.

Only what is marked as such goes (`quotes.py`, `signatures.py`). Quotes go first: a signature is at the end of
what is left. Where nothing would be left, everything stays: a forwarded text is the ticket.
"""

from collections.abc import Collection

from stream_classifier.core.quotes import is_forward, without_quotes
from stream_classifier.core.signatures import without_signature


def strip(body: str, what: Collection[str], subject: str = "") -> str:
    """The body without `what`: any of `quotes`, `signatures`. Line ends must be line feeds."""
    stripped = body
    if "quotes" in what and not (subject and is_forward(subject)):
        stripped = without_quotes(stripped)
    if "signatures" in what:
        stripped = without_signature(stripped)
    return stripped.strip() or body
