"""Times, ids and headers of an event. `test_schemas.py` holds its body to the published schema."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import DecidedBy, Lane
from stream_classifier.core.event import (
    CONTENT_TYPE,
    LAST_MS,
    EventWriter,
    Rfc3339,
    Subject,
    cloud_event_headers,
    copied_headers,
    event_id,
)
from stream_classifier.core.journey import Decision
from stream_classifier.core.ticket import Ticket

NO_TIMESTAMP = -1  # as Kafka writes it


def subject(**changes: int | None) -> Subject:
    made = Subject(
        topic="tickets",
        partition=3,
        offset=17,
        ticket_id="1",
        tenant=None,
        revision=None,
        lane=Lane.BULK,
        timestamp_ms=1_000,
        labelled_ms=2_500,
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def times(timestamp_ms: int, labelled_ms: int) -> tuple[str, str, int]:
    writer = EventWriter(["label"])
    constant = writer.constant(Decision(labels=("bug",), decided_by=DecidedBy.CACHE), "n1:0")
    event = json.loads(writer.render(subject(timestamp_ms=timestamp_ms, labelled_ms=labelled_ms), constant))
    return event["received_at"], event["labelled_at"], event["latency_ms"]


# --------------------------------------------------------------------------------------------------- times


@given(st.lists(st.integers(0, LAST_MS), max_size=20))
def test_a_time_reads_back_as_it_was_whatever_was_written_before(moments: list[int]) -> None:
    write = Rfc3339()
    for ms in moments:
        read = datetime.strptime(write(ms), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        assert (read - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() == pytest.approx(ms / 1000, abs=1e-4)


@given(st.lists(st.integers(1_700_000_000_000, 1_700_000_003_000), min_size=2, max_size=20))
def test_what_is_kept_from_the_last_time_changes_nothing(moments: list[int]) -> None:
    kept = Rfc3339()
    assert [kept(ms) for ms in moments] == [Rfc3339()(ms) for ms in moments]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_790_000_000_007, "2026-09-21T14:13:20.007Z"),
        (LAST_MS, "9999-12-31T23:59:59.999Z"),
        (NO_TIMESTAMP, "1970-01-01T00:00:00.000Z"),
        (LAST_MS + 1, "9999-12-31T23:59:59.999Z"),
        (1_790_000_000_007_000, "9999-12-31T23:59:59.999Z"),  # a producer that counts in microseconds
        (-(2**63), "1970-01-01T00:00:00.000Z"),
        (2**63 - 1, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_every_timestamp_that_a_record_can_carry_has_a_text(ms: int, text: str) -> None:
    assert Rfc3339()(ms) == text


def test_latency_is_the_difference_of_the_two_times() -> None:
    assert times(1_000, 2_500) == ("1970-01-01T00:00:01.000Z", "1970-01-01T00:00:02.500Z", 1_500)


def test_a_record_from_the_future_has_no_negative_latency() -> None:
    assert times(5_000, 2_500)[2] == 0


def test_a_record_without_a_timestamp_counts_as_received_when_it_was_labelled() -> None:
    assert times(NO_TIMESTAMP, 2_500) == ("1970-01-01T00:00:02.500Z", "1970-01-01T00:00:02.500Z", 0)


# ----------------------------------------------------------------------------------------------------- ids


def test_an_event_is_named_after_its_record() -> None:
    assert event_id(subject()) == "tickets:3:17"


def test_a_ticket_of_an_array_is_named_by_its_place_from_0() -> None:
    assert [event_id(subject(part=part)) for part in (0, 1)] == ["tickets:3:17#0", "tickets:3:17#1"]


# ------------------------------------------------------------------------------------------------- headers


def test_headers_are_copied_in_order_with_repeats_and_the_content_type_after_them() -> None:
    headers = [("trace", b"1"), ("x", b"\xff"), ("trace", b"2"), ("x-content-type", b"3")]
    assert copied_headers(headers) == [*headers, CONTENT_TYPE]


@pytest.mark.parametrize(
    "name",
    ["ce_id", "CE_Source", "content-type", "Content-Encoding", "dlq.reason", "DLQ.offset", "replay.of"],
)
def test_headers_that_would_say_something_wrong_of_the_event_are_not_copied(name: str) -> None:
    assert copied_headers([(name, b"x")]) == [CONTENT_TYPE]


@pytest.mark.parametrize("name", ["", "ce", "cent", "content", "dlq", "replay", "xce_id", "source"])
def test_headers_that_only_look_alike_are_copied(name: str) -> None:
    assert copied_headers([(name, b"x")]) == [(name, b"x"), CONTENT_TYPE]


@given(st.lists(st.tuples(st.text(), st.binary())))
def test_there_is_always_one_content_type(headers: list[tuple[str, bytes]]) -> None:
    copied = copied_headers(headers)
    assert [h for h in copied if h[0].lower() == "content-type"] == [CONTENT_TYPE]


def test_a_cloud_event_out_has_a_type_and_a_source_of_its_own_and_the_events_id() -> None:
    incoming = [("ce_id", b"theirs"), ("ce_type", b"theirs"), ("ce_source", b"theirs"), ("ce_subject", b"s")]
    event = event_id(subject())
    headers = dict([*copied_headers(incoming), *cloud_event_headers(event)])
    assert headers.keys() == {"content-type", "ce_specversion", "ce_type", "ce_source", "ce_id"}
    assert (headers["ce_id"], headers["ce_specversion"]) == (b"tickets:3:17", b"1.0")
    assert b"theirs" not in headers.values()


# ------------------------------------------------------------------------------------------- the plain event


@given(
    topic=st.text(min_size=1, max_size=20),
    partition=st.integers(0, 10_000),
    offset=st.integers(0, 2**63 - 1),
    texts=st.tuples(st.text(max_size=20), st.none() | st.text(max_size=9), st.none() | st.text(max_size=9)),
    lane=st.sampled_from(Lane),
    truncated=st.booleans(),
    moments=st.tuples(st.integers(-1, LAST_MS), st.integers(0, LAST_MS)),
)
def test_an_event_of_which_nothing_special_is_to_say_reads_as_if_it_were_written_the_long_way(
    *,
    topic: str,
    partition: int,
    offset: int,
    texts: tuple[str, str | None, str | None],
    lane: Lane,
    truncated: bool,
    moments: tuple[int, int],
) -> None:
    ticket_id, tenant, revision = texts
    timestamp_ms, labelled_ms = moments
    writer = EventWriter(["label"])
    constant = writer.constant(Decision(labels=("bug",), decided_by=DecidedBy.CACHE), "n1:0")
    whole = Subject(
        topic=topic,
        partition=partition,
        offset=offset,
        ticket_id=ticket_id,
        tenant=tenant,
        revision=revision,
        lane=lane,
        timestamp_ms=timestamp_ms,
        labelled_ms=labelled_ms,
        truncated=truncated,
    )
    ticket = Ticket(ticket_id, "", "", "text", None, (), tenant, revision)
    plain = writer.render_plain(
        topic=topic,
        partition=partition,
        offset=offset,
        ticket=ticket,
        lane=lane,
        truncated=truncated,
        timestamp_ms=timestamp_ms,
        labelled_ms=labelled_ms,
        constant=constant,
    )
    assert plain == writer.render(whole, constant)
    assert json.loads(plain)["source"] == {"topic": topic, "partition": partition, "offset": offset}
