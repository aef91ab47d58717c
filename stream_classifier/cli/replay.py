"""`stream-classifier replay`: sends dead letters, reviews or labels through again."""

import asyncio
import io
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from stream_classifier.cli.files import ConfigFile
from stream_classifier.core.replay import MAX_TRIPS, Offsets, Origin, Selection
from stream_classifier.kafka.replaying import Account, Replay
from stream_classifier.observe import logs
from stream_classifier.settings import Settings
from stream_classifier.settings import load as load_settings

REFRESH_PER_S = 5
SHOWN_PLACES = 5  # enough to look at; --json names more
LAST_OFFSET = 2**63 - 1
SPAN = re.compile(r"(\d{1,10}):(\d{1,19})(?:(-)(\d{1,19})?)?")


def replay(
    *,
    origin: Annotated[Origin, typer.Option("--from", help="What to send through again.", show_default=False)],
    reason: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REASON", help="Only with this reason, as dlq.reason or the event has it; repeatable."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="From this time on: 2025-01-31 or 2025-01-31T09:30Z (UTC)."),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")] = None,
    offsets: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PARTITION:FIRST[-LAST]",
            help="Only these of the dead-letter or labels topic, as 0:17, 0:17-30 or 0:17-; repeatable.",
        ),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="With labels: also those that the present taxonomy gave.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help=f"Also what went through {MAX_TRIPS} times already.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Send dead letters, reviews or labels of an older taxonomy through again, each once and in order.

    They are written to the input topic; a new event names the one that it renews in relabel_of. Ended at any
    moment, the same command goes on from there.

    Exit status 1 where a record could not be sent, or the replay was interrupted.

    Example: stream-classifier replay --from dead-letters --reason not_json --dry-run
    """
    settings = load_settings(config, os.environ)
    if origin is Origin.LABELS and reason:
        raise typer.BadParameter("labels have none", param_hint="--reason")
    if origin is not Origin.LABELS and all_:
        raise typer.BadParameter("it goes with --from labels", param_hint="--all")
    selection = Selection(
        origin=origin,
        reasons=frozenset(reason or ()),
        since_ms=_time_ms(since, "--since"),
        until_ms=_time_ms(until, "--until"),
        offsets=tuple(map(_offsets, offsets or ())),
        taxonomy_digest=settings.taxonomy.digest if origin is Origin.LABELS and not all_ else None,
    )
    logs.configure("error", "json", 1, io.StringIO())  # what goes wrong is said by this command
    account, interrupted = _replayed(settings, selection, force=force, dry=dry_run)
    print(_as_json(account, dry=dry_run) if as_json_ else _result(account, dry=dry_run))
    if not as_json_:
        _explain_left(account)
    if interrupted:
        print("Interrupted; the same command goes on from here.", file=sys.stderr)
    if interrupted or account.left:
        raise typer.Exit(1)


def _time_ms(text: str | None, option: str) -> int | None:
    """A moment, so that the same command means the same an hour later."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("write it as 2025-01-31 or 2025-01-31T09:30Z", param_hint=option) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _offsets(text: str) -> Offsets:
    found = SPAN.fullmatch(text)
    if found is None:
        raise typer.BadParameter("write it as 0:17, 0:17-30 or 0:17-", param_hint="--offsets")
    partition, first, dash, last = found.groups()
    ends = int(last) if last else LAST_OFFSET if dash else int(first)
    if ends < int(first):
        raise typer.BadParameter("the last offset is before the first", param_hint="--offsets")
    return Offsets(int(partition), int(first), ends)


def _replayed(settings: Settings, selection: Selection, *, force: bool, dry: bool) -> tuple[Account, bool]:
    """What came of it, and whether it was interrupted: then what was begun is finished first."""
    stop = asyncio.Event()
    sender = Replay(settings.kafka, selection, force=force, dry=dry, stopping=stop.is_set)

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def stop_once() -> None:
            stop.set()
            loop.remove_signal_handler(signal.SIGINT)  # a second one ends it at once

        loop.add_signal_handler(signal.SIGINT, stop_once)
        await sender.run()

    with _progress(sender.account):
        asyncio.run(run())
    return sender.account, stop.is_set()


@contextmanager
def _progress(account: Account) -> Iterator[None]:
    """A line on stderr that follows the counts, where somebody is there to see it."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield
        return
    with Live(
        get_renderable=lambda: Text(f"{account.sent:,} sent, {account.looked_at:,} looked at"),
        console=console,
        refresh_per_second=REFRESH_PER_S,
        transient=True,
    ):
        yield


def _result(account: Account, *, dry: bool) -> str:
    counts = {
        "would be sent" if dry else "sent": account.sent,
        "repeated": account.repeated,
        "gone": account.gone,
        "worn": account.worn,
        "looked at": account.looked_at,
    }
    lines = ["  ".join(f"{name} {count}" for name, count in counts.items())]
    return "\n".join([*lines, *(f"  {count}\t{reason}" for reason, count in account.reasons.most_common())])


def _explain_left(account: Account) -> None:
    """Why some were not sent, and what can be done about it."""
    if account.gone:
        print(
            f"{account.gone:,} are no longer on their topic and cannot be sent "
            f"({_some(account.gone_places)}): retention or compaction removed them.",
            file=sys.stderr,
        )
    if account.worn:
        print(
            f"{account.worn:,} went through {MAX_TRIPS} times already and were left (found at "
            f"{_some(account.worn_places)}): see why they come back; to send them all the same, name them by "
            "--offsets and add --force.",
            file=sys.stderr,
        )


def _some(places: Sequence[str]) -> str:
    more = ", ..." if len(places) > SHOWN_PLACES else ""
    return ", ".join(places[:SHOWN_PLACES]) + more


def _as_json(account: Account, *, dry: bool) -> str:
    said = {
        "dry_run": dry,
        "sent": account.sent,
        "repeated": account.repeated,
        "gone": account.gone,
        "worn": account.worn,
        "looked_at": account.looked_at,
        "reasons": dict(account.reasons),
        "gone_places": account.gone_places,
        "worn_places": account.worn_places,
    }
    return orjson.dumps(said, option=orjson.OPT_INDENT_2).decode()
