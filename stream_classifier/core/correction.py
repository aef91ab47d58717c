"""A person's correction, as a record of the overrides topic: read, checked and written (contract: DESIGN,
Override). Which are in force: `corrections`.

A record that is not wholly right is refused, never used in part: what it says becomes a label. Only what is
no more than told (who, when, what the model had said) is taken as far as it goes. An empty text has no
correction: it would label every ticket that consists of an attachment.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from stream_classifier.core.taxonomy import Question, Taxonomy

MAX_KEY_BYTES = 1024  # a digest has 72 at the most; the rest is a tenant's name
DIGEST = re.compile(r"(n[0-9]+(?:r[0-9a-f]+)?):([0-9a-f]{64})")
EMPTY_TEXT = hashlib.sha256(b"").hexdigest()


class Refusal(StrEnum):
    """Why a record of the overrides topic is not in force."""

    BAD_KEY = "bad_key"
    OTHER_DIGEST = "other_digest"
    NO_TEXT = "no_text"
    NOT_JSON = "not_json"
    NOT_A_CORRECTION = "not_a_correction"
    OTHER_TENANT = "other_tenant"
    UNKNOWN_QUESTION = "unknown_question"
    UNKNOWN_LABEL = "unknown_label"
    UNANSWERED = "unanswered"
    TOO_MANY = "too_many"


class NotACorrection(Exception):
    """A record, or what a person gave, cannot be used. The sentence is for that person; a log gets the reason
    and the digest alone, which is None where the key holds none."""

    def __init__(self, reason: Refusal, sentence: str, digest: str | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
        self.digest = digest


class Place(NamedTuple):
    """What a correction is for: a text, and a tenant or (None) all."""

    digest: str
    tenant: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a person decided. `labels` and `was`, what the model had said, are in the order of the questions;
    `at` is RFC 3339."""

    place: Place
    labels: tuple[str, ...]
    was: tuple[str | None, ...]
    ticket_id: str | None = None
    by: str | None = None
    at: str | None = None


def key_of(place: Place) -> bytes:
    """The record's key."""
    return (place.digest if place.tenant is None else f"{place.digest}/{place.tenant}").encode()


def place_of(key: bytes | None) -> Place:
    """What a record's key stands for. Raises `NotACorrection`."""
    try:
        digest, slash, tenant = (key or b"")[: MAX_KEY_BYTES + 1].decode().partition("/")
    except UnicodeDecodeError:
        digest, slash, tenant = "", "", ""
    if not DIGEST.fullmatch(digest) or len(key or b"") > MAX_KEY_BYTES:
        raise NotACorrection(
            Refusal.BAD_KEY,
            "The key must be an event's text_digest, then / and a tenant where it is for one.",
        )
    return Place(digest, tenant if slash else None)


def check_digest(digest: str, prefix: str) -> None:
    """Raises `NotACorrection` unless this digest names a text as texts are named now: `prefix` and a hash."""
    found = DIGEST.fullmatch(digest)
    if not found:
        raise NotACorrection(
            Refusal.BAD_KEY,
            f"{digest} is no digest: give the text_digest of an event, {prefix}: and 64 hexadecimal digits",
        )
    if found[1] != prefix:
        raise NotACorrection(
            Refusal.OTHER_DIGEST,
            f"{found[1]}: stands for texts as they were normalised or redacted before: take the text_digest "
            f"of an event that was labelled since, which begins with {prefix}:",
            digest,
        )
    if found[2] == EMPTY_TEXT:
        raise NotACorrection(
            Refusal.NO_TEXT,
            "this is the digest of an empty text: a correction would label every ticket without one",
            digest,
        )


def check_labels(given: Mapping[str, Any], taxonomy: Taxonomy) -> tuple[str, ...]:
    """One label a question, in their order. Raises `NotACorrection` where one is missing or not known."""
    names = [question.name for question in taxonomy.questions]
    for name in given:
        if name not in names:
            raise NotACorrection(Refusal.UNKNOWN_QUESTION, f"{name} is not asked: {_meant(name, names)}")
    return tuple(_label(given, question) for question in taxonomy.questions)


def read_correction(place: Place, value: bytes, taxonomy: Taxonomy, prefix: str) -> Correction:
    """A record's value. Raises `NotACorrection`."""
    check_digest(place.digest, prefix)
    try:
        said = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise NotACorrection(Refusal.NOT_JSON, "The value is not JSON.", place.digest) from error
    if not isinstance(said, dict) or not isinstance(said.get("labels"), dict):
        raise NotACorrection(Refusal.NOT_A_CORRECTION, 'The value must be {"labels": {…}, …}.', place.digest)
    if said.get("tenant", place.tenant) != place.tenant:
        raise NotACorrection(Refusal.OTHER_TENANT, "Key and value name different tenants.", place.digest)
    try:
        labels = check_labels(said["labels"], taxonomy)
    except NotACorrection as fault:
        fault.digest = place.digest
        raise
    return Correction(
        place=place,
        labels=labels,
        was=labels_before(said.get("was"), taxonomy),
        ticket_id=_text(said.get("ticket_id")),
        by=_text(said.get("by")),
        at=_text(said.get("at")),
    )


def labels_before(said: object, taxonomy: Taxonomy) -> tuple[str | None, ...]:
    """What the model had said, as far as it is told and still a label: None where not. It is only counted,
    so nothing is refused for it."""
    before = said if isinstance(said, Mapping) else {}
    labels = ((question, before.get(question.name)) for question in taxonomy.questions)
    return tuple(question.names.get(label) if isinstance(label, str) else None for question, label in labels)


def value_of(correction: Correction, taxonomy: Taxonomy) -> bytes:
    """The record's value, which `read_correction` reads back."""
    names = [question.name for question in taxonomy.questions]
    return orjson.dumps(
        {
            "labels": dict(zip(names, correction.labels, strict=True)),
            "was": dict(zip(names, correction.was, strict=True)),
            "ticket_id": correction.ticket_id,
            "tenant": correction.place.tenant,
            "by": correction.by,
            "at": correction.at,
        }
    )


def _label(given: Mapping[str, Any], question: Question) -> str:
    label = given.get(question.name)
    if label is None:
        raise NotACorrection(
            Refusal.UNANSWERED, f"{question.name} has no label: give one of {', '.join(question.names)}"
        )
    if not isinstance(label, str) or label not in question.names:
        raise NotACorrection(
            Refusal.UNKNOWN_LABEL,
            f"{label} is no label of {question.name}: {_meant(str(label), list(question.names))}",
        )
    return question.names[label]


def _meant(given: str, known: list[str]) -> str:
    near = get_close_matches(given, known, n=1)
    return f"did you mean {near[0]}?" if near else f"give one of {', '.join(known)}"


def _text(said: object) -> str | None:
    return str(said) if isinstance(said, str | int) else None
