"""Stands where Kafka would, looks at all that leaves, and holds every record to one fate.

Rules
-----
* A record has events, or one dead letter, or is passed over: one of the three, and once.
* An event is valid by the published schema, names its record, and has that record's key.
* A dead letter is its record, byte for byte, with our headers behind its own. It says `not_json` exactly
  where another parser finds no JSON. Its sentence quotes nothing.
* A canary is labelled under its own id.
"""

import codecs
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs
import orjson

from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.ticket import DeadLetterReason
from tests.fuzz.fuzzer import Fuzzed
from tests.fuzz.texts import MARK

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "event.schema.json"
REASONS = {reason.encode() for reason in DeadLetterReason}
OURS = ["dlq.reason", "dlq.error", "dlq.topic", "dlq.partition", "dlq.offset", "dlq.failed_at"]
SHOWN_BYTES = 400  # of a record that broke a rule

_is_valid = jsonschema_rs.validator_for(orjson.loads(SCHEMA.read_bytes())).is_valid


class Broken(AssertionError):
    """A rule was broken, by a record that is shown."""


@dataclass(slots=True)
class Account:
    """The pipeline's outbox. `open` holds the records that are on their way, by offset."""

    fates: Counter[str] = field(default_factory=Counter)
    events: int = 0
    open: dict[int, Fuzzed] = field(default_factory=dict)
    _parts: Counter[int] = field(default_factory=Counter)
    _ended: dict[int, str] = field(default_factory=dict)

    def publish(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """An event; the last of its record names the offset."""
        event = orjson.loads(value)
        number = event["source"]["offset"]
        fuzzed = self._of(number)
        broken = _broken_event(event, fuzzed, key, value)
        if broken:
            self._break(number, broken)
        self.events += 1
        self._parts[number] += 1
        if offset is not None:
            self._end(partition, offset, event["reason"] or event["status"])

    def dead_letter(
        self, partition: Partition, offset: int, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """A dead letter."""
        broken = _broken_dead_letter(self._of(offset), key, value, headers)
        if broken:
            self._break(offset, broken)
        self._end(partition, offset, f"dead letter {dict(headers)['dlq.reason'].decode()}")

    def settle(self) -> None:
        """Everything is done: what has neither an event nor a dead letter was passed over."""
        for number, fuzzed in self.open.items():
            fate = self._ended.get(number, "passed over")
            if fate == "passed over" and (self._parts[number] or fuzzed.canary):
                self._break(number, "it came to no end")
            if fuzzed.canary and fate != "labelled":
                self._break(number, f"a canary ended as: {fate}")
            self.fates[fate] += 1
        self.open, self._ended = {}, {}
        self._parts.clear()

    def _of(self, offset: int) -> Fuzzed:
        if offset not in self.open or offset in self._ended:
            raise Broken(f"Record {offset} is done already, or was never read.")
        return self.open[offset]

    def _end(self, partition: Partition, offset: int, fate: str) -> None:
        self._ended[offset] = fate
        partition.ledger.done((offset,))
        if partition.follower is not None:
            partition.follower.acknowledged((offset,))

    def _break(self, offset: int, rule: str) -> NoReturn:
        record = self.open[offset].record
        shown = repr((record.value or b"")[:SHOWN_BYTES])
        raise Broken(f"Record {offset}: {rule}: {shown}, headers {record.headers!r}"[: 4 * SHOWN_BYTES])


def _broken_event(event: dict[str, Any], fuzzed: Fuzzed, key: bytes | None, value: bytes) -> str | None:
    """The rule that it breaks."""
    if not _is_valid(event):
        return f"its event breaks the schema: {value!r}"
    if key != fuzzed.record.key:
        return "its event has another key"
    if fuzzed.canary is not None and (event["ticket_id"] != fuzzed.canary or event["label"] is None):
        return f"a canary came out as {event['ticket_id']!r}: {event['reason'] or event['label']}"
    return None


def _broken_dead_letter(fuzzed: Fuzzed, key: bytes | None, value: bytes, headers: OwnHeaders) -> str | None:
    record = fuzzed.record
    own, ours = list(headers[: len(record.headers)]), headers[len(record.headers) :]
    told = dict(ours)
    if (key, value, own) != (record.key, record.value, list(record.headers)):
        return "its dead letter is not what came"
    if [name for name, _ in ours] != OURS or told["dlq.reason"] not in REASONS:
        return f"its dead letter says {ours!r}"
    if MARK.encode() in told["dlq.error"]:
        return f"its sentence quotes the value: {told['dlq.error']!r}"
    return _broken_reason(value, told["dlq.reason"], told["dlq.error"].decode())


def _broken_reason(value: bytes, reason: bytes, sentence: str) -> str | None:
    """`not_json` is said of the value itself (or of what it holds as a text) exactly where it is no JSON."""
    says = reason == b"not_json" and sentence.startswith("The value is not JSON")
    is_json = reads_as_json(value)
    if reason == b"too_large" or is_json is None or is_json != says:
        return None
    return f"another parser says {'JSON' if is_json else 'no JSON'}, and the sentence: {sentence}"


def reads_as_json(value: bytes) -> bool | None:
    """What the standard library's parser says; None where it cannot say, for depth."""
    try:
        source = value.removeprefix(codecs.BOM_UTF8).decode()
        json.loads(source, parse_constant=_refuse, parse_float=_finite, parse_int=_finite)
    except RecursionError:
        return None
    except ValueError:
        return False
    return True


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number
