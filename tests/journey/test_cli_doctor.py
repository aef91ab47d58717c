"""The command `doctor` as a person and a program have it: lines, JSON, exit status, no traceback."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import yaml

from stream_classifier.cli import main
from stream_classifier.lab.broker import EmbeddedBroker

Run = Callable[..., tuple[int, str, str]]
NOBODY = "127.0.0.1:9"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `doctor` with these settings; returns exit status, stdout and stderr."""

    def run_it(*args: str, **groups: object) -> tuple[int, str, str]:
        path = tmp_path / "config.yaml"
        given = {
            "kafka": {"bootstrap_servers": NOBODY},
            "llm": {"base_url": f"http://{NOBODY}/v1"},
            "cache": {"backend": "memory"},
            "taxonomy": {"labels": ["a", "b"]},
        }
        path.write_text(yaml.safe_dump(given | groups))
        status = 0
        try:
            main(["doctor", "--config", str(path), *args])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run_it


def test_in_a_pipe_each_line_is_three_fields_and_a_fault_is_status_1(run: Run) -> None:
    status, out, err = run()
    rows = [line.split("\t") for line in out.splitlines()]
    assert status == 1
    assert {len(row) for row in rows} == {3}
    assert [check for state, check, _ in rows if state == "fault"] == ["broker connection", "provider"]
    assert err.startswith("2 faults: ")


def test_json_holds_the_same_and_says_whether_all_is_well(run: Run) -> None:
    status, out, _ = run("--json")
    said = orjson.loads(out)
    assert (status, said["ok"]) == (1, False)
    assert [row["check"] for row in said["checks"] if row["state"] == "fault"] == [
        "broker connection",
        "provider",
    ]
    assert {row.keys() == {"check", "state", "sentence"} for row in said["checks"]} == {True}


def test_a_wrong_configuration_is_status_2_and_json_names_each_fault(run: Run) -> None:
    status, out, err = run("--json", batch={"max_tickets": 0, "max_wait_s": -1})
    said = orjson.loads(out)
    assert (status, said["ok"]) == (2, False)
    assert {row["check"] for row in said["checks"]} == {"settings"}
    assert {row["sentence"].partition(":")[0] for row in said["checks"]} == {
        "batch.max_tickets",
        "batch.max_wait_s",
    }
    assert "2 faults" in err


def test_a_stand_in_for_kafka_is_examined_as_far_as_it_tells(run: Run) -> None:
    topics = {"tickets": 1, "ticket-labels": 1, "ticket-dead-letters": 1}
    with EmbeddedBroker(topics) as broker:
        status, out, _ = run("--json", kafka={"bootstrap_servers": broker.bootstrap_servers})
    faults = [row["check"] for row in orjson.loads(out)["checks"] if row["state"] == "fault"]
    assert (status, faults) == (1, ["provider"])
