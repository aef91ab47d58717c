"""Records that wait for their schema, on a real Kafka: through a rebalance, in both ways of delivery."""

from collections import Counter
from pathlib import Path

import pytest

from tests.broker.stream import a_stream, ticket
from tests.brokers.kafka import Kafka
from tests.journey.schema_registry import a_registry, answering
from tests.journey.test_schema_registry import JSON_SCHEMA, framed

RECORDS = 40
WAITING = 'partitions_paused{reason="schema"}'


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
async def test_records_that_wait_for_their_schema_are_labelled_once_by_whoever_owns_them_then(
    kafka: Kafka, tmp_path: Path, delivery: str
) -> None:
    async with (
        a_registry() as registry,
        a_stream(kafka.bootstrap_servers, tmp_path, partitions=2, kafka__delivery=delivery) as stream,
    ):
        registry.schemas = {7: JSON_SCHEMA}
        registry.fault = answering(503)
        for partition in range(2):
            plain = [ticket(n) for n in range(partition, RECORDS, 2)]
            written = [framed(7, ticket(RECORDS + n)) for n in range(partition, RECORDS, 2)]
            await stream.put([*plain, *written], partition=partition)
        named = {"kafka__schema_registry_url": registry.url}
        first = await stream.working_member(**named)
        await first.until_metric(WAITING, lambda paused: paused == 2)
        await stream.until_events(RECORDS)
        second = await stream.working_member(**named)
        await second.until_metric(WAITING, lambda paused: paused == 1)
        assert (await first.get("/healthz")).status_code == 200
        assert "Not read, for want of a schema: 1 of 1 partition," in (await first.get("/")).text
        assert len(await stream.events()) == RECORDS
        registry.fault = None
        await stream.settled()
        events = await stream.events()
        assert first.logged("schema_registry_back") or second.logged("schema_registry_back")
        assert await stream.records(stream.dead_letters) == []
    assert Counter(int(event["ticket_id"]) for event in events) == Counter(range(2 * RECORDS))
