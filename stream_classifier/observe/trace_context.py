"""W3C trace context in the headers of Kafka records.

Rules
-----
* A header's name is compared without case. Of several with one name the last counts: where each hop adds its
  own, that is the newest.
* What cannot be read as a context is as if it were not there, and a new trace begins.
* A record goes out with one context, ours. What came in is taken out, also where it could not be read.
"""

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from stream_classifier.core.journey import Headers, OwnHeaders

W3C = TraceContextTextMapPropagator()
NAMES = frozenset(W3C.fields)


class _LastHeader(Getter[Headers]):
    """Reads a record's headers; a header may have no value."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        values = [value for name, value in carrier if name.lower() == key and value is not None]
        return [values[-1].decode("ascii", "replace")] if values else None

    def keys(self, carrier: Headers) -> list[str]:
        return [name for name, _ in carrier]


_GETTER = _LastHeader()


def came_with(headers: Headers) -> Context:
    """The context that a record brought; an empty one where it brought none."""
    return W3C.extract(headers, Context(), _GETTER)


def going_with(headers: OwnHeaders, span: Span) -> OwnHeaders:
    """These headers with this span's context, and no other."""
    ours = [(name, value.encode()) for name, value in carried(span).items()]
    return [*(header for header in headers if header[0].lower() not in NAMES), *ours]


def carried(span: Span) -> dict[str, str]:
    """A span's context as `traceparent` and, where there is one, `tracestate`."""
    carrier: dict[str, str] = {}
    W3C.inject(carrier, set_span_in_context(span, Context()))
    return carrier
