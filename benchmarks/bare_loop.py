"""The loop that the service is measured against: consume, read the JSON, send a record, commit; no more.

It has what a textbook has, and is as safe as the service: an idempotent producer with acks=all, and a
commit only after all is acknowledged. It decides nothing: each record's output is one constant value. A poll
takes whatever has been fetched: with a bound of 500 records, as the service has, it is much slower.

    python -m benchmarks.bare_loop BOOTSTRAP_SERVERS INPUT OUTPUT GROUP VALUE_BYTES
"""

import asyncio
import sys

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

POLL_MS = 250


async def copy(bootstrap_servers: str, source: str, target: str, group_id: str, value: bytes) -> None:
    """Send `value` to `target` for every record of `source`, under its key, for ever."""
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap_servers,
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True)
    async with consumer, producer:
        while True:
            polled = await consumer.getmany(timeout_ms=POLL_MS)
            sent = []
            for tp, records in polled.items():
                for record in records:
                    orjson.loads(record.value)
                    sent.append(await producer.send(target, value, key=record.key, partition=tp.partition))
            if sent:
                await asyncio.gather(*sent)
                await consumer.commit()


if __name__ == "__main__":
    servers, source_topic, target_topic, group, value_bytes = sys.argv[1:]
    asyncio.run(copy(servers, source_topic, target_topic, group, b"x" * int(value_bytes)))
