"""A span a call to the provider, tied to the tickets that wait for its answer.

Rules
-----
* A call for one ticket is a child of its span. A call for several has as many causes: it is a trace of its
  own, with a link to each of them.
* Each ticket's span has the event `called` and a link to the call: either can be found from the other.
* A call of several is recorded where one of its tickets is, whatever share of traces is sampled: else a
  sampled ticket's call would be missing more often than not.
* The order's texts and the reply stay out of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, Span, SpanKind, Tracer, TraceState, set_span_in_context
from opentelemetry.util.types import Attributes

from stream_classifier.core.call import Order, Outcome, Signal
from stream_classifier.core.journey import Ask, Waiting
from stream_classifier.observe import trace_names as names
from stream_classifier.observe.ticket_spans import TicketSpans, failed
from stream_classifier.observe.trace_context import carried

LINKS_MAX = 128  # what the SDK keeps of a span's links unless told otherwise; of a storm the first are enough
CHAT = "chat"
PROVIDERS = {  # by the end of the host's name, as OpenTelemetry calls them
    ".azure.com": "azure.ai.openai",
    ".googleapis.com": "gcp.gen_ai",
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
}
OPENAI = "openai"  # the interface's name serves where the model's owner is not known by the host


@dataclass(slots=True)
class CallSpan:
    """One call's span while it is under way. `headers` are those that tell the provider of the trace."""

    span: Span
    headers: Mapping[str, str] = field(default_factory=dict)

    def came(self, outcome: Outcome) -> None:
        """What came of it."""
        if outcome.usage is not None:
            self.span.set_attribute(names.GEN_AI_TOKENS_IN, outcome.usage.tokens_in)
            self.span.set_attribute(names.GEN_AI_TOKENS_CACHED, outcome.usage.cached_in)
            self.span.set_attribute(names.GEN_AI_TOKENS_OUT, outcome.usage.tokens_out)
        if outcome.status is not None:
            self.span.set_attribute(names.HTTP_STATUS, outcome.status)
        if outcome.signal is not Signal.ANSWERED:
            failed(self.span, str(outcome.signal))


class CallSpans:
    """Makes calls' spans. `base_url` is the provider's; `tell_provider`: its requests carry the context."""

    def __init__(self, tracer: Tracer, tickets: TicketSpans, base_url: str, *, tell_provider: bool) -> None:
        self._tracer = tracer
        self._tickets = tickets
        self._tell_provider = tell_provider
        url = urlsplit(base_url)
        host = url.hostname or ""
        known = (name for end, name in PROVIDERS.items() if host.endswith(end))
        self._constant: dict[str, str | int] = {
            names.GEN_AI_OPERATION: CHAT,
            names.GEN_AI_PROVIDER: next(known, OPENAI),
            names.SERVER_ADDRESS: host,
            names.SERVER_PORT: url.port or (80 if url.scheme == "http" else 443),
        }

    @contextmanager
    def call(self, order: Order, lane: str, batch_id: str | None, asks: Sequence[Ask]) -> Iterator[CallSpan]:
        """The span of one call, ended with the block. `asks` is empty for a probe."""
        waiting = list(_in_turn(asks))
        tickets = [s for s in map(self._tickets.called, waiting[:LINKS_MAX]) if s is not None]
        span = self._begun(order, tickets, alone=len(waiting) == len(tickets) == 1)
        span.set_attribute(names.LANE, str(lane))
        span.set_attribute(names.TEXTS, order.records)
        span.set_attribute(names.TICKETS, len(waiting))
        if batch_id is not None:
            span.set_attribute(names.BATCH_ID, batch_id)
        attempt = 1 + max((ask.attempts for ask in asks), default=0)
        for ticket in tickets:
            ticket.add_event(names.CALLED, {names.GEN_AI_MODEL: order.model, names.ATTEMPT: attempt})
            ticket.add_link(span.get_span_context())
        try:
            yield CallSpan(span, carried(span) if self._tell_provider else {})
        except BaseException as error:
            failed(span, type(error).__qualname__)
            raise
        finally:
            span.end()

    def _begun(self, order: Order, tickets: Sequence[Span], *, alone: bool) -> Span:
        return self._tracer.start_span(
            f"{CHAT} {order.model}",
            context=set_span_in_context(tickets[0], Context()) if alone else Context(),
            kind=SpanKind.CLIENT,
            links=() if alone else [Link(ticket.get_span_context()) for ticket in tickets],
            attributes={
                **self._constant,
                names.GEN_AI_MODEL: order.model,
                names.GEN_AI_MAX_TOKENS: order.reply_tokens,
            },
        )


class WithItsTickets(Sampler):
    """Records a span that links to a recorded one; leaves all others to `others`."""

    def __init__(self, others: Sampler) -> None:
        self._others = others

    def should_sample(  # noqa: PLR0917 (the SDK's signature)
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if any(link.context.trace_flags.sampled for link in links or ()):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state)
        return self._others.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        return f"WithItsTickets{{{self._others.get_description()}}}"


def _in_turn(asks: Sequence[Ask]) -> Iterator[Waiting]:
    """The tickets that wait for these texts: each text's first before any second."""
    waiting = [[waiting for waiting in ask.waiters if waiting.live] for ask in asks]
    return chain((tickets[0] for tickets in waiting if tickets), *(tickets[1:] for tickets in waiting))
