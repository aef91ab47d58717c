"""The formats that a ticket may come in.

    a record's bytes -> decode -> envelope off -> format -> canonical names -> `core/ticket.py`

A format only says where things stand; `fields.py` judges what may stand there, once for all formats.
A new helpdesk is one file here with a `FORMAT`, and its row in `FORMATS`: before `json`, whose fields
are so general that it takes whatever nothing else has claimed.
"""

from stream_classifier.core.formats import canonical, cloudevents
from stream_classifier.core.formats.format import Envelope, Format, Raw

FORMATS: tuple[Format, ...] = (canonical.FORMAT,)
ENVELOPES: tuple[Envelope, ...] = (cloudevents.ENVELOPE,)

AVAILABLE_FORMATS = ("auto", *(row.name for row in FORMATS), *(row.name for row in ENVELOPES))
"""The values of `ticket.format` that this version reads."""


def recognise(raw: Raw) -> Format:
    """The format of an object that nobody has named (`auto`)."""
    if "ticket_id" in raw:  # only the canonical form has it at the top: most records end here
        return canonical.FORMAT
    for row in FORMATS:
        if row.matches(raw):
            return row
    return canonical.FORMAT
