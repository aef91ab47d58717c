"""How many partitions the topics have, for whoever sends by producers that are made later."""

from collections.abc import Collection

from stream_classifier.kafka.connection import ConnectionSettings, admin_client


async def partition_counts(kafka: ConnectionSettings, topics: Collection[str]) -> dict[str, int]:
    """By topic, its number of partitions; asked of all topics, since one asked for by name may be made.
    Raises `OperatorFault` where the broker does not tell."""
    async with admin_client(kafka) as admin:
        described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["topic"] in topics}
