"""People's corrections on a real Kafka: written by the command, in force on every replica."""

import asyncio
import signal
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from aiokafka import AIOKafkaProducer

from stream_classifier.cli import main
from stream_classifier.core.text import normalise, text_digest
from stream_classifier.kafka.overrides_topic import find_overrides_topic, open_from_start
from stream_classifier.kafka.rights import Operation
from stream_classifier.settings.kafka import Kafka as KafkaSettings
from tests.broker.service_process import Event, Member
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.client import admin_of, create_topic
from tests.brokers.kafka import Kafka
from tests.patience import until

TEXT = "The CSV export stops at 40 %"
DIGEST = text_digest(normalise(TEXT))
IN_FORCE_S = 1.0  # contract: on every replica, after the acknowledgement
COMPACTED = {"cleanup.policy": "compact"}
CLEANED = {
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "0",
    "max.compaction.lag.ms": "1000",
}
MANY = 20_000  # to read them takes longer than to join a group
CLEANING_S = 60.0  # the broker's cleaner looks every 15 s


def overrides(stream: Stream) -> str:
    return f"{stream.name}-overrides"


async def make_overrides(stream: Stream, **configs: str) -> None:
    await create_topic(stream.bootstrap_servers, overrides(stream), 1, COMPACTED | configs)


def value(label: str, **more: Any) -> bytes:
    return orjson.dumps({"labels": {"label": label}, "by": "anna", **more})


async def write(stream: Stream, *records: tuple[str, bytes | None]) -> None:
    """Each acknowledged when this returns."""
    for key, said in records:
        await stream.put([said], key=key.encode(), topic=overrides(stream))


def decisions(events: list[Event]) -> Counter[tuple[str, str]]:
    return Counter((event["decided_by"], event["label"]) for event in events)


def told(member: Member) -> str:
    """What it told a person: the lines that are no log."""
    return " ".join(line["text"] for line in member.log if "text" in line)


async def stop(member: Member) -> None:
    member.tell(signal.SIGTERM)
    assert await member.exited() == 0


async def test_a_correction_is_in_force_on_every_replica_within_a_second(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2) as stream:
        await make_overrides(stream)
        members = [await stream.working_member(), await stream.member()]
        for member in members:
            await member.until_assigned(1)
        for partition in (0, 1):
            await stream.put([ticket(1, TEXT)], partition=partition)
        await stream.until_events(2)
        asked = stream.tickets_asked
        await write(stream, (DIGEST, value("other")))
        acknowledged_at = datetime.now(UTC)
        for member in members:
            line = await member.until_logged("override_taken", text_digest=DIGEST)
            taken_at = datetime.fromisoformat(line["timestamp"])
            assert (taken_at - acknowledged_at).total_seconds() < IN_FORCE_S
        for partition in (0, 1):
            await stream.put([ticket(2, TEXT)], partition=partition)
        events = await stream.until_events(4)
        later = [event for event in events if event["ticket_id"] == "2"]
        assert decisions(later) == {("override", "other"): 2}
        assert stream.tickets_asked == asked
        assert (await members[0].metrics())["overrides"] == 1


async def test_it_is_read_before_work_is_taken_beats_the_cache_that_was_kept_and_can_be_taken_back(
    kafka: Kafka, tmp_path: Path
) -> None:
    cache: dict[str, Any] = {"cache__backend": "sqlite", "cache__path": str(tmp_path / "cache.db")}
    async with a_stream(kafka.bootstrap_servers, tmp_path, **cache) as stream:
        await make_overrides(stream)
        first = await stream.working_member()
        await stream.put([ticket(1, TEXT)])
        [model_said] = await stream.until_events(1)
        await stream.settled()
        await stop(first)
        await write(stream, (DIGEST, value("other")))
        await stream.put([ticket(2, TEXT)])
        second = await stream.working_member()
        assert (await second.until_logged("overrides_read"))["in_force"] == 1
        await stream.until_events(2)
        await write(stream, (DIGEST, None))
        await second.until_logged("override_taken", taken_back=True)
        await stream.put([ticket(3, TEXT)])
        events = await stream.until_events(3)
    said = [(event["decided_by"], event["label"]) for event in events]
    assert said == [("llm", model_said["label"]), ("override", "other"), ("cache", model_said["label"])]


async def test_a_replica_joins_the_group_only_when_it_has_read_all_of_many_corrections(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await make_overrides(stream)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
            for number in range(MANY):
                key = text_digest(str(number)).encode()
                await producer.send(overrides(stream), value("bug"), key=key)
        await write(stream, (DIGEST, value("other")))
        await stream.put([ticket(1, TEXT)])
        member = await stream.working_member()
        events = [line["event"] for line in member.log]
        assert (await member.until_logged("overrides_read"))["in_force"] == MANY + 1
        assert events.index("overrides_read") < events.index("partitions_assigned")
        assert decisions(await stream.until_events(1)) == {("override", "other"): 1}


async def test_of_a_tenant_and_for_all_and_what_is_refused_is_named_without_its_text(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await make_overrides(stream)
        orphan = f"n0:{'0' * 64}"
        await write(
            stream,
            (DIGEST, value("other")),
            (f"{DIGEST}/acme", value("feature", tenant="acme", was={"label": "bug"})),
            (orphan, value("bug")),
            ("n0:taken back", value("bug")),
            (text_digest("a"), value("no label of ours")),
            (text_digest("c"), b"{"),
            (text_digest("c"), value("bug")),  # the last one counts
        )
        member = await stream.working_member()
        line = await member.until_logged("overrides_read")
        assert (line["in_force"], line["refused"], line["orphaned"]) == (3, 2, 1)
        assert (await member.until_logged("overrides_orphaned"))["orphaned"] == 1
        refused = {line["reason"]: line["text_digest"] for line in member.logged("override_refused")}
        assert refused == {"bad_key": None, "unknown_label": text_digest("a")}
        assert "no label of ours" not in member.log_file.read_text()
        await stream.put([ticket(1, TEXT, tenant="acme"), ticket(2, TEXT, tenant="b"), ticket(3, TEXT)])
        events = await stream.until_events(3)
        assert decisions(events) == {("override", "feature"): 1, ("override", "other"): 2}
        metrics = await member.metrics()
        assert metrics['override_disagreements{now="feature",question="label",was="bug"}'] == 1
        await write(stream, (text_digest("b"), b"{"))
        await member.until_logged("override_refused", reason="not_json", text_digest=text_digest("b"))


async def test_a_topic_that_is_missing_is_no_fault_is_not_made_by_looking_and_is_read_when_it_comes(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        member = await stream.working_member()
        await member.until_logged("overrides_missing", topic=overrides(stream))
        await stream.put([ticket(1, TEXT)])
        await stream.until_events(1)
        async with admin_of(kafka.bootstrap_servers) as admin:
            assert overrides(stream) not in await admin.list_topics()
        await make_overrides(stream)
        await write(stream, (DIGEST, value("other")))
        await member.until_logged("overrides_read", in_force=1)
        await stream.put([ticket(2, TEXT)])
        assert decisions((await stream.until_events(2))[1:]) == {("override", "other"): 1}


async def test_a_topic_that_is_made_anew_is_read_anew_and_what_was_read_stands_until_then(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await make_overrides(stream)
        await write(stream, (DIGEST, value("other")), (text_digest("a"), value("bug")))
        member = await stream.working_member()
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_topics([overrides(stream)])
        await member.until_logged("overrides_missing")
        await stream.put([ticket(1, TEXT)])
        await stream.until_events(1)
        await make_overrides(stream)
        await write(stream, (DIGEST, value("feature")))
        await member.until_logged("overrides_read", in_force=1)
        await stream.put([ticket(2, TEXT)])
        said = [event["label"] for event in await stream.until_events(2)]
    assert said == ["other", "feature"]


async def test_a_topic_that_is_not_compacted_ends_the_start_with_a_sentence(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await create_topic(kafka.bootstrap_servers, overrides(stream), 1)
        member = await stream.member()
        assert await member.exited() == 1
        assert "is not compacted" in told(member)
        assert "set cleanup.policy to compact" in told(member)


async def test_markers_of_transactions_at_the_end_do_not_hold_the_start_up(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await make_overrides(stream)
        async with AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers, transactional_id=stream.name
        ) as producer:
            async with producer.transaction():
                await producer.send_and_wait(overrides(stream), value("other"), key=DIGEST.encode())
            await producer.begin_transaction()
            await producer.send_and_wait(overrides(stream), value("bug"), key=DIGEST.encode())
            await producer.abort_transaction()
        member = await stream.working_member()
        await member.until_logged("overrides_read", in_force=1)
        await stream.put([ticket(1, TEXT)])
        assert decisions(await stream.until_events(1)) == {("override", "other"): 1}


async def test_after_compaction_the_same_corrections_are_in_force(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await make_overrides(stream, **CLEANED)
        digests = [text_digest(str(number)) for number in range(20)]
        for label in ("bug", "feature"):
            await write(stream, *((digest, value(label)) for digest in digests))
        await write(stream, *((digest, None) for digest in digests[:5]))

        async def compacted() -> bool:
            """Each look adds a record, for only then does the broker begin a new segment."""
            await write(stream, (DIGEST, value("other")))
            return await left_on(stream) < len(digests) + 5

        await until(compacted, CLEANING_S)
        member = await stream.working_member()
        assert (await member.until_logged("overrides_read"))["in_force"] == len(digests) - 5 + 1
        await stream.put([ticket(1, "7"), ticket(2, "3"), ticket(3, TEXT)])
        events = await stream.until_events(3)
        assert {event["ticket_id"]: event["decided_by"] for event in events} == {
            "1": "override",
            "2": "llm",
            "3": "override",
        }


async def left_on(stream: Stream) -> int:
    """How many records the overrides topic holds."""
    kafka = settings_of(stream)
    topic = await find_overrides_topic(kafka, Operation.READ)
    assert topic is not None
    count = 0
    async with open_from_start({"bootstrap_servers": stream.bootstrap_servers}, topic) as reading:
        while not reading.caught_up:
            count += len(await reading.poll())
    return count


def settings_of(stream: Stream) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=stream.bootstrap_servers, overrides_topic=overrides(stream))


class Command:
    """The commands on one stream's topics: `override`, and `explain`."""

    def __init__(self, stream: Stream, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._config = directory / "override.yaml"
        named = {"bootstrap_servers": stream.bootstrap_servers, "overrides_topic": overrides(stream)}
        taxonomy = {"labels": ["bug", "feature", "other"]}
        self._config.write_text(yaml.safe_dump({"kafka": named, "taxonomy": taxonomy}))

    async def __call__(self, *args: str) -> tuple[int, str, str]:
        """Exit status, stdout and stderr."""
        return await asyncio.to_thread(self._run, "override", *args)

    async def explained(self, record: bytes) -> Mapping[str, Any]:
        """What `explain --json` says of a record."""
        args = ["explain", record.decode(), "--json"]
        explained: Mapping[str, Any] = orjson.loads((await asyncio.to_thread(self._run, *args))[1])
        return explained

    async def listed(self) -> Mapping[str, Any]:
        """What `--list --json` prints."""
        listed: Mapping[str, Any] = orjson.loads((await self("--list", "--json"))[1])
        return listed

    def _run(self, name: str, *args: str) -> tuple[int, str, str]:
        status = 0
        try:
            main([name, "--config", str(self._config), *args])
        except SystemExit as exit_:
            status = int(str(exit_.code or 0))
        out, err = self._capsys.readouterr()
        return status, out, err


async def test_the_command_corrects_an_event_shows_it_and_takes_it_back(
    kafka: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await make_overrides(stream)
        command = Command(stream, tmp_path, capsys)
        member = await stream.working_member()
        await stream.put([ticket(1, TEXT, tenant="acme")])
        [event] = await stream.until_events(1)
        right = next(label for label in ("bug", "feature") if label != event["label"])
        file = tmp_path / "event.json"
        file.write_bytes(orjson.dumps(event))

        status, out, _ = await command("--event", str(file), right, "--by", "anna")
        assert status == 0
        assert f"is {right} for tenant acme from now on (the model had said {event['label']})" in out
        await member.until_logged("override_taken", text_digest=event["text_digest"])
        await stream.put([ticket(2, TEXT, tenant="acme"), ticket(3, TEXT, tenant="b")])
        later = (await stream.until_events(3))[1:]
        assert [said["decided_by"] for said in later] == ["override", "cache"]

        file.write_bytes(orjson.dumps(later[0]))  # a person's label: nothing that the model had said
        await command("--event", str(file), "other", "--by", "ben")
        [row] = (await command.listed())["corrections"]
        assert row.pop("at").endswith("Z")
        assert row == {
            "text_digest": event["text_digest"],
            "labels": {"label": "other"},
            "was": {"label": event["label"]},
            "ticket_id": "2",
            "tenant": "acme",
            "by": "ben",
        }
        assert "other" in (await command("--list"))[1]

        assert "Taken back" in (await command(event["text_digest"], "--tenant", "acme", "--remove"))[1]
        assert (await command.listed()) == {"corrections": [], "refused": []}
        assert "There is no correction" in (await command(event["text_digest"], "--remove"))[1]


async def test_explain_says_what_a_person_has_said_of_the_text_and_who(
    kafka: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        command = Command(stream, tmp_path, capsys)
        missing = await command.explained(ticket(1, TEXT))
        await make_overrides(stream)
        await write(stream, (text_digest("another"), value("bug")), (DIGEST, value("bug")))
        await write(stream, (DIGEST, value("other")), (f"{DIGEST}/acme", value("feature")))
        for_all = await command.explained(ticket(1, TEXT))
        own = await command.explained(ticket(1, TEXT, tenant="acme"))
        await write(stream, (DIGEST, None))
        taken_back = await command.explained(ticket(1, TEXT))
    assert [said["corrections"]["obstacle"] for said in (missing, for_all, own, taken_back)] == [None] * 4
    corrections = [said["tickets"][0]["correction"] for said in (missing, for_all, own, taken_back)]
    labels = [correction and correction["labels"]["label"] for correction in corrections]
    assert labels == [None, "other", "feature", None]
    assert corrections[1]["by"] == "anna"


async def test_the_command_names_the_remedy_where_the_topic_is_missing_and_makes_none(
    kafka: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        command = Command(stream, tmp_path, capsys)
        for args in (["--list"], [DIGEST, "bug", "--by", "anna"], [DIGEST, "--remove"]):
            status, _, err = await command(*args)
            assert status == 1
            assert "stream-classifier topics --create" in err
        async with admin_of(kafka.bootstrap_servers) as admin:
            assert overrides(stream) not in await admin.list_topics()


async def test_what_is_not_in_force_is_listed_with_its_reason(
    kafka: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        await make_overrides(stream)
        await write(stream, (DIGEST, value("gone")), (f"{DIGEST}/acme", value("bug")))
        command = Command(stream, tmp_path, capsys)
        listed = await command.listed()
        [refused] = listed["refused"]
        assert (refused["text_digest"], refused["reason"]) == (DIGEST, "unknown_label")
        status, out, err = await command("--list")
        assert (status, out.count(DIGEST)) == (0, 1)
        assert "1 not in force: unknown_label" in err
