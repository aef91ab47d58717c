"""The demo as a person starts it: to its end, and stopped half-way."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from stream_classifier.lab.demo import LOG_FILE, Demo, Plan
from stream_classifier.lab.demo_config import free_port

Start = Callable[..., "subprocess.Popen[str]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    status: int
    out: str
    err: str
    folder: Path


def start(home: Path, *args: str) -> "subprocess.Popen[str]":
    """The command, without a terminal; its folder comes below `home`."""
    return subprocess.Popen(
        [sys.executable, "-m", "stream_classifier", "demo", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(home), "PYTHONPATH": str(Path.cwd()), "http_proxy": "http://127.0.0.1:9"},
    )


def ended(process: "subprocess.Popen[str]", err: str = "") -> Ended:
    out, rest = process.communicate(timeout=30)
    folder = re.search(r"log are in (\S+)\.\n", rest)
    assert folder, rest
    return Ended(status=process.returncode, out=" ".join(out.split()), err=err + rest, folder=Path(folder[1]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A short demo to its end."""
    return ended(start(tmp_path_factory.mktemp("demo"), "--tickets", "200", "--seconds", "2"))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """A long demo that gets a Ctrl-C when the first tickets are labelled."""
    process = start(tmp_path_factory.mktemp("demo"), "--keep", "--tickets", "600", "--seconds", "6")
    err = ""
    try:
        while not re.search(r"labelled [1-9]", err):
            err += process.stderr.readline() if process.stderr else ""
        process.send_signal(signal.SIGINT)
        yield ended(process, err)
    finally:
        process.kill()


def test_the_demo_ends_by_itself_with_status_0(whole: Ended) -> None:
    assert whole.status == 0


def test_every_record_came_out_once(whole: Ended) -> None:
    assert "200 records came in" in whole.out
    assert "nothing was lost, nothing came twice" in whole.out


def test_the_summary_sets_the_cost_against_one_call_a_ticket(whole: Ended) -> None:
    names = r"(?:one call a ticket|with prefix cache|batched and cached)"
    single, cached, ours = (float(found) for found in re.findall(rf"{names}\D*\$([\d.]+)", whole.out))
    assert 0 < ours < cached <= single


def test_without_a_terminal_progress_is_plain_lines(whole: Ended) -> None:
    assert re.search(r"^0:0\d  in [\d,]+  labelled ", whole.err, re.MULTILINE)
    assert "\x1b" not in whole.err + whole.out


def test_the_log_is_in_the_folder_that_is_told_and_not_on_the_screen(whole: Ended) -> None:
    events = [orjson.loads(line)["event"] for line in (whole.folder / LOG_FILE).read_text().splitlines()]
    assert events[0] == "service_starting"
    assert events[-1] == "service_stopped"
    assert "service_st" not in whole.err


def test_ctrl_c_ends_it_in_good_order_with_status_0(interrupted: Ended) -> None:
    assert interrupted.status == 0
    assert "service_stopped" in (interrupted.folder / LOG_FILE).read_text()


def test_what_ctrl_c_leaves_undone_is_left_to_kafka_and_not_lost(interrupted: Ended) -> None:
    assert "nothing was lost, nothing came twice" in interrupted.out
    assert "left to Kafka" in interrupted.out


async def test_a_demo_that_is_stopped_before_it_began_ends_at_once(tmp_path: Path) -> None:
    demo = Demo(Plan(tickets=100, seconds=60, seed=1), tmp_path)
    demo.stop()
    await demo.run(lambda _figures: None, 0.1)
    assert demo.figures().tickets_in == 0


def test_a_port_that_is_taken_is_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        assert free_port(wanted) not in (0, wanted)
