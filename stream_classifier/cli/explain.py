"""`stream-classifier explain`: what would happen to a ticket, without a call."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream_classifier.cli.explained import Passage, as_json, passages, whole_prompt
from stream_classifier.cli.files import ConfigFile
from stream_classifier.cli.given import LOOKS_LIKE_JSON, Form, bytes_of, text_ticket
from stream_classifier.core.prompt import visible
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import DeadLetterReason, NotATicket, PassedOver, Ticket
from stream_classifier.service.building import Builder
from stream_classifier.service.explaining import Explanation, on_topic
from stream_classifier.service.explaining import explain as explain_tickets
from stream_classifier.settings import Settings
from stream_classifier.settings import load as load_settings

NAME_CHARS = 12  # of the column with the passages' names


def explain(
    given: Annotated[
        str,
        typer.Argument(
            metavar="TEXT_OR_FILE",
            help="A ticket's text, a record's value as JSON, or a file with either; - is standard input.",
        ),
    ],
    *,
    form: Annotated[
        Form, typer.Option("--as", help="Read it as a text or as a record's value (auto: JSON is a record).")
    ] = Form.AUTO,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A header of the record, as CloudEvents have; repeatable."),
    ] = None,
    prompt: Annotated[bool, typer.Option("--prompt", help="Print what would be sent to the model.")] = False,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Say what would happen to a ticket: its lane and why, what the model would see, what is known, what it
    costs.

    No text is sent to anybody. The cache and people's corrections are only read.

    Example: stream-classifier explain "The CSV export stops at 40 %" --prompt
    """
    settings = load_settings(config, os.environ)
    headers = [_header(text) for text in header or ()]
    value = bytes_of(given, form)
    try:
        explanation = asyncio.run(_explained(settings, value, form, headers))
    except NotATicket as fault:
        _show_dead_letter(settings, fault, value, as_json_=as_json_)
    except PassedOver as passed:
        _show_passed_over(settings, passed, as_json_=as_json_)
    else:
        _show(settings, explanation, prompt=prompt, as_json_=as_json_)


async def _explained(
    settings: Settings, value: bytes, form: Form, headers: Sequence[tuple[str, bytes]]
) -> Explanation:
    """Raises `NotATicket` for a record that would be a dead letter, `PassedOver` for one without a ticket."""
    tickets: Sequence[Ticket] = ()
    if form is Form.RECORD or (form is Form.AUTO and LOOKS_LIKE_JSON.match(value)):
        try:
            tickets = Builder(settings, Tally()).reader().read(value, headers)
        except PassedOver as passed:
            if not passed.tickets:
                raise
            tickets = passed.tickets
    else:
        tickets = [text_ticket(value)]
    return await explain_tickets(settings, tickets, on_topic(settings, os.environ))


def _header(text: str) -> tuple[str, bytes]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter("write it as NAME=VALUE", param_hint="--header")
    return name, value.encode()


def _show(settings: Settings, explanation: Explanation, *, prompt: bool, as_json_: bool) -> None:
    if as_json_:
        _print_json(as_json(explanation, settings))
        return
    for number, explained in enumerate(explanation.tickets):
        if number:
            print()
        _print(passages(explained, explanation, settings))
        if prompt:
            for name, text in whole_prompt(explained):
                print(f"\n--- {name} ---\n{text}")


def _show_dead_letter(settings: Settings, fault: NotATicket, value: bytes, *, as_json_: bool) -> None:
    if as_json_:
        dead_letter = {"reason": fault.reason, "error": fault.sentence}
        _print_json({"settings_digest": settings.digest, "dead_letter": dead_letter, "tickets": []})
    else:
        topic = settings.kafka.dead_letter_topic
        _print([("Fate", f"Not a ticket: sent to {topic} with its bytes untouched."), *_reason(fault)])
    if fault.reason is DeadLetterReason.NOT_JSON and (lines := _tickets_a_line(value)) > 1:
        print(
            f"It holds {lines} lines that begin like tickets, and a record holds one ticket or an array: "
            "take one of them, as in `sed -n 1p FILE | stream-classifier explain -`.",
            file=sys.stderr,
        )


def _show_passed_over(settings: Settings, passed: PassedOver, *, as_json_: bool) -> None:
    if as_json_:
        told = {"rule": passed.rule, "why": passed.sentence}
        _print_json({"settings_digest": settings.digest, "passed_over": told, "tickets": []})
    else:
        _print([("Fate", "Passed over: counted, and not published."), ("Rule", passed.rule)])
        _print([("Why", passed.sentence)])


def _reason(fault: NotATicket) -> Iterator[Passage]:
    yield "Reason", fault.reason
    yield "Error", visible(fault.sentence)


def _tickets_a_line(value: bytes) -> int:
    lines = [line for line in value.splitlines() if line.strip()]
    return len(lines) if all(LOOKS_LIKE_JSON.match(line) for line in lines) else 0


def _print(entries: Iterator[Passage] | Sequence[Passage]) -> None:
    """On a terminal wrapped beside the names; in a pipe each line as it is, to be searched."""
    if not sys.stdout.isatty():
        for name, text in entries:
            indented = text.replace("\n", "\n" + " " * NAME_CHARS)
            print(f"{name:{NAME_CHARS}}{indented}".rstrip())
        return
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(style="bold", width=NAME_CHARS - 1)
    grid.add_column(overflow="fold")
    for name, text in entries:
        grid.add_row(name, Text(text))
    Console(highlight=False).print(grid)


def _print_json(content: object) -> None:
    print(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
