"""What `profile` projects, against what then happens: calls and cost of the recommended configuration, run.

The tickets of each pattern of arrivals are profiled, and the recommendation is taken as it is printed. Then
the same tickets go onto an embedded broker at their times, the real service labels them by it, and the
simulated provider counts calls and tokens. Nothing is scaled: a minute takes a minute.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson
import yaml

from benchmarks.figures import Figure, Findings, percentile
from benchmarks.grades import Event
from benchmarks.stand import Stand, a_stand
from benchmarks.stand_config import PARTITIONS, Groups, write_config
from stream_classifier.core.call import Usage
from stream_classifier.core.prices import Price
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.made_tickets import made_tickets
from stream_classifier.lab.profile.costing import CallTimes
from stream_classifier.lab.profile.profiling import Asked, Profile, profiled
from stream_classifier.lab.profile.sources import came
from stream_classifier.lab.profile.survey import Parts, Survey
from stream_classifier.lab.rows import TicketRow
from stream_classifier.lab.simulator import Simulator, SimulatorOptions
from stream_classifier.observe import logs
from stream_classifier.settings import Settings
from stream_classifier.settings.service import Log

NEAR = 0.10  # how far calls and cost may be from the projection
SPAN_S = 60.0
TIMES = CallTimes(first_token_s=0.3, tokens_per_s=100.0)
SETTINGS: Groups = {"llm": {"timeout_s": 30, "concurrency": 8}}
STORM_TEXT = {"subject": "Sign in", "body": "Nobody can sign in any more, the page says error 502."}

Rows = list[dict[str, Any]]
Pattern = Callable[[Random], list[float]]


def poisson(rng: Random) -> list[float]:
    """Five a second that know nothing of one another."""
    return list(_poisson(rng, 5.0, 0.0, SPAN_S))


def bursts(rng: Random) -> list[float]:
    """Two a second, and every ten seconds a hundred within one."""
    calm = _poisson(rng, 2.0, 0.0, SPAN_S)
    return sorted([*calm, *(start + rng.random() for start in range(5, int(SPAN_S), 10) for _ in range(100))])


def storm(rng: Random) -> list[float]:
    """Five a second; `_rows` lets one text come thirty times a second for a while besides."""
    return poisson(rng)


PATTERNS: dict[str, Pattern] = {"poisson": poisson, "bursts": bursts, "storm": storm}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pattern: what was projected, and what the provider counted."""

    profile: Profile
    tickets: int
    events: Sequence[Event]
    calls: int
    cost_usd: float

    @property
    def bulk_p99_s(self) -> float:
        """From the broker's time of a bulk ticket to its label."""
        waits = [event["latency_ms"] / 1000 for event in self.events if event["lane"] == "bulk"]
        return percentile(waits, 0.99)


def measure(*, seed: int, tell: Callable[[str], None]) -> Findings:
    """Each pattern in turn; the service's log goes to a file that is thrown away."""
    os.environ["no_proxy"] = "*"  # a proxy must not stand between parts of one process
    with _workplace() as directory, EmbeddedBroker() as broker:
        runs = {}
        for name, pattern in PATTERNS.items():
            place = directory / f"{name}-run"
            place.mkdir()
            runs[name] = asyncio.run(_run(broker, place, _rows(name, pattern, seed)))
            tell(name)
    figures = [figure for name, run in runs.items() for figure in _figures(name, run)]
    title = f"A profile's projection, and the recommended configuration run for {SPAN_S:g} s at each pattern"
    return Findings(title=title, figures=figures)


def _rows(name: str, pattern: Pattern, seed: int) -> Rows:
    rng = Random(f"{seed}/{name}")
    times = pattern(rng)
    made = made_tickets(len(times), seed, urgent=0.02, not_tickets=0.0)
    rows = [{**orjson.loads(record.value), "at": at} for record, at in zip(made, times, strict=True)]
    if name == "storm":
        storming = _poisson(rng, 30.0, SPAN_S / 4, SPAN_S / 2)
        rows += [{"ticket_id": f"S-{n}", **STORM_TEXT, "at": at} for n, at in enumerate(storming)]
    return sorted(rows, key=lambda row: float(row["at"]))


def _poisson(rng: Random, rate: float, start_s: float, end_s: float) -> Iterator[float]:
    now = start_s + rng.expovariate(rate)
    while now < end_s:
        yield now
        now += rng.expovariate(rate)


async def _run(broker: EmbeddedBroker, directory: Path, rows: Rows) -> Run:
    settings = write_config(
        directory,
        bootstrap_servers=broker.bootstrap_servers,
        base_url="http://127.0.0.1/v1",
        settings=SETTINGS,
    )
    profile = await _profile(settings, rows)
    simulator = Simulator(SimulatorOptions(latency_s=TIMES.first_token_s, tokens_per_s=TIMES.tokens_per_s))
    async with a_stand(broker, directory, simulator, _recommended(profile)) as stand:
        began_s = time.monotonic()
        await _send(stand, rows)
        await stand.all_out(len(rows))
    calls = [call for call in simulator.stats.log if call.start_s >= began_s]  # without the introduction
    price = Price(**settings.llm.prices[settings.llm.model].model_dump())
    return Run(
        profile=profile,
        tickets=len(rows),
        events=stand.events,
        calls=len(calls),
        cost_usd=sum(
            price.cost_usd(Usage(call.tokens_in, call.tokens_out, call.tokens_cached)) for call in calls
        ),
    )


async def _profile(settings: Settings, rows: Rows) -> Profile:
    """As the command makes it, of rows that say when they came."""
    survey = Survey(parts=await Parts.of(settings), limit=len(rows))
    day_s = 1_767_600_000.0
    timed = (
        TicketRow(line=n, ticket={**row, "created_at": day_s + row["at"]}) for n, row in enumerate(rows, 1)
    )
    for record in came(timed, None, survey.bad):
        survey.take(record)
    return profiled(survey, Asked(source="rows", times=TIMES), whole=True, told=lambda _phase: None)


def _recommended(profile: Profile) -> Groups:
    """What was printed to be pasted, over the settings of all."""
    groups: dict[str, Any] = {name: dict(values) for name, values in SETTINGS.items()}
    for name, values in yaml.safe_load(profile.yaml).items():
        groups[name] = {**groups.get(name, {}), **values}
    return groups


async def _send(stand: Stand, rows: Rows) -> None:
    """Each ticket at its time, in turn on the partitions."""
    topic, start_s = stand.settings.kafka.input_topic, time.monotonic()
    for number, row in enumerate(rows):
        await asyncio.sleep(max(start_s + row["at"] - time.monotonic(), 0.0))
        key = str(row["ticket_id"]).encode()
        await stand.producer.send(topic, orjson.dumps(row), key, partition=number % PARTITIONS)
    await stand.producer.flush()


def _figures(name: str, run: Run) -> Iterator[Figure]:
    chosen = run.profile.advice.chosen
    assert chosen.cost_usd is not None
    yield _one(f"{name}: tickets", run.tickets)
    yield _one(f"{name}: recommended batch", chosen.max_tickets, f"tickets, {chosen.max_wait_s:g} s")
    yield _one(f"{name}: lost", run.tickets - len(run.events), "tickets", most=0)
    yield _one(f"{name}: calls projected", chosen.calls)
    yield _one(f"{name}: calls", run.calls)
    yield _one(f"{name}: calls to projection", run.calls / chosen.calls, least=1 - NEAR, most=1 + NEAR)
    yield _one(f"{name}: cost projected", chosen.cost_usd, "USD")
    yield _one(f"{name}: cost", run.cost_usd, "USD")
    yield _one(f"{name}: cost to projection", run.cost_usd / chosen.cost_usd, least=1 - NEAR, most=1 + NEAR)
    yield _one(f"{name}: bulk p99 projected", chosen.bulk.p99_s or 0.0, "s")
    yield _one(f"{name}: bulk p99", run.bulk_p99_s, "s")


def _one(
    name: str, value: float, unit: str = "", *, least: float | None = None, most: float | None = None
) -> Figure:
    return Figure(name=name, values=[value], unit=unit, at_least=least, at_most=most)


@contextmanager
def _workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stream-classifier-projection-") as name:
        directory = Path(name)
        with (directory / "service.log").open("w", encoding="utf-8") as file:
            logs.configure("warning", "json", Log().max_per_event_per_s, file)
            yield directory
