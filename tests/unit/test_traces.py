"""What a ticket's journey looks like in a trace, with the real lanes and OpenTelemetry's SDK."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Signal
from stream_classifier.observe import trace_names as names
from stream_classifier.observe.call_spans import LINKS_MAX
from tests.unit.conftest import JumpingLoop
from tests.unit.lane_fakes import LATENCY_S, MODEL, Record, failure, first, ticket
from tests.unit.trace_world import (
    NOT_SAMPLED,
    PARENT,
    TRACE,
    TRACEPARENT,
    Traced,
    place,
    said,
    sent_by,
    traced,
    traceparent,
)

BATCH_WAIT_S = 2.0


def with_context(record: Record) -> Record:
    return replace(record, headers=[("x", b"1"), TRACEPARENT])


async def several(t: Traced, count: int = 3) -> None:
    """So many tickets in one batch, answered and acknowledged."""
    t.w.read(*(with_context(ticket(f"text {n}")) for n in range(count)))
    await t.w.events(count)


# ------------------------------------------------------------------------------------------- tickets


async def test_a_ticket_s_span_is_a_child_of_its_producer_s_and_the_event_goes_out_as_a_child_of_ours() -> (
    None
):
    async with traced() as t:
        t.w.read(with_context(ticket("one")))
        await t.w.events(1)
        [process], [send] = t.named("process tickets"), t.sendings
        assert process.parent is not None
        assert (f"{process.parent.trace_id:032x}", f"{process.parent.span_id:016x}") == (TRACE, PARENT)
        assert send.parent is not None
        assert send.parent.span_id == place(process).span_id
        [sent] = t.w.outbox.sent
        assert traceparent(sent.headers) == sent_by(send)
        assert ("x", b"1") in sent.headers
    assert (process.kind, send.kind) == (SpanKind.CONSUMER, SpanKind.PRODUCER)


async def test_a_ticket_that_brings_no_context_begins_a_trace() -> None:
    async with traced() as t:
        t.w.read(ticket("one"))
        await t.w.events(1)
        [process] = t.named("process tickets")
        assert process.parent is None
        assert traceparent(t.w.outbox.sent[0].headers).split("-")[1] == f"{place(process).trace_id:032x}"


async def test_a_known_ticket_has_its_spans_too_with_and_without_headers() -> None:
    async with traced() as t:
        t.w.read(ticket("the same"))
        await t.w.events(1)
        t.w.read(ticket("the same"), with_context(ticket("the same")))
        await t.w.events(3)
        assert [said(span)[names.DECIDED_BY] for span in t.tickets.values()] == ["llm", "cache", "cache"]
        assert [traceparent(sent.headers) for sent in t.w.outbox.sent] == [sent_by(s) for s in t.sendings]
        assert traceparent(t.w.outbox.sent[2].headers).split("-")[1] == TRACE


async def test_a_span_says_what_the_event_says_and_where_it_came_from() -> None:
    async with traced() as t:
        t.w.read(ticket("one", urgent=True))
        [event] = await t.w.events(1)
        attributes = dict(said(t.tickets["tickets:0:0"]))
    assert attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "tickets",
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "messaging.consumer.group.name": "stream-classifier",
        "stream_classifier.event_id": "tickets:0:0",
        "stream_classifier.ticket_id": "id of one",
        "stream_classifier.lane": "urgent",
        "stream_classifier.status": "labelled",
        "stream_classifier.decided_by": "llm",
        "stream_classifier.model": event["model"],
        "stream_classifier.batch_id": event["batch_id"],
        "stream_classifier.attempts": 1,
    }


async def test_a_span_lasts_from_the_reading_to_the_acknowledgement_with_the_call_in_it() -> None:
    async with traced(batch={"max_tickets": 10}) as t:
        acknowledged, t.w.outbox.acknowledged = t.w.outbox.acknowledged, None
        walls = iter(range(0, 10**15, 10**9))
        t.tracing.tickets.wall_ns = lambda: next(walls)  # 1 s a look, so that order is seen
        t.w.read(ticket("one"))
        await t.w.events(1)
        assert t.named("process tickets") == []
        assert acknowledged is not None
        acknowledged(t.w.partition, [0])
        [process] = t.named("process tickets")
        [called] = [event for event in process.events if event.name == names.CALLED]
        assert process.start_time == -BATCH_WAIT_S * 1e9  # opened at the call, and begun when it was read
        assert dict(called.attributes or {}) == {names.GEN_AI_MODEL: MODEL, names.ATTEMPT: 1}
        assert (process.end_time or 0) >= (t.sendings[0].end_time or 0) > 0


async def test_each_ticket_of_an_array_has_its_own_span_and_its_event_its_own_context() -> None:
    async with traced() as t:
        parts = [{"ticket_id": str(n), "body": f"text {n}"} for n in range(2)]
        t.w.read(Record(value=orjson.dumps(parts), headers=[TRACEPARENT]))
        await t.w.events(2)
        assert set(t.tickets) == {"tickets:0:0#0", "tickets:0:0#1"}
        contexts = [traceparent(sent.headers) for sent in t.w.outbox.sent]
        assert sorted(contexts) == sorted(map(sent_by, t.sendings))


async def test_a_dead_letter_s_span_has_failed_and_its_headers_are_untouched() -> None:
    async with traced() as t:
        t.w.read(Record(value=b"no ticket", headers=[TRACEPARENT]))
        [span] = t.named("process tickets")
        assert said(span)[names.ERROR_TYPE] == "not_json"
        assert span.status.status_code is StatusCode.ERROR
        assert f"{place(span).trace_id:032x}" == TRACE
        assert [h for h in t.w.outbox.dead[0].headers if h[0] == "traceparent"] == [TRACEPARENT]


async def test_a_ticket_for_review_says_why_and_has_not_failed() -> None:
    async with traced() as t:
        t.w.read(ticket(""))
        await t.w.events(1)
        span = t.tickets["tickets:0:0"]
        assert (said(span)[names.STATUS], said(span)[names.REASON]) == ("needs_review", "no_text")
        assert span.status.is_unset


async def test_a_ticket_whose_partition_went_away_says_so_and_its_next_delivery_is_in_the_same_trace() -> (
    None
):
    async with traced(llm={"concurrency": 1}) as t:
        t.w.read(with_context(ticket("one")))
        await asyncio.sleep(BATCH_WAIT_S + LATENCY_S / 2)  # its call is under way
        t.w.rebalance()
        t.w.poll()
        await t.w.events(1)
        went, came = t.named("process tickets")
        assert [event.name for event in went.events] == [names.CALLED, names.NOT_PUBLISHED]
        assert place(went).trace_id == place(came).trace_id


# --------------------------------------------------------------------------------------------- calls


async def test_a_call_of_several_is_a_trace_of_its_own_that_links_to_each_ticket_and_they_to_it() -> None:
    async with traced() as t:
        await several(t)
        [call], tickets = t.calls, t.tickets.values()
        assert call.parent is None
        assert {link.context.span_id for link in call.links} == {place(span).span_id for span in tickets}
        assert [[link.context for link in span.links] for span in tickets] == [[place(call)]] * 3


async def test_a_call_for_one_ticket_is_a_child_of_its_span() -> None:
    async with traced() as t:
        t.w.read(with_context(ticket("one", urgent=True)))
        await t.w.events(1)
        [call], [process] = t.calls, t.named("process tickets")
        assert call.parent is not None
        assert (call.parent.span_id, call.links) == (place(process).span_id, ())


async def test_a_text_that_several_tickets_wait_for_links_to_all_of_them() -> None:
    async with traced() as t:
        t.w.read(*(with_context(ticket("the same")) for _ in range(3)))
        await t.w.events(3)
        [call] = t.calls
        assert (len(call.links), said(call)[names.TICKETS], said(call)[names.TEXTS]) == (3, 3, 1)


async def test_in_a_storm_every_text_of_the_call_is_linked_before_any_second_ticket() -> None:
    async with traced() as t:
        t.w.read(*(ticket("storm") for _ in range(2 * LINKS_MAX)), ticket("alone a"), ticket("alone b"))
        await t.w.events(2 * LINKS_MAX + 2)
        [call] = t.calls
        by_span = {place(span).span_id: event_id for event_id, span in t.tickets.items()}
        linked = [by_span[link.context.span_id] for link in call.links]
        assert len(linked) == LINKS_MAX
        assert {f"tickets:0:{n}" for n in (0, 2 * LINKS_MAX, 2 * LINKS_MAX + 1)} <= set(linked)
        assert said(call)[names.TICKETS] == 2 * LINKS_MAX + 2


async def test_a_call_says_who_was_asked_and_what_it_used() -> None:
    async with traced(llm={"base_url": "https://me.openai.azure.com/openai/v1"}) as t:
        await several(t)
        [event, *_], [call] = await t.w.events(3), t.calls
        usage = t.w.bulk.usage
        assert (call.name, call.kind) == (f"chat {MODEL}", SpanKind.CLIENT)
        attributes = dict(said(call))
        assert attributes.pop("gen_ai.request.max_tokens") > 0
        assert attributes == {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "azure.ai.openai",
            "gen_ai.request.model": MODEL,
            "gen_ai.usage.input_tokens": usage.tokens_in,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_in,
            "gen_ai.usage.output_tokens": usage.tokens_out,
            "server.address": "me.openai.azure.com",
            "server.port": 443,
            "http.response.status_code": 200,
            "stream_classifier.lane": "bulk",
            "stream_classifier.texts": 3,
            "stream_classifier.tickets": 3,
            "stream_classifier.batch_id": event["batch_id"],
        }


async def test_each_attempt_is_a_call_of_its_own_and_one_that_failed_says_how() -> None:
    async with traced() as t:
        t.w.bulk.script = first(1, failure(Signal.SERVER_ERROR, status=503))
        await several(t)
        failed, answered = t.calls
        assert said(failed)[names.ERROR_TYPE] == "server_error"
        assert (failed.status.status_code, answered.status.status_code) == (
            StatusCode.ERROR,
            StatusCode.UNSET,
        )
        called = [event for event in t.tickets["tickets:0:0"].events if event.name == names.CALLED]
        assert [(event.attributes or {})[names.ATTEMPT] for event in called] == [1, 2]


async def test_a_call_that_is_broken_off_ends_its_span() -> None:
    async with traced() as t:
        t.w.bulk.latency_s = lambda _: 1e6
        t.w.read(ticket("one"))
        await asyncio.sleep(BATCH_WAIT_S + 1)
        t.w.running["bulk"].cancel()
        await asyncio.sleep(0.1)
        [call] = t.calls
        assert said(call)[names.ERROR_TYPE] == "CancelledError"


async def test_a_probe_is_a_trace_without_tickets() -> None:
    async with traced(introduced=False) as t:
        t.w.read(ticket("one"))
        await t.w.events(1)
        probe = next(call for call in t.calls if said(call)[names.TICKETS] == 0)
        assert (probe.parent, probe.links) == (None, ())


@pytest.mark.parametrize("told", [False, True])
async def test_the_provider_is_told_of_the_trace_only_where_the_settings_say_so(told: bool) -> None:
    orders = []
    async with traced(llm={"trace_context": told}) as t:
        provider = t.w.pipeline.prober.callers[Lane.BULK].provider
        ask = provider.ask

        class Listening:
            async def ask(self, order: Any) -> Any:
                orders.append(order)
                return await ask(order)

        t.w.pipeline.prober.callers[Lane.BULK].provider = Listening()
        await several(t)
        [order], [call] = orders, t.calls
        assert dict(order.headers) == ({"traceparent": sent_by(call)} if told else {})


# ------------------------------------------------------------------------------------------ sampling


async def test_what_the_producer_did_not_sample_is_not_recorded_and_says_so_to_the_next() -> None:
    async with traced() as t:
        t.w.read(replace(ticket("one", urgent=True), headers=[NOT_SAMPLED]))
        await t.w.events(1)
        assert t.spans == ()
        header = traceparent(t.w.outbox.sent[0].headers)
        assert (header[:36], header[-3:]) == (f"00-{TRACE}-", "-00")


async def test_a_sampled_ticket_s_call_is_recorded_whatever_share_is_sampled() -> None:
    async with traced(ParentBased(TraceIdRatioBased(0.0))) as t:
        t.w.read(with_context(ticket("sampled")), ticket("not"), ticket("nor this"))
        await t.w.events(3)
        [call] = t.calls
        assert [link.context.trace_flags.sampled for link in call.links].count(True) == 1
        assert len(t.named("process tickets")) == 1


async def test_a_call_of_tickets_none_of_which_is_sampled_is_not_recorded() -> None:
    async with traced(ParentBased(TraceIdRatioBased(0.0))) as t:
        await asyncio.sleep(0)
        t.w.read(*(ticket(f"text {n}") for n in range(3)))
        await t.w.events(3)
        assert t.spans == ()


# ------------------------------------------------------------------------------------------- bounds


async def test_open_spans_are_bounded_while_the_broker_is_away_and_every_event_still_carries_its_trace() -> (
    None
):
    async with traced() as t:
        t.tracing.tickets.open_max = 5
        t.w.outbox.acknowledged = None  # the broker is away
        t.w.read(ticket("known"))
        await t.w.events(1)
        t.w.read(*(ticket("known") for _ in range(20)))
        await t.w.events(21)
        assert len(t.named("process tickets")) == 21 - 5
        assert len({traceparent(sent.headers) for sent in t.w.outbox.sent}) == 21
        t.tracing.tickets.acknowledged(t.w.partition, range(21))
        assert len(t.named("process tickets")) == 21
        t.w.read(ticket("known"))
        assert len(t.named("process tickets")) == 21  # there is room again: it waits for its acknowledgement


RECORDS = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from([(), (TRACEPARENT,), (NOT_SAMPLED,)])),
    max_size=12,
)
STEPS = st.lists(st.tuples(RECORDS, st.booleans(), st.sampled_from([0.0, 1.0, 5.0])), min_size=1, max_size=5)


@given(steps=STEPS, open_max=st.integers(0, 8))
@examples(max_examples=60)
def test_whatever_comes_each_event_has_one_context_and_no_span_is_left_open(
    steps: list[tuple[list[tuple[int, bool, tuple[Any, ...]]], bool, float]], open_max: int
) -> None:
    async def live() -> None:
        async with traced() as t:
            t.tracing.tickets.open_max = open_max
            for records, rebalance, then_s in steps:
                t.w.read(
                    *(
                        replace(ticket(f"text {text}" if text else "", urgent=urgent), headers=headers)
                        for text, urgent, headers in records
                    )
                )
                if rebalance:
                    t.w.rebalance()
                    t.w.poll()
                await asyncio.sleep(then_s)
            await asyncio.sleep(60)
            published = [traceparent(sent.headers) for sent in t.w.outbox.sent]
            assert len(set(published)) == len(published)
            t.tracing.tickets.close()
            assert (t.tracing.tickets._count, t.tracing.tickets._open) == (0, {})
            recorded = [p for p in published if int(p[-2:], 16) & 1]
            assert sorted(map(sent_by, t.sendings)) == sorted(recorded)
            finished = Counter(place(span).span_id for span in t.spans)
            assert set(finished.values()) <= {1}

    with structlog.testing.capture_logs(), asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(live())


# ------------------------------------------------------------------------------------------ secrecy


async def test_no_span_holds_a_text_a_key_or_a_header_s_value() -> None:
    marks = {word: f"{word}-7f3a" for word in ("text", "subject", "key", "header", "tenant", "tag", "secret")}
    llm = {"api_key": marks["secret"], "headers": {"x-team": marks["secret"]}}
    async with traced(llm=llm, urgent={"deadline_s": 20}) as t:
        t.w.bulk.script = first(1, replace(failure(Signal.SERVER_ERROR), detail=marks["text"]))
        more = {"subject": marks["subject"], "tenant": marks["tenant"], "tags": [marks["tag"]]}
        for urgent in (False, True):
            record = ticket(
                marks["text"] + str(urgent), key=f"{marks['key']}{urgent}".encode(), urgent=urgent, **more
            )
            record.value = (record.value or b"").replace(b'"ticket_id":"id of', b'"ticket_id":"1","was":"')
            t.w.read(replace(record, headers=[TRACEPARENT, ("x", marks["header"].encode())]))
        t.w.read(Record(value=marks["text"].encode(), key=marks["key"].encode()))
        await t.w.events(2)
        written = "".join(span.to_json() for span in t.spans)
    assert len(t.spans) >= 8
    assert [word for word, mark in marks.items() if mark in written] == []
