"""Exactly-once on the embedded broker, which takes transactions, and tells no offsets of them."""

from stream_classifier.core import measures
from stream_classifier.lab.broker import EmbeddedBroker
from tests.journey.test_service import DEAD, a_service, ids, ticket


async def test_events_and_dead_letters_come_out_in_transactions(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker, kafka={"delivery": "exactly-once"}) as running:
        await running.put(b"no ticket", *(ticket(n, f"text number {n}") for n in range(30)))
        events = await running.events(30)
        [dead] = await running.read(DEAD, 1)
    assert (ids(events), dead.value) == ({str(n): 1 for n in range(30)}, b"no ticket")
    assert running.service.tally.count(measures.TRANSACTIONS, "committed") > 0
    assert running.service.tally.count(measures.TRANSACTIONS) == running.service.tally.count(
        measures.TRANSACTIONS, "committed"
    )
