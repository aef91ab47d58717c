"""What growth is measured with: tickets of any length, lots, taxonomies of any size."""

from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.growth.called import LABELS, constant_tokens, taxonomy_of
from benchmarks.growth.known import LENGTHS, PARTITIONS, REPLICAS, SHARED_PARTITIONS, Point, Size
from benchmarks.growth.tickets import SMALLEST_BYTES, every_text_everywhere, known_lot, sized_ticket
from benchmarks.kafka import _partition
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.core.text import cut
from stream_classifier.settings.ticket import Ticket

NUMBERS = st.integers(0, 10**8 - 1)


@given(NUMBERS, NUMBERS, st.integers(SMALLEST_BYTES, 20_000))
def test_a_ticket_has_the_bytes_that_were_asked_for(number: int, text: int, size_bytes: int) -> None:
    assert len(sized_ticket(number, text, size_bytes)[1]) == size_bytes


def test_a_ticket_cannot_be_smaller_than_its_names() -> None:
    with pytest.raises(ValueError, match="81 bytes at least"):
        sized_ticket(1, 1, SMALLEST_BYTES - 1)


@given(st.lists(NUMBERS, min_size=2, max_size=2, unique=True), st.sampled_from(LENGTHS))
def test_two_texts_differ_also_where_the_middle_of_long_ones_is_cut(
    texts: list[int], size_bytes: int
) -> None:
    one, other = (orjson.loads(sized_ticket(1, text, size_bytes)[1]) for text in texts)
    room = Ticket().max_chars
    assert (one["subject"], cut(one["body"], room)) != (other["subject"], cut(other["body"], room))
    if size_bytes > SMALLEST_BYTES + len(" Report 00000000."):
        assert cut(one["body"], room) != cut(other["body"], room)


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_before_a_lot_every_partition_has_had_every_text(partitions: int) -> None:
    seen = Counter(
        (_partition(key, place, partitions), value)
        for place, (key, value) in enumerate(every_text_everywhere(20, partitions, 200))
    )
    assert len(seen) == 20 * partitions
    assert set(seen.values()) == {1}


@pytest.mark.parametrize("ticket_bytes", LENGTHS)
def test_a_lot_of_known_tickets_has_no_other_texts_than_those_before_it(ticket_bytes: int) -> None:
    point = Point(variants=(), ticket_bytes=ticket_bytes)
    size = Size(tickets=300, texts=50)
    texts, tickets = point.texts(size), point.tickets(size)
    lot = {orjson.loads(value)["body"] for _, value in known_lot(7, tickets, texts, ticket_bytes)}
    before = {orjson.loads(value)["body"] for _, value in every_text_everywhere(texts, 1, ticket_bytes)}
    assert lot <= before


@pytest.mark.parametrize("replicas", REPLICAS)
def test_every_replica_can_have_as_many_partitions_as_any_other(replicas: int) -> None:
    assert SHARED_PARTITIONS % replicas == 0


@pytest.mark.parametrize("labels", LABELS)
def test_a_taxonomy_has_as_many_labels_as_were_asked_for(labels: int) -> None:
    [question] = read_taxonomy(taxonomy_of(labels)).questions
    assert len(set(question.names)) == labels


def test_more_labels_are_more_tokens_in_every_call() -> None:
    tokens = [constant_tokens(labels) for labels in LABELS]
    assert tokens == sorted(set(tokens))
