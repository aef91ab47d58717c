"""The formats that a ticket may come in.

    a record's bytes -> decode -> opening (envelopes off) -> format -> canonical names -> `core/ticket.py`

* `decode`      bytes to JSON; `encodings`: what they are where they are none
* `opening`     envelopes off: `cloudevents`, `debezium` (with Connect's), ServiceNow's results
* `zendesk` `freshdesk` `intercom` `hubspot` `jira` (with `adf`) `github` `servicenow`: helpdesks, a file
  each, with a table of where what stands, and the pages of the vendor's documentation that say so
* `canonical`   our own form
* `passing`     what is passed over, by which rule; `fault`: what is no ticket
* `fields`      what may stand in a ticket's fields; `paths`: own places; `parts`: taking objects apart
* `html_body`   an HTML body as text

A format only says where things stand; `fields.py` judges what may stand there, once for all formats.
A new helpdesk is one file here with its shapes, and its place in `FORMATS`: before `json`, whose fields
are so general that it takes whatever nothing else has claimed.
"""

from stream_classifier.core.formats import (
    canonical,
    cloudevents,
    debezium,
    freshdesk,
    github,
    hubspot,
    intercom,
    jira,
    servicenow,
    zendesk,
)
from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket
from stream_classifier.core.formats.fields import names_in
from stream_classifier.core.formats.format import Format, Raw
from stream_classifier.core.formats.parts import has_canonical_names
from stream_classifier.core.formats.paths import FieldPath

FORMATS: tuple[Format, ...] = (
    *freshdesk.FORMATS,  # before Zendesk, whose triggers may write any `ticket`
    *zendesk.FORMATS,
    *intercom.FORMATS,
    *hubspot.FORMATS,
    *jira.FORMATS,
    *github.FORMATS,
    *servicenow.FORMATS,
    canonical.FORMAT,
)
_MARKS = frozenset().union(*(row.marks for row in FORMATS))
EVENTS_ONLY = cloudevents.ENVELOPE.name
"""The value of `ticket.format` that makes the envelope required."""

AVAILABLE_FORMATS = (
    "auto",
    "json",
    EVENTS_ONLY,
    *dict.fromkeys(row.name for row in FORMATS if row is not canonical.FORMAT),
    debezium.CHANGE.name,
)
"""The values of `ticket.format`."""


def recognise(raw: Raw) -> Format:
    """The format of an object that nobody has named (`auto`)."""
    if "ticket_id" in raw and "ticket_attributes" not in raw:  # most records end here; Intercom has both
        return canonical.FORMAT
    if _MARKS.isdisjoint(raw) or ("id" in raw and "subject" in raw and "body" in raw):  # no helpdesk's
        return canonical.FORMAT
    if has_canonical_names(raw) and "ticket_attributes" not in raw:
        return canonical.FORMAT
    return next(row for row in FORMATS if row.matches(raw))


def named(shapes: tuple[Format, ...], raw: Raw, *, strictly: bool) -> Format:
    """The shape that an object has, where the format is given by name: the one it is recognised by, else one
    of which it has an id's place and a text's.

    Raises:
        NotATicket: it has none of them. Where not `strictly`, the last, which is the barest, is taken: own
            paths say where things stand.
    """
    has = (row for row in shapes if _has(raw, row.id_places) and _has(raw, row.text_places))
    found = next((row for row in shapes if row.matches(raw)), None) or next(has, None)
    if found is not None or not strictly:
        return found or shapes[-1]
    looked_for = "; ".join(f"{row.shape} with {_places(row)}" for row in shapes)
    raise NotATicket(
        DeadLetterReason.NOT_A_TICKET,
        f"The record is in no shape of ticket.format `{shapes[0].name}`: looked for {looked_for}."
        f" {names_in(raw)} Set ticket.format to auto, or name the places in ticket.fields.",
    )


def _has(raw: Raw, places: tuple[str, ...]) -> bool:
    return not places or any(FieldPath.parse(place).of(raw) is not None for place in places)


def _places(row: Format) -> str:
    ids, texts = (
        " or ".join(f"`{place}`" for place in places) for places in (row.id_places, row.text_places)
    )
    return f"{ids} and {texts}" if texts else ids
