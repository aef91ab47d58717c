"""What is sent through again, and as what; and that its event names the one that it renews."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.dead_letter import VALUE_OMITTED, dead_letter_headers
from stream_classifier.core.replay import (
    Chosen,
    Offsets,
    Origin,
    Place,
    Selection,
    choose,
    headers_for,
    renewed_by,
    trips_of,
)
from tests.unit.lane_fakes import Record, content, ticket
from tests.unit.lane_world import world

AT = Place("tickets", 3, 17)
DEAD = Selection(origin=Origin.DEAD_LETTERS)
HEADERS = [("h", b"1"), ("h", b"2")]


def dead(*more: tuple[str, bytes], reason: str = "not_json") -> list[tuple[str, bytes]]:
    described = dead_letter_headers(
        HEADERS,
        reason=reason,
        sentence="It is no JSON.",
        **AT._asdict(),
        failed_at="2026-01-01T00:00:00.000Z",
    )
    return [*described, *more]


def event(**fields: Any) -> bytes:
    return orjson.dumps(
        {
            "event_id": str(AT),
            "status": "labelled",
            "reason": None,
            "decided_by": "llm",
            "taxonomy_digest": "old",
            "source": AT._asdict(),
            **fields,
        }
    )


def test_a_dead_letter_stands_for_its_record_and_holds_it() -> None:
    assert choose(DEAD, b"not json", dead()) == Chosen(place=AT, reason="not_json", held=True)


@pytest.mark.parametrize(
    ("value", "headers"), [(None, dead(VALUE_OMITTED)), (event(), dead(reason="too_large"))]
)
def test_a_dead_letter_without_the_records_bytes_has_them_read_again(
    value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    chosen = choose(DEAD, value, headers)
    assert chosen is not None
    assert (chosen.place, chosen.held) == (AT, False)


def test_a_ticket_that_speaks_of_events_is_not_taken_for_one() -> None:
    value = orjson.dumps({"event_id": "tickets:0:1", "source": Place("tickets", 0, 1)._asdict()})
    chosen = choose(DEAD, value, dead())
    assert chosen is not None
    assert chosen.held


@pytest.mark.parametrize(
    "headers", [[], HEADERS, [("dlq.topic", b"t")], [*dead()[:-3], ("dlq.offset", b"many")]]
)
def test_what_is_no_dead_letter_of_ours_is_passed_over(headers: list[tuple[str, bytes]]) -> None:
    assert choose(DEAD, b"x", headers) is None


def test_only_the_reasons_that_were_named_are_chosen() -> None:
    selection = Selection(origin=Origin.DEAD_LETTERS, reasons=frozenset({"too_large"}))
    assert choose(selection, b"x", dead()) is None
    assert choose(selection, b"x", dead(reason="too_large")) is not None


def test_reviews_are_events_that_need_one() -> None:
    reviews = Selection(origin=Origin.REVIEWS)
    assert choose(reviews, event(), []) is None
    review = event(status="needs_review", reason="unsure")
    assert choose(reviews, review, []) == Chosen(place=AT, reason="unsure", held=False)


def test_labels_are_chosen_where_another_taxonomy_gave_them() -> None:
    labels = Selection(origin=Origin.LABELS, taxonomy_digest="new")
    assert choose(labels, event(), []) is not None
    assert choose(labels, event(taxonomy_digest="new"), []) is None
    assert choose(labels, event(status="needs_review", reason="unsure"), []) is None
    assert choose(Selection(origin=Origin.LABELS), event(taxonomy_digest="new"), []) is not None


def test_a_persons_correction_is_left_as_it_is() -> None:
    labels = Selection(origin=Origin.LABELS, taxonomy_digest="new")
    assert choose(labels, event(decided_by="override", taxonomy_digest=None), []) is None


@pytest.mark.parametrize("value", [None, b"", b"[]", b"7", b'{"source": 3}', b"\xff", event(source={})])
def test_what_is_no_event_is_passed_over(value: bytes | None) -> None:
    assert choose(Selection(origin=Origin.REVIEWS), value, []) is None


def test_a_record_goes_out_with_its_own_headers_its_first_place_and_its_trips() -> None:
    assert headers_for(dead(), AT) == [*HEADERS, ("replay.of", b"tickets:3:17"), ("replay.trips", b"1")]


@given(st.integers(1, 9))
def test_each_trip_is_counted_and_names_the_record_before_it(trips: int) -> None:
    headers = HEADERS
    for number in range(trips):
        headers = headers_for(headers, Place("tickets", 0, number))
    assert trips_of(headers) == trips
    assert renewed_by(headers, None) == f"tickets:0:{trips - 1}"
    assert len(headers) == len(HEADERS) + 2


@pytest.mark.parametrize("text", [b"", b"-1", b"many", b"1.5", b"9" * 30, b"\xff"])
def test_trips_that_nobody_can_have_counted_are_none(text: bytes) -> None:
    assert trips_of([("replay.trips", text)]) == 0


@pytest.mark.parametrize(
    "text", [b"", b"tickets", b"tickets:1", b"a b:1:2", b"t:1:2#", b"t:1:2\n", b"\xff:1:2"]
)
def test_a_name_that_is_no_events_is_not_passed_on(text: bytes) -> None:
    assert renewed_by([("replay.of", text)], None) is None


def test_a_selection_has_the_same_name_whatever_order_it_was_given_in_and_another_for_each_difference() -> (
    None
):
    rows = (Offsets(0, 1, 2), Offsets(1, 5, 5))
    one = Selection(origin=Origin.LABELS, reasons=frozenset({"a", "b"}), offsets=rows)
    same = Selection(origin=Origin.LABELS, reasons=frozenset({"b", "a"}), offsets=rows[::-1])
    others = [
        Selection(origin=Origin.REVIEWS, reasons=frozenset({"a", "b"}), offsets=rows),
        Selection(origin=Origin.LABELS, reasons=frozenset({"a"}), offsets=rows),
        Selection(origin=Origin.LABELS, reasons=frozenset({"a", "b"}), offsets=rows, since_ms=1),
        Selection(origin=Origin.LABELS, reasons=frozenset({"a", "b"}), offsets=rows, until_ms=1),
        Selection(origin=Origin.LABELS, reasons=frozenset({"a", "b"}), offsets=rows, taxonomy_digest="x"),
        Selection(origin=Origin.LABELS, reasons=frozenset({"a", "b"})),
    ]
    assert one.digest == same.digest
    assert len({one.digest, *(other.digest for other in others)}) == len(others) + 1


def test_a_place_is_meant_by_its_offsets_and_its_time() -> None:
    selection = Selection(
        origin=Origin.REVIEWS, since_ms=10, until_ms=20, offsets=(Offsets(0, 5, 7), Offsets(2, 0, 0))
    )
    assert [offset for offset in range(10) if selection.meant(0, offset, 15)] == [5, 6, 7]
    assert [ms for ms in range(5, 25) if selection.meant(2, 0, ms)] == list(range(10, 20))
    assert not selection.meant(1, 5, 15)


def replayed() -> list[tuple[str, bytes]]:
    return headers_for([("h", b"1")], AT)


async def test_the_new_event_names_the_one_that_it_renews_and_copies_no_header_of_a_replay() -> None:
    async with world() as w:
        record = ticket("a text")
        w.read(Record(value=record.value, key=None, headers=replayed()))
        [event] = await w.events(1)
        assert event["relabel_of"] == "tickets:3:17"
        assert [name for name, _ in w.outbox.sent[0].headers] == ["h", "content-type"]


async def test_an_event_from_the_cache_names_it_too() -> None:
    async with world() as w:
        record = ticket("a text")
        w.read(record)
        await w.events(1)
        w.read(Record(value=record.value, key=None, headers=replayed()))
        first, second = await w.events(2)
        assert (first["relabel_of"], second["relabel_of"]) == (None, "tickets:3:17")
        assert second["decided_by"] == "cache"


async def test_each_event_of_an_array_names_its_own_ticket() -> None:
    async with world() as w:
        array = orjson.dumps([content("one"), content("two")])
        w.read(Record(value=array, key=None, headers=replayed()))
        assert [e["relabel_of"] for e in await w.events(2)] == ["tickets:3:17#0", "tickets:3:17#1"]
