"""`stream-classifier override`: a person corrects the labels of a text, takes that back, or looks at all."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stream_classifier.cli.files import ConfigFile
from stream_classifier.cli.given import STANDARD_INPUT, Form, bytes_of
from stream_classifier.cli.overridden import as_json, labelled_event, labels_given, said_of, show
from stream_classifier.core.correction import (
    Correction,
    NotACorrection,
    Place,
    check_digest,
    check_labels,
    key_of,
    labels_before,
    place_of,
    read_correction,
    value_of,
)
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.taxonomy import Taxonomy
from stream_classifier.core.text import digest_prefix
from stream_classifier.kafka.overrides_topic import find_overrides_topic, read_latest, write
from stream_classifier.kafka.rights import Operation
from stream_classifier.kafka.topics import missing_sentence
from stream_classifier.settings import Settings
from stream_classifier.settings import load as load_settings
from stream_classifier.settings.kafka import Kafka

Event = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asked for: labels for a place, or (None) to take back what stands there."""

    place: Place
    labels: tuple[str, ...] | None
    event: Event | None
    by: str | None


def override(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DIGEST LABEL...",
            help="An event's text_digest, and a label for each question in their order, or question=label.",
        ),
    ] = None,
    *,
    by: Annotated[str | None, typer.Option(help="Who decides.")] = None,
    tenant: Annotated[str | None, typer.Option(help="For this tenant alone (default: all).")] = None,
    event: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A labelled event to correct, - is standard input: gives digest, tenant and what was said.",
        ),
    ] = None,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="With --event: for all tenants, not for the event's.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the correction back.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show all corrections.")] = False,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Correct the labels of a text, for all tickets with it that come from now on.

    Every replica uses a correction within a second, before any cache and without a call.

    Example: stream-classifier override --event event.json billing --by anna
    """
    settings = load_settings(config, os.environ)
    if list_:
        if given or by or tenant or event or all_tenants or remove:
            raise typer.BadParameter("it goes with --json alone", param_hint="--list")
        _list(settings, as_json_=as_json_)
        return
    try:
        wish = _wish(settings, given or [], by, event, tenant, all_tenants=all_tenants, remove=remove)
    except NotACorrection as fault:
        raise typer.BadParameter(fault.sentence, param_hint="DIGEST LABEL...") from fault
    print(asyncio.run(_carry_out(settings, wish, as_json_=as_json_)))


def _wish(
    settings: Settings,
    given: Sequence[str],
    by: str | None,
    file: str | None,
    tenant: str | None,
    *,
    all_tenants: bool,
    remove: bool,
) -> Wish:
    """What the arguments say. Raises `NotACorrection` and `typer.BadParameter`."""
    if all_tenants and (tenant is not None or file is None):
        raise typer.BadParameter("it goes with --event and without --tenant", param_hint="--all-tenants")
    event = None if file is None else _event(file)
    if event is None and not given:
        raise typer.BadParameter("give the text_digest of an event, or --event", param_hint="DIGEST")
    digest, labels = (given[0], given[1:]) if event is None else (str(event["text_digest"]), given)
    check_digest(digest, digest_prefix(settings.ticket.redact))
    if event is not None and tenant is None and not all_tenants:
        tenant = None if event.get("tenant") is None else str(event["tenant"])
    place = place_of(key_of(Place(digest, tenant)))
    if remove:
        if labels:
            raise typer.BadParameter("takes no labels", param_hint="--remove")
        return Wish(place=place, labels=None, event=event, by=by)
    if not by or not by.strip():
        raise typer.BadParameter("say who decides: --by NAME", param_hint="--by")
    before = {} if event is None else event["labels"]
    chosen = check_labels(labels_given(labels, settings.taxonomy, before), settings.taxonomy)
    return Wish(place=place, labels=chosen, event=event, by=by)


def _event(file: str) -> Event:
    if file != STANDARD_INPUT and not Path(file).is_file():
        raise typer.BadParameter(f"there is no file {file}", param_hint="--event")
    try:
        return labelled_event(bytes_of(file, Form.RECORD))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--event") from error


async def _carry_out(settings: Settings, wish: Wish, *, as_json_: bool) -> str:
    """Do it, and say what was done. Raises `OperatorFault`."""
    kafka, taxonomy = settings.kafka, settings.taxonomy
    key = key_of(wish.place)
    latest = await _latest(kafka, Operation.WRITE)
    if wish.labels is None:
        if key in latest:
            await write(kafka, key, None)
        return said_of(wish.place, None, taxonomy, there_was=key in latest, as_json_=as_json_)
    correction = Correction(
        place=wish.place,
        labels=wish.labels,
        was=_was(wish, latest.get(key), settings),
        ticket_id=_ticket_id(wish.event),
        by=wish.by,
        at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    await write(kafka, key, value_of(correction, taxonomy))
    return said_of(wish.place, correction, taxonomy, there_was=key in latest, as_json_=as_json_)


def _ticket_id(event: Event | None) -> str | None:
    ticket_id = None if event is None else event.get("ticket_id")
    return None if ticket_id is None else str(ticket_id)


def _was(wish: Wish, replaced: bytes | None, settings: Settings) -> tuple[str | None, ...]:
    """What the model had said: as the event tells, or the correction that stands there now. What a person had
    said is nothing of the model."""
    taxonomy = settings.taxonomy
    if wish.event is not None and wish.event.get("decided_by") != "override":
        return labels_before(wish.event["labels"], taxonomy)
    if replaced is not None:
        try:
            return read_correction(wish.place, replaced, taxonomy, digest_prefix(settings.ticket.redact)).was
        except NotACorrection:
            pass
    return labels_before(None, taxonomy)


async def _latest(kafka: Kafka, operation: Operation) -> dict[bytes | None, bytes]:
    """By key, the last value on the topic. Raises `OperatorFault`, also where there is no topic."""
    topic = await find_overrides_topic(kafka, operation)
    if topic is None:
        raise OperatorFault(missing_sentence([kafka.overrides_topic]))
    return await read_latest(kafka, topic)


def _list(settings: Settings, *, as_json_: bool) -> None:
    latest = asyncio.run(_latest(settings.kafka, Operation.READ))
    corrections, refused = _read(latest, settings.taxonomy, digest_prefix(settings.ticket.redact))
    if as_json_:
        print(as_json(corrections, refused, settings.taxonomy))
        return
    show(corrections, settings.taxonomy)
    for reason, count in Counter(fault.reason for fault in refused).items():
        print(f"{count:,} not in force: {reason}. --json names them.", file=sys.stderr)


def _read(
    latest: dict[bytes | None, bytes], taxonomy: Taxonomy, prefix: str
) -> tuple[list[Correction], list[NotACorrection]]:
    """Those that a replica takes, oldest first, and why it does not take the others."""
    corrections, refused = [], []
    for key, value in latest.items():
        try:
            corrections.append(read_correction(place_of(key), value, taxonomy, prefix))
        except NotACorrection as fault:
            refused.append(fault)
    return sorted(corrections, key=lambda correction: correction.at or ""), refused
