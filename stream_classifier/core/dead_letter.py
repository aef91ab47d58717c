"""A dead letter's headers: why a record is not a ticket, and where it came from.

Their names are a contract: people and tools select dead letters by them.
"""

from collections.abc import Sequence

VALUE_OMITTED = ("dlq.value_omitted", b"true")


def dead_letter_headers(
    headers: Sequence[tuple[str, bytes]],
    *,
    reason: str,
    sentence: str,
    topic: str,
    partition: int,
    offset: int,
    failed_at: str,
) -> list[tuple[str, bytes]]:
    """The record's own headers untouched, and ours after them. `failed_at` is RFC 3339 UTC."""
    return [
        *headers,
        ("dlq.reason", reason.encode()),
        ("dlq.error", sentence.encode()),
        ("dlq.topic", topic.encode()),
        ("dlq.partition", str(partition).encode()),
        ("dlq.offset", str(offset).encode()),
        ("dlq.failed_at", failed_at.encode()),
    ]
