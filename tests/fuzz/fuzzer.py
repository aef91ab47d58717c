"""Records from a seed: the same seed makes the same records, whatever the pipeline does with them.

Every tenth record is a canary: a plain ticket with a text of its own, which must be labelled whatever stands
around it. Of the others some seven in ten are mutated as trees and two as bytes; the rest is deeply nested,
very long, no object at all, a repeat or a tombstone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from tests.fuzz import texts, trees, wires
from tests.unit.lane_fakes import Record
from tests.unit.made_payloads import CANONICAL, MADE

TREES: tuple[Any, ...] = (CANONICAL, CANONICAL, *(case.payload for case in MADE))
LONG_EVERY = 4_000  # records: a megabyte each, of which some go as dead letters and some are cut
REPEATS_KEPT = 64
CANARY_WORD = "Gramophone"  # in no other text


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """A record. `canary`: the id of the ticket that must be labelled; None where anything may come of it."""

    record: Record
    canary: str | None = None


def records(seed: int, count: int) -> Iterator[Fuzzed]:
    """So many records."""
    rng = Random(seed)
    kept: list[bytes] = [b"{}"]
    for number in range(count):
        yield _record(rng, number, kept)


def _record(rng: Random, number: int, kept: list[bytes]) -> Fuzzed:
    if number % 10 == 0:
        return _canary(number)
    value = _value(rng, number, kept)
    if value is not None and len(value) < 10_000:
        kept[rng.randrange(len(kept))] = value
        if len(kept) < REPEATS_KEPT:
            kept.append(value)
    return Fuzzed(
        Record(
            value=value,
            key=wires.key(rng),
            headers=wires.headers(rng),  # type: ignore[arg-type]  # Kafka has headers without a value
            timestamp=wires.timestamp_ms(rng),
        )
    )


def _value(rng: Random, number: int, kept: list[bytes]) -> bytes | None:
    if number % LONG_EVERY == 1:
        return wires.long(rng)
    kind = rng.choices(_KINDS, _SHARES)[0]
    return kind(rng, kept)


def _canary(number: int) -> Fuzzed:
    """A canonical ticket with an id and a text of its own. No key: nothing stands before it."""
    name = f"canary {number}"
    ticket = CANONICAL | {"ticket_id": name, "body": f"{CANARY_WORD} {number} is broken"}
    return Fuzzed(Record(value=orjson.dumps(ticket)), canary=name)


def _tree(rng: Random, _kept: list[bytes]) -> bytes:
    return wires.encoded(rng, trees.mutated(rng, rng.choice(TREES), TREES))


def _bytes(rng: Random, _kept: list[bytes]) -> bytes:
    return wires.mutated(rng, wires.encoded(rng, rng.choice(TREES)))


def _both(rng: Random, kept: list[bytes]) -> bytes:
    return wires.mutated(rng, _tree(rng, kept))


def _no_object(rng: Random, _kept: list[bytes]) -> bytes:
    return wires.encoded(rng, texts.value(rng))


def _nested(rng: Random, _kept: list[bytes]) -> bytes:
    return texts.nested(rng)


def _repeat(rng: Random, kept: list[bytes]) -> bytes:
    return rng.choice(kept)


def _tombstone(_rng: Random, _kept: list[bytes]) -> None:
    return None


_KINDS: tuple[Callable[[Random, list[bytes]], bytes | None], ...]
_KINDS = (_tree, _bytes, _both, _no_object, _nested, _repeat, _tombstone)
_SHARES = (63, 20, 5, 3, 2, 6, 1)  # in a hundred
