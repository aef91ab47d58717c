"""Shows what becomes of sample payloads on a real topic: `python -m tests.payload_fates FOLDER`.

Each file is JSON with a `payload`: the record's value, or an object with `value`, and perhaps with `key` and
`headers`.
A Kafka is started from what the machine has, or `--bootstrap-servers` names one; the provider is simulated.
"""

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from tests.broker.stream import a_stream
from tests.brokers.installation import find_kafka
from tests.brokers.kafka import RealKafka


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A file's record."""

    name: str
    value: bytes
    key: bytes | None
    headers: list[tuple[str, bytes]]

    @classmethod
    def of(cls, path: Path) -> "Sample":
        payload = json.loads(path.read_text())["payload"]
        record = payload if isinstance(payload, dict) and "value" in payload else {"value": payload}
        key = record.get("key")
        return cls(
            name=path.name,
            value=orjson.dumps(record["value"]),
            key=key.encode() if key is not None else None,
            headers=[(name, value.encode()) for name, value in record.get("headers", {}).items()],
        )


async def fates(bootstrap_servers: str, directory: Path, samples: list[Sample]) -> list[tuple[str, str]]:
    """Each sample's name, and what became of it."""
    async with a_stream(bootstrap_servers, directory) as stream:
        await stream.working_member()
        for sample in samples:
            await stream.put([sample.value], key=sample.key, headers=sample.headers)
        await stream.settled()
        found: dict[int, list[str]] = {}
        for event in await stream.events():
            found.setdefault(event["source"]["offset"], []).append(_told(event))
        for record in await stream.records(stream.dead_letters):
            told = dict(record.headers)
            found[int(told["dlq.offset"])] = [f"dead letter: {told['dlq.error'].decode()}"]
        return [
            (sample.name, " + ".join(found.get(offset, ["passed over"])))
            for offset, sample in enumerate(samples)
        ]


def _told(event: dict[str, Any]) -> str:
    fate = event["label"] or f"{event['status']} {event['reason']}"
    return f"{event['lane']}: ticket {event['ticket_id']} of {event['tenant']}: {fate}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bootstrap-servers")
    given = parser.parse_args()
    samples = [Sample.of(path) for path in sorted(given.folder.glob("*.json"))]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        address = given.bootstrap_servers
        if address is None:
            address = stack.enter_context(RealKafka(directory / "kafka", find_kafka())).bootstrap_servers
        for name, fate in asyncio.run(fates(address, directory, samples)):
            sys.stdout.write(f"{name:50} {fate}\n")


if __name__ == "__main__":
    main()
