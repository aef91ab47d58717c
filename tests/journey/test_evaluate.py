"""`evaluate` as a process between a file and a simulated provider: what it finds, pays, and goes on with."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from stream_classifier.lab.simulator import ArmedFault, Simulator, SimulatorOptions, rule_label
from tests.interrupts import ctrl_c_is_heeded
from tests.patience import until

LABELS = ("bug", "feature", "other")
CALLS = 4
TEN = ("--grid", "batch.max_tickets=10")
BOTH = ("--grid", "batch.max_tickets=1,10")
ENDS_WITHIN_S = 60.0
WRONG_EVERY = 5  # of so many rows one has a label that the simulator does not give
PRICE = {"input": 1000.0, "cached_input": 1000.0, "output": 1000.0}  # a thousandth of a dollar a token


@dataclass(slots=True, kw_only=True)
class Found:
    """What one process came to."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """What `--json` printed."""
        data: dict[str, Any] = orjson.loads(self.out)
        return data

    @property
    def configurations(self) -> list[dict[str, Any]]:
        configurations: list[dict[str, Any]] = self.data["configurations"]
        return configurations


@dataclass(slots=True, kw_only=True)
class Bench:
    """A provider, and rows whose labels are known."""

    simulator: Simulator
    folder: Path
    env: dict[str, str] = field(default_factory=lambda: os.environ | {"NO_COLOR": "1"})

    @property
    def rows(self) -> Path:
        return self.folder / "gold.jsonl"

    @property
    def store(self) -> Path:
        return self.folder / "gold.jsonl.evaluate.db"

    @property
    def spent_usd(self) -> float:
        """What the provider has counted."""
        totals = self.simulator.stats.totals()
        return float(totals["tokens_in"] + totals["tokens_out"]) * PRICE["input"] / 1e6

    async def start(self, *args: str) -> Process:
        command = [sys.executable, "-m", "stream_classifier", "evaluate", str(self.rows)]
        fixed = ["--label-field", "label", "--config", str(self.folder / "config.yaml"), "--json", "--yes"]
        return await asyncio.create_subprocess_exec(
            *command, *fixed, *args, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE, env=self.env
        )

    async def run(self, *args: str) -> Found:
        return await ended(await self.start(*args))

    async def killed_at(self, records_asked: int, *args: str) -> None:
        """Evaluate until the provider has been asked for so many texts in all, then kill."""
        process = await self.start(*args)
        try:
            await until(lambda: self.simulator.stats.records_asked >= records_asked)
        finally:
            process.kill()
            await process.communicate()

    def times_asked(self, count: int) -> list[int]:
        return [self.simulator.stats.times_asked(text(number)) for number in range(count)]


async def ended(process: Process) -> Found:
    async with asyncio.timeout(ENDS_WITHIN_S):
        out, err = await process.communicate()
    return Found(status=process.returncode or 0, out=out.decode(), err=err.decode())


@asynccontextmanager
async def bench(folder: Path, rows: list[Mapping[str, Any]], **options: Any) -> AsyncIterator[Bench]:
    simulator = Simulator(SimulatorOptions(labels=LABELS, **options))
    async with simulator.serve() as address:
        settings = {
            "llm": {
                "base_url": address.base_url,
                "concurrency": CALLS,
                "model": "made",
                "prices": {"made": PRICE},
            },
            "batch": {"max_wait_s": 0.1},
            "cache": {"path": str(folder / "service-cache.db")},
            "taxonomy": {"labels": list(LABELS)},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(settings))
        made = Bench(simulator=simulator, folder=folder)
        made.rows.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        yield made


def text(number: int) -> str:
    """A text of its own for each row; some words of it mean a label."""
    return f"Ticket {number}: {('it crashes', 'please add this', 'hello')[number % 3]}"


def gold(number: int) -> dict[str, Any]:
    given = rule_label(text(number), LABELS)
    wrong = LABELS[(LABELS.index(given) + 1) % len(LABELS)]
    return {"id": number, "text": text(number), "label": wrong if number % WRONG_EVERY == 0 else given}


def golden(count: int) -> list[Mapping[str, Any]]:
    return [gold(number) for number in range(count)]


def right(count: int) -> int:
    return count - len(range(0, count, WRONG_EVERY))


async def test_each_configuration_is_asked_for_every_text_itself_and_judged_by_it(tmp_path: Path) -> None:
    async with bench(tmp_path, [*golden(40), gold(1), gold(2)]) as made:
        found = await made.run(*BOTH)
        assert found.status == 0, found.err
        assert set(made.times_asked(40)) == {2}  # the answer of a batch of ten is no answer of one
        one, ten = found.configurations
    assert [(each["batch_size"], each["texts"]) for each in (one, ten)] == [(1, 40), (10, 40)]
    assert [each["accuracy"]["count"] for each in (one, ten)] == [right(40)] * 2
    assert (one["calls"], ten["calls"]) == (40, 4)
    assert found.data["rows"] == 42
    assert found.data["simulated"]
    positions = {each["configuration"]: each["by_position"] for each in found.data["positions"]}
    assert [part["of"] for part in positions["batch.max_tickets=10"]] == [4] * 10


async def test_the_cost_is_what_the_provider_counted_and_a_second_run_costs_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, golden(40)) as made:
        first = await made.run(*BOTH)
        calls, spent = made.simulator.stats.calls, made.spent_usd
        again = await made.run(*BOTH)
        assert (again.status, made.simulator.stats.calls) == (0, calls)
        assert sum(each["spent_usd"] for each in first.configurations) == pytest.approx(spent)
        answers = sum(each["cost_usd"] for each in first.configurations)
        assert spent * 0.9 < answers < spent  # what is beyond asked whether the model works
        assert [each["accuracy"] for each in again.configurations] == [
            each["accuracy"] for each in first.configurations
        ]
        assert "to ask" not in again.err


async def test_the_services_cache_is_neither_read_nor_written(tmp_path: Path) -> None:
    async with bench(tmp_path, golden(10)) as made:
        await made.run()
    assert not (tmp_path / "service-cache.db").exists()


async def test_killed_at_any_moment_it_goes_on_with_what_is_paid_for(tmp_path: Path) -> None:
    async with bench(tmp_path, golden(300), latency_s=0.1) as made:
        for moment in sorted(random.Random(3).sample(range(10, 250), 3)):
            await made.killed_at(moment, *TEN)
        found = await made.run(*TEN)
        assert found.status == 0, found.err
        asked = made.times_asked(300)
        assert min(asked) == 1
        assert sum(asked) - len(asked) <= 3 * CALLS * 10  # what was in flight at each kill
        [ten] = found.configurations
    assert (ten["texts"], ten["accuracy"]["count"]) == (300, right(300))
    assert "had no end when an earlier run was killed" in found.err


async def test_ctrl_c_waits_for_what_is_paid_for_judges_it_and_says_how_to_go_on(tmp_path: Path) -> None:
    async with bench(tmp_path, golden(300), latency_s=0.3) as made:
        with ctrl_c_is_heeded():
            process = await made.start(*TEN)
        await until(lambda: made.simulator.stats.records_asked > 2 * CALLS * 10)
        process.send_signal(signal.SIGINT)
        stopped = await ended(process)
        assert stopped.status == 1
        assert "the same command goes on from there" in stopped.err
        [part] = stopped.configurations
        assert part["stopped_for"] == "interrupt"
        assert part["texts"] + part["rows_not_asked"] == 300
        assert part["texts"] == sum(made.times_asked(300))
        again = await made.run(*TEN)
        assert again.status == 0
        assert set(made.times_asked(300)) == {1}


async def test_never_more_is_spent_than_max_cost_also_over_kills(tmp_path: Path) -> None:
    async with bench(tmp_path, golden(300), latency_s=0.05) as made:
        budget = ("--max-cost", "25", *BOTH)
        await made.killed_at(20, *budget)
        found = await made.run(*budget)
        assert found.status == 1
        assert 12 < made.spent_usd <= 25
        assert {each["stopped_for"] for each in found.configurations} == {"budget"}
        assert all(each["texts"] + each["rows_not_asked"] == 300 for each in found.configurations)
        assert all(each["texts"] > 0 for each in found.configurations)
        assert "a higher --max-cost goes on from there" in found.err
        whole = await made.run(*BOTH)
        assert whole.status == 0
        assert sum(made.times_asked(300)) <= 2 * 300 + CALLS * 10


async def test_what_it_would_take_is_said_without_a_call_and_comes_near_it(tmp_path: Path) -> None:
    async with bench(tmp_path, golden(100)) as made:
        dry = (await made.run("--dry-run", *BOTH)).data
        assert made.simulator.stats.calls == 0
        assert not made.store.exists()
        found = await made.run(*BOTH)
        calls = [each["left"]["bulk_calls"] for each in dry["configurations"]]
        assert calls == [each["calls"] for each in found.configurations] == [100, 10]
        assert dry["cost_usd"] == pytest.approx(made.spent_usd, rel=0.25)


async def test_texts_without_an_answer_count_and_are_not_paid_for_again(tmp_path: Path) -> None:
    async with bench(tmp_path, golden(20)) as made:
        made.simulator.faults.replace([ArmedFault(name="refusal", text="Ticket 7:")])
        await made.run(*TEN)
        calls = made.simulator.stats.calls
        again = await made.run(*TEN)
        assert made.simulator.stats.calls == calls
        [ten] = again.configurations
    assert ten["needs_review"] == {"refused": 1}
    assert (ten["texts"], ten["coverage"]["count"]) == (20, 19)


async def test_the_question_is_told_before_the_money_is_spent_where_nobody_can_be_asked(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, golden(10)) as made:
        command = [sys.executable, "-m", "stream_classifier", "evaluate", str(made.rows)]
        config = ["--label-field", "label", "-c", str(tmp_path / "config.yaml")]
        process = await asyncio.create_subprocess_exec(
            *command, *config, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE, env=made.env
        )
        found = await ended(process)
        assert found.status == 1
        assert "add --yes" in found.err
        assert (made.simulator.stats.calls, made.store.exists()) == (0, False)


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("--label-field", "queue"), 1, "one of its fields (id, text, label)"),
        (("--grid", "batch.max_tikets=1,2"), 2, "did you mean `batch.max_tickets`?"),
        (("--grid", "llm.model=unknown", "--max-cost", "1"), 1, "no price for unknown"),
    ],
)
async def test_a_mistake_is_told_in_a_sentence_before_anything_is_asked_or_made(
    tmp_path: Path, args: tuple[str, ...], status: int, said: str
) -> None:
    async with bench(tmp_path, golden(10)) as made:
        found = await made.run(*args)
        assert (found.status, made.simulator.stats.calls, made.store.exists()) == (status, 0, False)
    assert said in found.err
    assert "Traceback" not in found.err


async def test_rows_that_nobody_is_judged_by_are_told_with_their_lines(tmp_path: Path) -> None:
    rows = [*golden(10), {"id": 10, "text": "x", "label": "Bug"}, {"id": 11, "text": "y"}]
    async with bench(tmp_path, rows) as made:
        found = await made.run()
    assert found.status == 0
    assert "Line 11: Its label `Bug` is not in the taxonomy." in found.err
    assert [each["line"] for each in found.data["skipped"]] == [11, 12]
    assert found.data["rows"] == 10


async def test_the_page_is_written_beside_what_is_printed(tmp_path: Path) -> None:
    async with bench(tmp_path, golden(10)) as made:
        found = await made.run("--html", str(tmp_path / "report.html"))
    assert found.status == 0, found.err
    assert (tmp_path / "report.html").read_text("utf-8").lstrip().startswith("<!")
