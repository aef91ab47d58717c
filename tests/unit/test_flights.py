"""Single-flight: one ask a text and lane."""

from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Ask, Waiting
from stream_classifier.lanes.flights import Flights
from tests.unit.lane_world import waiting


def joined(flights: Flights, lane: Lane, ticket: Waiting | None = None) -> Ask:
    """A ticket's new ask."""
    ask = flights.join(ticket or waiting(), lane, now=5.0)
    assert ask is not None
    return ask


def test_the_first_ticket_of_a_text_makes_an_ask_with_its_text() -> None:
    ask = joined(Flights(), Lane.BULK)
    assert (ask.key, ask.lane, ask.text, ask.tokens, ask.asked_at) == (b"k", Lane.BULK, "text", 7, 5.0)


def test_the_next_one_joins_it() -> None:
    flights, second = Flights(), waiting()
    ask = joined(flights, Lane.BULK)
    assert flights.join(second, Lane.BULK, now=6.0) is None
    assert ask.waiters[-1] is second
    assert second.asks == [ask]


def test_the_lanes_fly_apart() -> None:
    flights = Flights()
    assert joined(flights, Lane.BULK) is not joined(flights, Lane.URGENT)
    assert (flights.waiting(Lane.BULK), flights.waiting(Lane.URGENT), len(flights)) == (1, 1, 2)


def test_each_lane_flies_under_the_key_of_its_own_model() -> None:
    flights, ticket = Flights(), waiting(bulk_key=b"b", urgent_key=b"u")
    flights.join(ticket, Lane.URGENT, now=0.0)
    assert flights.has(Lane.URGENT, b"u")
    assert not flights.has(Lane.URGENT, b"b")


def test_what_has_landed_is_asked_anew() -> None:
    flights = Flights()
    ask = joined(flights, Lane.BULK)
    flights.land(ask)
    assert joined(flights, Lane.BULK) is not ask


def test_landing_again_does_not_land_the_next_flight() -> None:
    flights = Flights()
    ask = joined(flights, Lane.BULK)
    flights.land(ask)
    joined(flights, Lane.BULK)
    flights.land(ask)
    assert flights.has(Lane.BULK, b"k")


def test_the_twin_is_the_same_text_of_the_same_model_in_the_other_lane() -> None:
    flights = Flights()
    bulk, urgent = joined(flights, Lane.BULK), joined(flights, Lane.URGENT)
    assert flights.twin(urgent) is bulk
    assert flights.twin(bulk) is urgent


def test_with_another_model_there_is_no_twin() -> None:
    flights = Flights()
    ticket = waiting(bulk_key=b"b", urgent_key=b"u")
    flights.join(ticket, Lane.BULK, now=0.0)
    assert flights.twin(joined(flights, Lane.URGENT, ticket)) is None


def test_tickets_of_closed_partitions_do_not_gather_on_a_flight_that_takes_long() -> None:
    flights = Flights()
    ask = joined(flights, Lane.BULK)
    for _ in range(100):
        ask.waiters[-1].delivery.partition.open = False  # a rebalance
        flights.join(waiting(), Lane.BULK, now=0.0)
    assert len(ask.waiters) == 1
