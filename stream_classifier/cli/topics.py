"""`stream-classifier topics`: shows the four topics and what is wrong with them; `--create` makes them."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream_classifier.cli.files import ConfigFile
from stream_classifier.kafka.access import require_sight
from stream_classifier.kafka.connection import admin_client
from stream_classifier.kafka.topic_rules import Finding, Role, Severity, Topic, findings, required, roles
from stream_classifier.kafka.topics import create_missing, read_topics
from stream_classifier.settings import load as load_settings
from stream_classifier.settings.kafka import Kafka

STYLES = {Severity.FAULT: "bold red", Severity.NOTE: "yellow"}
COLUMNS = ("topic", "is the", "partitions", "replicas", "cleanup", "max bytes")
NUMBERS = ("partitions", "replicas", "max bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a person asked missing topics to be like; None leaves it to the input topic, or to us."""

    partitions: int | None
    replication: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The topics as they are now."""

    names: Mapping[Role, str]
    topics: Mapping[str, Topic]
    findings: Sequence[Finding]
    made: Sequence[str]


def topics(
    *,
    config: ConfigFile = None,
    create: Annotated[bool, typer.Option("--create", help="Make the topics that are missing.")] = False,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, help="Partitions of topics to be made (default: as the input topic, else 6)."),
    ] = None,
    replication: Annotated[
        int | None,
        typer.Option(
            min=1, help="Replicas of topics to be made (default: as the input topic, else up to 3)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the four topics and what is wrong with them; make the missing ones.

    Exit status 1 where a topic has a fault that the service would not start with.

    Example: stream-classifier topics --create --partitions 12 --replication 3
    """
    settings = load_settings(config, os.environ)
    shape = Shape(partitions=partitions, replication=replication)
    survey = asyncio.run(_survey(settings.kafka, shape if create else None))
    if survey.made:
        print(f"Made {', '.join(survey.made)}.", file=sys.stderr)
    _show(survey, as_json=as_json)
    if any(finding.severity is Severity.FAULT for finding in survey.findings):
        raise typer.Exit(1)


async def _survey(kafka: Kafka, shape: Shape | None) -> Survey:
    """Look at the topics; with a shape, make the missing ones first."""
    names = roles(kafka)
    made: Sequence[str] = ()
    await require_sight(kafka, required(kafka))
    async with admin_client(kafka) as admin:
        if shape:
            made = await create_missing(admin, names, **asdict(shape))
        present = await read_topics(admin, names.values())
    return Survey(names=names, topics=present, findings=findings(names, present), made=made)


def _show(survey: Survey, *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(_as_json(survey), option=orjson.OPT_INDENT_2).decode())
    elif sys.stdout.isatty():
        _show_on_terminal(survey)
    else:
        _show_plain(survey)


def _as_json(survey: Survey) -> dict[str, Any]:
    rows = []
    for role, name in survey.names.items():
        topic = survey.topics.get(name)
        details = asdict(topic) if topic else {"name": name}
        rows.append({"role": role, "exists": topic is not None, **details})
    return {"topics": rows, "findings": [asdict(finding) for finding in survey.findings]}


def _cells(role: Role, name: str, topic: Topic | None) -> tuple[str, ...]:
    """One row of the table; `?` is what the broker does not tell, `-` what is not there."""
    if topic is None:
        return (name, role, "missing", "-", "-", "-")
    limit = str(topic.max_message_bytes or "?")
    return (name, role, str(topic.partitions), str(topic.replication), topic.cleanup_policy or "?", limit)


def _show_on_terminal(survey: Survey) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in COLUMNS:
        table.add_column(column, overflow="fold", justify="right" if column in NUMBERS else "left")
    for role, name in survey.names.items():
        topic = survey.topics.get(name)
        table.add_row(*_cells(role, name, topic), style=None if topic else "bold")
    console = Console(highlight=False)
    console.print(table)
    for finding in survey.findings:
        line = Text.assemble((f"{finding.severity}: ", STYLES[finding.severity]), finding.sentence)
        console.print(line)


def _show_plain(survey: Survey) -> None:
    """Fields parted by tabs, a line each, for other programs."""
    print("\t".join(COLUMNS))
    for role, name in survey.names.items():
        print("\t".join(_cells(role, name, survey.topics.get(name))))
    for finding in survey.findings:
        print(f"{finding.severity}\t{finding.role}\t{finding.sentence}")
