"""`make faults`: what becomes of tickets on a provider's bad days, a row for each failure.

The real service runs in this process, on the embedded broker and against the simulated provider, with one
fault armed at a time. In some rows a fault strikes while tickets are labelled; in the others nothing works
for a minute, and then somebody mends it. Each row has a service, topics and a provider of its own. They come
one after another, so that their times can be compared; but while an outage lasts, others go on.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.fault_findings import Faults, Outlived, Struck, at, outlived
from benchmarks.fault_rows import KEY, NO_FAULT, OUTAGES, ROWS, Row
from benchmarks.fault_tickets import TICKETS, made_tickets
from benchmarks.grades import grade
from benchmarks.stand import Stand, a_stand
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.simulator import Simulator, SimulatorOptions
from stream_classifier.observe import logs
from stream_classifier.settings.service import Log

LATENCY_S = 0.05  # of a call
DEADLINE_S = 5  # of urgent tickets, in outages; the default elsewhere

Tell = Callable[[str], None]
"""Takes a line of progress."""


@dataclass(slots=True, kw_only=True)
class Runs:
    """Runs rows on one broker; `directory` gets what the services write."""

    broker: EmbeddedBroker
    directory: Path
    seed: int
    outage_s: float
    tell: Tell
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def all(self, only: str) -> Faults:
        """Every row whose failure contains `only`, and the ideal."""
        ideal = await self.strike(NO_FAULT)
        async with asyncio.TaskGroup() as tasks:
            outages = [tasks.create_task(self.outlive(row)) for row in OUTAGES if only in row.failure]
            rows = [tasks.create_task(self.strike(row)) for row in ROWS if only in row.failure]
        return Faults(
            seed=self.seed,
            outage_s=self.outage_s,
            ideal=ideal,
            struck=[row.result() for row in rows],
            outlived=[outage.result() for outage in outages],
        )

    async def strike(self, row: Row) -> Struck:
        """Send the tickets while the fault is armed."""
        tickets = made_tickets(self.seed)
        async with self._turn, a_stand(self.broker, *self._place(row)) as stand:
            if not row.from_start:
                stand.provider.simulator.faults.replace(row.faults)
            began_s = time.monotonic()
            await stand.send(tickets)
            if row.lasts_s is not None:
                await asyncio.sleep(row.lasts_s)
                stand.provider.simulator.faults.clear()
            await stand.all_out(TICKETS)
        self.tell(row.failure)
        stats = stand.provider.simulator.stats
        sound = sum(call.fault is None and call.status == 200 for call in stats.log)
        return Struck(
            row=row,
            grades=grade({ticket.ticket_id: ticket.label for ticket in tickets}, stand.events),
            strikes=stats.calls - sound,
            calls=stats.calls,
            seconds=_seconds(stand, began_s),
        )

    async def outlive(self, row: Row) -> Outlived:
        """Send the tickets while nothing works, wait, mend it, and wait until all have come out."""
        tickets = made_tickets(self.seed)
        async with AsyncExitStack() as stack:
            async with self._turn:
                stand = await stack.enter_async_context(a_stand(self.broker, *self._place(row)))
                await _break(stand, row)
                await stand.send(tickets)
                paused = await stand.paused()
            before = stand.calls()
            await asyncio.sleep(self.outage_s)
            calls = stand.calls() - before if paused else None
            unpublished = await stand.unpublished()
            mended_at = time.time()
            await _mend(stand, row)
            await stand.all_out(TICKETS)
        self.tell(row.failure)
        return outlived(
            row,
            grade({ticket.ticket_id: ticket.label for ticket in tickets}, stand.events),
            stand.events,
            deadline_s=DEADLINE_S,
            outage_s=self.outage_s,
            calls=calls,
            unpublished=unpublished,
            mended_at=mended_at,
        )

    def _place(self, row: Row) -> tuple[Path, Simulator, dict[str, dict[str, object]]]:
        """A directory of the row's own, its provider, and what its service is set to."""
        directory = self.directory / f"row-{next(self._numbers)}"
        directory.mkdir()
        simulator = Simulator(SimulatorOptions(latency_s=LATENCY_S, seed=self.seed, **row.provider))
        if row.from_start:
            simulator.faults.replace(row.faults)
        settings = {group: dict(values) for group, values in row.settings.items()}
        if row in OUTAGES:
            settings["urgent"] = {"deadline_s": DEADLINE_S}
        return directory, simulator, settings


def measure(*, seed: int, outage_s: float, only: str, tell: Tell) -> Faults:
    """Run every row whose failure contains `only`; its log goes to a file that is thrown away."""
    os.environ["no_proxy"] = "*"  # a proxy must not stand between parts of one process
    with _workplace() as directory, EmbeddedBroker() as broker:
        runs = Runs(broker=broker, directory=directory, seed=seed, outage_s=outage_s, tell=tell)
        return asyncio.run(runs.all(only))


@contextmanager
def _workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stream-classifier-faults-") as name:
        directory = Path(name)
        with (directory / "service.log").open("w", encoding="utf-8") as file:
            logs.configure("warning", "json", Log().max_per_event_per_s, file)
            yield directory


async def _break(stand: Stand, row: Row) -> None:
    stand.provider.simulator.faults.replace(row.faults)
    if row.wrong_key:
        stand.mount_key("an-expired-key")
    if row.refused:
        await stand.provider.go()


async def _mend(stand: Stand, row: Row) -> None:
    stand.provider.simulator.faults.clear()
    if row.wrong_key:
        stand.mount_key(KEY)
    if row.refused:
        await stand.provider.come()


def _seconds(stand: Stand, began_s: float) -> float:
    """From the first call's arrival after the tickets were sent to the last event's departure."""
    calls = [call for call in stand.provider.simulator.stats.log if call.start_s >= began_s]
    to_unix_s = time.time() - time.monotonic()
    first_s = min((call.start_s for call in calls), default=0.0) + to_unix_s
    return max((at(event) for event in stand.events), default=first_s) - first_s
