"""The whole service with `ticket.redact`, `skip_unchanged` and tickets in HTML, on the embedded broker."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
from structlog.testing import capture_logs

from stream_classifier.core import measures
from stream_classifier.core.redact import KINDS
from stream_classifier.core.text import NORMALISER, normalise, text_digest
from stream_classifier.lab.broker import EmbeddedBroker
from tests.journey.test_service import EVENTS, Running, a_service
from tests.patience import until

ADDRESS, OTHER = "ann@example.com", "bob@example.com"
MASKED = "Login of [email]\n\nMail [email]\n\n- It fails for [email 2]"
CHANGED = "Login of [email]\n\nIt works again for [email]"
TABLES = ("known", "notes")  # of the cache's file


def settings(directory: Path) -> dict[str, Any]:
    return {
        "ticket": {"redact": list(KINDS), "on_update": "skip_unchanged"},
        "cache": {"backend": "sqlite", "path": directory / "cache.db", "timeout_s": 5},
    }


def html(revision: int, body: str, **more: Any) -> bytes:
    subject = f"Login of {ADDRESS}"
    ticket = {"id": 1, "subject": subject, "body": body, "body_format": "html", "revision": revision}
    return orjson.dumps(ticket | more)


def first(revision: int, mark_up: str, **more: Any) -> bytes:
    """The same text in another mark-up."""
    link = f'<a href="mailto:{ADDRESS}">{ADDRESS}</a>'
    return html(revision, f"<{mark_up}>Mail {link}</{mark_up}><ul><li>It fails for {OTHER}</li></ul>", **more)


async def put_and_settle(running: Running, value: bytes, records: int) -> None:
    """The record is in, and all that it became is acknowledged."""
    await running.put(value)
    tally = running.service.tally
    await until(lambda: tally.count(measures.RECORDS) == records)
    await until(lambda: tally.gauges[measures.IN_FLIGHT]()[()] == 0)


async def three_updates(running: Running) -> None:
    """A ticket, the same text in other mark-up, and another text."""
    await put_and_settle(running, first(1, "p"), 1)
    await put_and_settle(running, first(2, "div", status="pending"), 2)
    await put_and_settle(running, html(3, f"<p>It works again for {ADDRESS}</p>"), 3)


def rows_of(cache: Path) -> tuple[int, int]:
    """How many answers are kept, and how many notes: one a ticket, one a partition."""
    with closing(sqlite3.connect(cache)) as database:
        counts = (database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES)
        return next(counts), next(counts)


def bytes_of(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.glob("cache.db*")]


async def test_an_update_of_the_same_masked_text_is_passed_over_and_no_address_leaves_or_is_kept(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with capture_logs() as lines:
        async with a_service(embedded_broker, **settings(tmp_path)) as running:
            await three_updates(running)
            assert running.service.tally.count(measures.PASSED_OVER, "unchanged") == 1
            records = [record.value or b"" for record in await running.read(EVENTS, 2)]
            stats = running.simulator.stats
            assert [stats.times_asked(text) for text in (MASKED, CHANGED)] == [1, 1]
            assert running.tickets_asked == 2
    events = [orjson.loads(record) for record in records]
    digests = [text_digest(normalise(text), KINDS) for text in (MASKED, CHANGED)]
    assert [(event["revision"], event["text_digest"]) for event in events] == [
        ("1", digests[0]),
        ("3", digests[1]),
    ]
    assert all(digest.startswith(f"{NORMALISER}r") for digest in digests)
    assert rows_of(tmp_path / "cache.db") == (2, 2)
    kept = b"".join((*records, *bytes_of(tmp_path), repr(lines).encode()))
    assert [address for address in (ADDRESS, OTHER) if address.encode() in kept] == []
