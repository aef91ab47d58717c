"""Takes envelopes off: CloudEvents, Connect, Debezium, ServiceNow's results, and JSON within a text.

Rules
-----
* They may stand around one another in any order: Debezium writes CloudEvents, Connect wraps both.
* An object with `ticket_id` at its top is a ticket, whatever else it has. Only the record's own content type
  says otherwise.
* Text is read as JSON only where it begins like an object or an array.
* What was taken off is kept: own field paths reach into it, and a CloudEvent's source is a tenant where the
  ticket names none.
"""

from dataclasses import dataclass
from typing import Any

from stream_classifier.core.formats import cloudevents, debezium, servicenow
from stream_classifier.core.formats.decode import decode
from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket
from stream_classifier.core.formats.format import Envelope, Raw
from stream_classifier.core.formats.parts import at
from stream_classifier.core.formats.paths import FieldPath

ENVELOPES: tuple[Envelope, ...] = (
    cloudevents.ENVELOPE,
    debezium.CONNECT,
    debezium.CHANGE,
    servicenow.RESULT,
)
_MARKS = frozenset().union(*(envelope.marks for envelope in ENVELOPES))
MAX_LAYERS = 8  # a CloudEvent of Debezium's from an outbox has five; a text in a text in a text is a mistake


@dataclass(slots=True)
class Opened:
    """What is inside, and what was around it, the outermost first. Never changed; not frozen because that
    costs as much as all the rest of looking for envelopes where there is none."""

    content: Any
    layers: tuple[Raw, ...] = ()
    event: Raw | None = None  # the CloudEvent, or the attributes that stood in headers

    def along(self, path: FieldPath) -> Any:
        """What stands at the end of an own path: inside, else around it, the nearest first."""
        whole = (self.content, *reversed(self.layers))
        return next((value for raw in whole if (value := path.of(raw)) is not None), None)


def opened(raw: Any, *, content_type: str = "", within: Opened | None = None) -> Opened:
    """Everything off; `within` is what an element's array was found in.

    Raises:
        NotATicket: an envelope that holds nothing to read, or too many of them.
        PassedOver: an envelope that tells of a deletion and the like.
    """
    layers, event = (within.layers, within.event) if within else ((), None)
    for _ in range(MAX_LAYERS):
        if isinstance(raw, str) and raw.lstrip()[:1] in ("{", "["):
            raw = decode(raw.encode(), what="The text in the value")
            continue
        envelope = _envelope(raw, content_type)
        if envelope is None:
            return Opened(raw, layers, event)
        layers = (*layers, raw)
        event = raw if envelope is cloudevents.ENVELOPE else event
        raw, content_type = envelope.content(raw), ""
    raise NotATicket(
        DeadLetterReason.NOT_A_TICKET,
        f"The value is wrapped more than {MAX_LAYERS} times: send the ticket as an object of its own.",
    )


def source_of(event: Raw | None) -> str | None:
    """A CloudEvent's source."""
    source = at(event, "source")
    return source if isinstance(source, str) and source else None


def _envelope(raw: Any, content_type: str) -> Envelope | None:
    if not isinstance(raw, dict) or (not content_type and ("ticket_id" in raw or _MARKS.isdisjoint(raw))):
        return None
    return next((envelope for envelope in ENVELOPES if envelope.wraps(raw, content_type)), None)
