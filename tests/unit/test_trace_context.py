"""W3C trace context in Kafka's headers: what is taken, what is put in its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, Span, get_current_span

from stream_classifier.core.journey import Headers
from stream_classifier.observe.trace_context import came_with, carried, going_with
from tests.unit.trace_world import PARENT, TRACE, TRACEPARENT, traceparent

OURS = TracerProvider(shutdown_on_exit=False).get_tracer("test")
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["traceparent", "Traceparent", "tracestate", "TRACESTATE", "x", "content-type"]),
        st.none() | st.binary(max_size=60) | st.sampled_from([TRACEPARENT[1], b"vendor=1", b"a=1,b=2"]),
    )
)


def parent_of(headers: Headers) -> tuple[str, str, bool]:
    """Trace id, span id and whether it is sampled, of what these headers bring."""
    context = get_current_span(came_with(headers)).get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled


def a_span(headers: Headers) -> Span:
    return OURS.start_span("test", context=came_with(headers))


def test_a_record_s_context_is_the_parent() -> None:
    assert parent_of([("x", b"1"), TRACEPARENT]) == (TRACE, PARENT, True)


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_the_name_is_compared_without_case(name: str) -> None:
    assert parent_of([(name, TRACEPARENT[1])]) == (TRACE, PARENT, True)


def test_of_several_contexts_the_last_is_the_newest_and_counts() -> None:
    older = ("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")
    assert parent_of([older, TRACEPARENT]) == (TRACE, PARENT, True)


def test_a_context_that_is_not_sampled_stays_so() -> None:
    span = a_span([("traceparent", TRACEPARENT[1][:-2] + b"00")])
    assert isinstance(span, NonRecordingSpan)
    assert carried(span)["traceparent"].endswith("-00")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"00-" + b"0" * 32 + b"-" + b"2" * 16 + b"-01",
        b"ff" + TRACEPARENT[1][2:],
    ],
)
def test_what_is_no_context_begins_a_new_trace_and_does_not_go_out(value: bytes) -> None:
    span = a_span([("traceparent", value)])
    headers = going_with([("traceparent", value)], span)
    assert span.get_span_context().is_valid
    assert traceparent(headers) == carried(span)["traceparent"]


def test_a_header_without_a_value_is_passed_over() -> None:
    assert parent_of([TRACEPARENT, ("traceparent", None)])[0] == TRACE  # type: ignore[list-item]


def test_the_vendors_state_goes_on() -> None:
    span = a_span([TRACEPARENT, ("tracestate", b"vendor=1")])
    assert ("tracestate", b"vendor=1") in going_with([], span)


def test_a_state_without_its_context_does_not_go_on() -> None:
    headers = [("tracestate", b"vendor=1")]
    assert [name for name, _ in going_with(headers, a_span(headers))] == ["traceparent"]


@given(HEADERS)
def test_whatever_came_one_context_goes_out_and_all_else_as_it_was(headers: Headers) -> None:
    span = a_span(headers)
    out = going_with(list(headers), span)
    names = [name.lower() for name, _ in out]
    assert names.count("traceparent") == 1
    assert names.count("tracestate") <= 1
    assert parent_of(out)[1] == f"{span.get_span_context().span_id:016x}"
    kept = [header for header in headers if not header[0].lower().startswith("trace")]
    assert [header for header in out if not header[0].lower().startswith("trace")] == kept


@given(HEADERS)
def test_a_trace_that_came_is_the_one_that_goes_on(headers: Headers) -> None:
    came = get_current_span(came_with(headers)).get_span_context()
    if came.is_valid:
        assert traceparent(going_with([], a_span(headers))).split("-")[1] == f"{came.trace_id:032x}"


def test_nothing_is_taken_from_a_context_around_it() -> None:
    assert came_with([]) == Context()
