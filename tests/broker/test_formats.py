"""What helpdesks send, through a real topic: each to its label, or to the fate that its format says."""

from pathlib import Path

import orjson

from tests.broker.stream import a_stream
from tests.brokers.kafka import Kafka
from tests.unit.made_payloads import HUBSPOT_EVENT, MADE, ZENDESK_EVENT, ZENDESK_ROW

CHANGE = {"op": "u", "before": None, "after": ZENDESK_ROW.payload | {"id": 700}, "source": {}, "ts_ms": 1}
DELETED = {"op": "d", "before": {"id": 700}, "after": None, "source": {}, "ts_ms": 2}
COMMENT = ZENDESK_EVENT.payload | {"type": "zen:event-type:ticket.comment_added"}
OUTBOX = orjson.dumps({"id": 701, "subject": "Help", "body": "In a text in a text."}).decode()
BATCH = [
    HUBSPOT_EVENT.payload | {"objectId": 702},
    HUBSPOT_EVENT.payload | {"subscriptionType": "ticket.deletion"},
]


async def test_every_format_goes_through_a_real_topic_to_its_fate(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        member = await stream.working_member()
        await stream.put([orjson.dumps(case.payload) for case in MADE], key=b"made")
        await stream.put(
            [orjson.dumps(raw) for raw in (CHANGE, DELETED, COMMENT, OUTBOX, BATCH)], key=b"made"
        )
        await stream.put([None], key=b"made")  # Debezium's tombstone
        await stream.settled()
        events = await stream.events()
        fates = {event["ticket_id"]: (event["status"], event["reason"]) for event in events}
        no_text = {"9001", "702"}
        assert len(events) == len(MADE) + 3
        assert {number for number, fate in fates.items() if fate == ("needs_review", "no_text")} == no_text
        assert {fate for number, fate in fates.items() if number not in no_text} == {("labelled", None)}
        assert {"700", "701"} <= fates.keys()
        assert await stream.records(stream.dead_letters) == []
        for rule in ("deleted", "comment", "tombstone"):
            await member.until_metric(f'records_passed_over_total{{rule="{rule}"}}', lambda n: n == 1)
        await member.until_metric('elements_passed_over_total{rule="deleted"}', lambda n: n == 1)
