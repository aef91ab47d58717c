"""The texts of the rows as questions to one configuration: each text once, however many rows have it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from stream_classifier.core.answer import Lane
from stream_classifier.core.tally import Tally
from stream_classifier.lab.evaluate.drawing import GoldRow
from stream_classifier.lab.evaluate.grid import Configuration
from stream_classifier.service.building import Builder

KEY_BYTES = 20


@dataclass(slots=True, kw_only=True)
class Question:
    """A text in one configuration. `key` names both; `ask_key` is the text's own in the lane that asks it.
    `rows` have this text, the first of them is asked."""

    key: bytes
    ask_key: bytes
    lane: Lane
    text: str
    digest: str
    rows: list[GoldRow] = field(default_factory=list)


def questions(configuration: Configuration, rows: Sequence[GoldRow]) -> list[Question]:
    """The questions of these rows, in their order. The loop must be running."""
    builder = Builder(configuration.settings, Tally())
    reader, triage = builder.reader(), builder.triage()
    preparer = builder.preparer(triage)
    found: dict[bytes, Question] = {}
    for row in rows:
        [ticket] = reader.read(row.value)
        prepared = preparer(ticket)
        question = found.get(prepared.bulk_key)
        if question is None:
            urgent = triage.rule(ticket, prepared.keyword) is not None
            lane = Lane.URGENT if urgent else Lane.BULK
            ask_key = prepared.urgent_key if urgent else prepared.bulk_key
            question = found[prepared.bulk_key] = Question(
                key=_key(configuration, lane, ask_key),
                ask_key=ask_key,
                lane=lane,
                text=preparer.utf8_of(ticket).decode(),
                digest=prepared.digest,
            )
        question.rows.append(row)
    return list(found.values())


def rows_of(asked: Iterable[Question]) -> int:
    """How many rows these questions stand for."""
    return sum(len(question.rows) for question in asked)


def _key(configuration: Configuration, lane: Lane, ask_key: bytes) -> bytes:
    named = f"{configuration.digest} {lane} ".encode() + ask_key
    return blake2b(named, digest_size=KEY_BYTES).digest()
