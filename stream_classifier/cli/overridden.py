"""What a person gives to `override`, and what it shows: labels, events, a table, JSON, a sentence."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from stream_classifier.core.correction import Correction, NotACorrection, Place, Refusal, key_of, value_of
from stream_classifier.core.taxonomy import Taxonomy

COLUMNS = ("text_digest", "tenant", "labels", "was", "by", "at", "ticket_id")
ALL = "all"
NONE = "-"


def labels_given(given: Sequence[str], taxonomy: Taxonomy, before: object) -> dict[str, Any]:
    """By question: labels given by name or by place, and of an event's labels `before` those that stay.
    Raises `NotACorrection` where there are more than questions."""
    names = {label for question in taxonomy.questions for label in question.names}
    named = dict(_parted(text) for text in given if "=" in text and text not in names)
    placed = [text for text in given if "=" not in text or text in names]
    free = [question.name for question in taxonomy.questions if question.name not in named]
    if len(placed) > len(free) or len(named) + len(placed) < len(given):
        asked = ", ".join(question.name for question in taxonomy.questions)
        raise NotACorrection(Refusal.UNKNOWN_QUESTION, f"there are more labels than questions ({asked})")
    stays = {} if not isinstance(before, Mapping) or not given else dict(before)
    kept = {question.name: stays.get(question.name) for question in taxonomy.questions}
    return kept | named | dict(zip(free, placed, strict=False))


def labelled_event(value: bytes) -> dict[str, Any]:
    """The event that a file holds. Raises `ValueError` with a sentence."""
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ValueError("it holds no JSON; give the value of one event of the labels topic") from error
    if not isinstance(event, dict) or not isinstance(event.get("labels"), dict):
        raise ValueError("it holds no labelled event: give the value of one, with text_digest and labels")
    if not isinstance(event.get("text_digest"), str):
        raise ValueError("the event has no text_digest: give one that this service has published")
    return event


def said_of(
    place: Place, correction: Correction | None, taxonomy: Taxonomy, *, there_was: bool, as_json_: bool
) -> str:
    """What was done: written, or taken back."""
    if as_json_:
        value = None if correction is None else orjson.loads(value_of(correction, taxonomy))
        return _json({"key": key_of(place).decode(), "value": value})
    whom = "for all tenants" if place.tenant is None else f"for tenant {place.tenant}"
    if correction is None and not there_was:
        return f"There is no correction of {place.digest} {whom}; nothing was written."
    if correction is None:
        return f"Taken back: {place.digest} {whom} is labelled by the model again."
    was = _labels(correction.was, taxonomy)
    said = f" (the model had said {was})" if any(correction.was) else ""
    return f"{place.digest} is {_labels(correction.labels, taxonomy)} {whom} from now on{said}."


def show(corrections: Sequence[Correction], taxonomy: Taxonomy) -> None:
    """A table on a terminal; else fields parted by tabs, a line each, for other programs."""
    rows = [_cells(correction, taxonomy) for correction in corrections]
    if not sys.stdout.isatty():
        for row in [COLUMNS, *rows]:
            print("\t".join(row))
        return
    table = Table(*COLUMNS, box=None, pad_edge=False, header_style="dim")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)


def as_json(corrections: Sequence[Correction], refused: Sequence[NotACorrection], taxonomy: Taxonomy) -> str:
    """All corrections, and what is not in force with its reason."""
    rows = [
        {"text_digest": correction.place.digest, **orjson.loads(value_of(correction, taxonomy))}
        for correction in corrections
    ]
    faults = [
        {"text_digest": fault.digest, "reason": fault.reason, "error": fault.sentence} for fault in refused
    ]
    return _json({"corrections": rows, "refused": faults})


def _cells(correction: Correction, taxonomy: Taxonomy) -> tuple[str, ...]:
    return (
        correction.place.digest,
        ALL if correction.place.tenant is None else correction.place.tenant,
        _labels(correction.labels, taxonomy),
        _labels(correction.was, taxonomy),
        *(" ".join((told or NONE).split()) for told in (correction.by, correction.at, correction.ticket_id)),
    )


def _labels(labels: Sequence[str | None], taxonomy: Taxonomy) -> str:
    """One question's label by itself; else each with its question."""
    if len(labels) == 1:
        return labels[0] or NONE
    names = [question.name for question in taxonomy.questions]
    return ", ".join(f"{name}={label or NONE}" for name, label in zip(names, labels, strict=True))


def _parted(text: str) -> tuple[str, str]:
    name, _, label = text.partition("=")
    return name, label


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
