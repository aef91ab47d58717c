"""`classify` as a process between files and a simulated provider: killed at any moment, it goes on."""

import asyncio
import csv
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
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
CALLS, BATCH_TICKETS = 8, 10
BAD_EVERY = 97  # every so many rows one is no ticket
ENDS_WITHIN_S = 60.0
MOMENT_WITHIN_S = 600.0  # of a hundred thousand rows, on two busy cores
TEST_WITHIN_S = 240  # four processes one after the other, each of which may take ten times as long under load

pytestmark = pytest.mark.timeout(TEST_WITHIN_S)


@dataclass(slots=True, kw_only=True)
class Run:
    """What one process came to."""

    status: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """What `--json` printed."""
        summary: dict[str, Any] = orjson.loads(self.out)
        return summary


@dataclass(slots=True, kw_only=True)
class Bench:
    """A provider, a backlog and where its labels go."""

    simulator: Simulator
    config: Path
    backlog: Path
    out: Path
    env: dict[str, str] = field(default_factory=lambda: os.environ | {"NO_COLOR": "1"})
    started: list[Process] = field(default_factory=list)

    @property
    def rejected(self) -> Path:
        return Path(f"{self.out}.rejected.jsonl")

    @property
    def progress(self) -> Path:
        return Path(f"{self.out}.progress")

    async def start(self, *args: str, stderr: int = PIPE) -> Process:
        """Begin to label the backlog."""
        command = [sys.executable, "-m", "stream_classifier", "classify", str(self.backlog)]
        files = ["-o", str(self.out), "--config", str(self.config), "--json"]
        process = await asyncio.create_subprocess_exec(
            *command, *files, *args, stdout=PIPE, stderr=stderr, env=self.env
        )
        self.started.append(process)
        return process

    def end_all(self) -> None:
        """Kill what still runs: without its provider it would wait for ever."""
        for process in self.started:
            if process.returncode is None:
                process.kill()

    async def run(self, *args: str, within_s: float = ENDS_WITHIN_S) -> Run:
        """Label until the process ends."""
        return await ended(await self.start(*args), within_s)

    async def killed_at(self, records_asked: int) -> None:
        """Label until the provider has been asked for so many texts, then kill."""
        process, stats = await self.start(), self.simulator.stats
        await until(
            lambda: stats.records_asked >= records_asked or process.returncode is not None, MOMENT_WITHIN_S
        )
        still_ran = process.returncode is None
        self.end_all()
        _, err = await process.communicate()
        assert still_ran, f"it had ended before it could be killed: {err.decode()}"

    def rows(self) -> list[dict[str, Any]]:
        """What was written."""
        return [orjson.loads(line) for line in self.out.read_bytes().splitlines()]


async def ended(process: Process, within_s: float = ENDS_WITHIN_S) -> Run:
    async with asyncio.timeout(within_s):
        out, err = await process.communicate()
    return Run(status=process.returncode or 0, out=out.decode(), err=err.decode())


@asynccontextmanager
async def bench(tmp_path: Path, rows: Sequence[bytes], **options: Any) -> AsyncIterator[Bench]:
    """A bench whose cache forgets, so that only what the job itself keeps is not asked again."""
    simulator = Simulator(SimulatorOptions(labels=LABELS, **options))
    async with simulator.serve() as address:
        config, backlog = tmp_path / "config.yaml", tmp_path / "backlog.jsonl"
        settings = {
            "llm": {"base_url": address.base_url, "concurrency": CALLS},
            "batch": {"max_tickets": BATCH_TICKETS, "max_wait_s": 0.2},
            "cache": {"backend": "memory"},
            "taxonomy": {"labels": list(LABELS)},
        }
        config.write_text(yaml.safe_dump(settings))
        backlog.write_bytes(b"".join(row + b"\n" for row in rows))
        made = Bench(simulator=simulator, config=config, backlog=backlog, out=tmp_path / "labelled.jsonl")
        try:
            yield made
        finally:
            made.end_all()


def text(number: int) -> str:
    """A text of its own for each row; some words of it mean a label."""
    return f"Ticket {number}: {('it crashes', 'please add this', 'hello')[number % 3]}"


def made_rows(count: int) -> list[bytes]:
    """So many rows, all with another text, now and then one that is no ticket."""
    return [
        b"not a ticket %d" % number
        if number % BAD_EVERY == BAD_EVERY - 1
        else orjson.dumps({"id": f"T-{number}", "text": text(number), "rank": number})
        for number in range(count)
    ]


def tickets(count: int) -> list[int]:
    return [number for number in range(count) if number % BAD_EVERY != BAD_EVERY - 1]


def assert_whole(bench: Bench, count: int) -> None:
    """Every row once and in order, each with the label of its own text; every bad row once."""
    numbers = tickets(count)
    rows = bench.rows()
    assert [row["id"] for row in rows] == [f"T-{number}" for number in numbers]
    assert [row["rank"] for row in rows] == numbers
    labels = [row["classification"]["label"] for row in rows]
    assert labels == [rule_label(text(number), LABELS) for number in numbers]
    bad = [orjson.loads(line)["line"] for line in bench.rejected.read_bytes().splitlines()]
    assert bad == [number + 1 for number in range(count) if number % BAD_EVERY == BAD_EVERY - 1]
    assert not bench.progress.exists()


async def killed_again_and_again(bench: Bench, count: int, kills: int, seed: int) -> None:
    """Kill it `kills` times, at random moments, and hold what came of it against what went in. What is left
    at the last of them takes longer than to see that the moment has come."""
    moments = sorted(random.Random(seed).sample(range(BATCH_TICKETS, count * 3 // 4), kills))
    for moment in moments:
        await bench.killed_at(moment)
    run = await bench.run(within_s=30 * ENDS_WITHIN_S)
    assert (run.status, bool(run.out)) == (1, True), run.err  # rows that are no tickets are not labelled
    assert_whole(bench, count)
    asked = [bench.simulator.stats.times_asked(text(number)) for number in tickets(count)]
    in_flight = CALLS * BATCH_TICKETS
    assert min(asked) == 1
    assert sum(asked) - len(asked) <= kills * in_flight
    summary = run.summary
    assert (summary["done"], summary["rows"]) == (True, count)
    assert summary["labelled"] == summary["decided_by"]["llm"] == len(asked)
    assert summary["rejected"] == count - len(asked)


async def test_killed_at_any_moment_it_loses_no_row_repeats_none_and_asks_again_what_was_in_flight(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, made_rows(1_000), latency_s=0.1) as made:
        await killed_again_and_again(made, 1_000, kills=3, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(0)  # each of its waits has a limit
async def test_killed_ten_times_in_a_hundred_thousand_rows_the_account_is_exact(tmp_path: Path) -> None:
    async with bench(tmp_path, made_rows(100_000), latency_s=0.02) as made:
        await killed_again_and_again(made, 100_000, kills=10, seed=2)


async def test_ctrl_c_writes_what_is_paid_for_and_says_how_to_go_on(tmp_path: Path) -> None:
    async with bench(tmp_path, made_rows(600), latency_s=0.3) as made:
        with ctrl_c_is_heeded():
            process = await made.start()
        await until(lambda: made.simulator.stats.records_asked > 2 * CALLS * BATCH_TICKETS)
        process.send_signal(signal.SIGINT)
        stopped = await ended(process)
        assert stopped.status == 1
        assert "Stopped:" in stopped.err
        assert "The same command goes on from there" in stopped.err
        assert not stopped.summary["done"]
        again = await made.run()
        assert "Going on after line" in again.err
        assert_whole(made, 600)
        asked = [made.simulator.stats.times_asked(text(number)) for number in tickets(600)]
        assert set(asked) == {1}  # what was under way was waited for
        assert again.summary["spent"]["bulk_texts"] == len(asked)  # of both runs


async def test_told_to_stop_it_ends_in_order_also_where_nobody_listens_any_more(tmp_path: Path) -> None:
    async with bench(tmp_path, made_rows(300)) as made:
        made.simulator.faults.replace([ArmedFault(name="key_refused")])
        reading, writing = os.pipe()
        process = await made.start(stderr=writing)
        os.close(writing)
        await until(lambda: made.simulator.stats.calls)
        os.close(reading)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(ENDS_WITHIN_S):
            out, _ = await process.communicate()
        assert not orjson.loads(out)["done"]
        made.simulator.faults.clear()
        await made.run()
        assert_whole(made, 300)


async def test_an_outage_is_told_with_its_remedy_and_nothing_is_lost_by_it(tmp_path: Path) -> None:
    async with bench(tmp_path, made_rows(300), latency_s=0.05) as made:
        made.simulator.faults.replace([ArmedFault(name="key_refused")])
        process = await made.start()
        lines = process.stderr
        assert lines is not None
        async with asyncio.timeout(ENDS_WITHIN_S):
            told = (await lines.readline()).decode()
        made.simulator.faults.clear()
        run = await ended(process)
        assert told.startswith("Paused: The provider refuses the key: put a valid one in llm.api_key.")
        assert "Resumed: gpt-4o-mini works again" in run.err
        assert_whole(made, 300)


async def test_into_a_pipe_there_is_no_progress_but_what_is_the_matter(tmp_path: Path) -> None:
    async with bench(tmp_path, [b'{"id": 1, "text": "it crashes"}']) as made:
        run = await made.run()
    assert (run.status, run.err) == (0, "")
    assert run.summary["labelled"] == 1


async def test_from_a_pipe_to_a_pipe_rows_come_out_and_the_rest_is_said_aside(tmp_path: Path) -> None:
    async with bench(tmp_path, []) as made:
        command = [sys.executable, "-m", "stream_classifier", "classify", "-", "-c", str(made.config)]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=made.env
        )
        async with asyncio.timeout(ENDS_WITHIN_S):
            out, err = await process.communicate(b'{"id": 1, "text": "it crashes"}\n{"text": "no id"}\n')
    assert process.returncode == 1
    assert [orjson.loads(line)["id"] for line in out.splitlines()] == [1]
    assert b"cannot be gone on with" in err
    assert b"Line 2: The ticket has no id" in err
    assert b"2 rows in" in err


async def test_csv_comes_out_as_csv_with_columns_more(tmp_path: Path) -> None:
    async with bench(tmp_path, []) as made:
        made.backlog = tmp_path / "backlog.csv"
        made.backlog.write_text('id;text;team\n1;"it\ncrashes";\n2;please add this;a;b\n3;hello;=1\n')
        made.out = tmp_path / "labelled.csv"
        await made.run()
        with made.out.open(newline="") as file:
            rows = list(csv.DictReader(file))
        bad = orjson.loads(made.rejected.read_bytes())
    assert [(row["id"], row["text"], row["team"]) for row in rows] == [
        ("1", "it\ncrashes", ""),
        ("3", "hello", "=1"),
    ]
    assert [row["classification.label"] for row in rows] == [
        rule_label(given, LABELS) for given in ("it\ncrashes", "hello")
    ]
    assert (bad["line"], bad["reason"]) == (4, "unreadable")


async def test_a_dry_run_calls_nobody_and_comes_near_what_it_takes(tmp_path: Path) -> None:
    async with bench(tmp_path, [*made_rows(400), *made_rows(20)]) as made:
        dry = (await made.run("--dry-run")).summary
        assert made.simulator.stats.calls == 0
        assert not made.out.exists()
        assert (dry["rows"], dry["asked"], dry["repeated"]) == (420, len(tickets(400)), 20)
        spent = (await made.run()).summary["spent"]
    assert dry["bulk_calls"] == pytest.approx(spent["bulk_calls"], rel=0.05)
    assert dry["usd"] == pytest.approx(spent["usd"], rel=0.25)
    assert dry["single_usd"] == pytest.approx(spent["single_usd"], rel=0.25)


async def test_a_dry_run_comes_near_the_calls_also_where_tenants_share_none(tmp_path: Path) -> None:
    rows = [orjson.dumps({"id": n, "text": text(n), "tenant": f"T-{n % 7}"}) for n in range(150)]
    async with bench(tmp_path, rows) as made:
        made.env["STREAM_CLASSIFIER_BATCH__ISOLATE_TENANTS"] = "true"
        dry = (await made.run("--dry-run")).summary
        spent = (await made.run()).summary["spent"]
    assert dry["bulk_calls"] == pytest.approx(spent["bulk_calls"], rel=0.1)


async def test_what_another_run_has_written_is_not_written_over_unless_asked_for(tmp_path: Path) -> None:
    async with bench(tmp_path, [b'{"id": 1, "text": "it crashes"}', b"bad"]) as made:
        await made.run()
        before = made.out.read_bytes()
        again = await made.run()
        assert again.status == 1
        assert "labelled.jsonl is there already" in again.err
        assert made.out.read_bytes() == before
        anew = await made.run("--restart")
        assert (anew.err, len(made.rows()), len(made.rejected.read_bytes().splitlines())) == ("", 1, 1)


async def test_other_settings_than_it_was_begun_with_are_refused_by_their_names(tmp_path: Path) -> None:
    async with bench(tmp_path, made_rows(500), latency_s=0.2) as made:
        await made.killed_at(150)
        made.env["STREAM_CLASSIFIER_LLM__MODEL"] = "another"
        refused = await made.run("--full")
        assert refused.status == 1
        assert "begun with other settings (llm.model, llm.urgent_model, --full)" in refused.err
        del made.env["STREAM_CLASSIFIER_LLM__MODEL"]
        made.env["STREAM_CLASSIFIER_LLM__CONCURRENCY"] = "4"  # no label depends on it
        await made.run()
        assert_whole(made, 500)


async def test_two_processes_do_not_write_the_same_file(tmp_path: Path) -> None:
    async with bench(tmp_path, made_rows(300)) as made:
        made.simulator.faults.replace([ArmedFault(name="key_refused")])  # so that the first waits
        first = await made.start()
        await until(made.progress.exists)
        second = await made.run()
        assert "being written by another process" in second.err
        made.simulator.faults.clear()
        await ended(first)
        assert_whole(made, 300)


async def test_the_input_is_not_written_over(tmp_path: Path) -> None:
    async with bench(tmp_path, [b'{"id": 1, "text": "it crashes"}']) as made:
        made.out = made.backlog
        run = await made.run("--restart")
        assert "is the input itself" in run.err
        assert made.backlog.read_bytes() == b'{"id": 1, "text": "it crashes"}\n'
