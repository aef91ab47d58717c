"""The command line: which commands there are, `config`, and how faults are shown."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stream_classifier import cli
from stream_classifier.cli import COMMANDS, Command, errors, main, read_command
from stream_classifier.cli.config import as_yaml
from stream_classifier.core.faults import OperatorFault
from stream_classifier.settings import load, load_traced
from tests.unit.settings_cases import NOTHING, variables, write, write_settings

RED = "\x1b[1;31m"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line; returns exit status, stdout and stderr."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def run_it(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(args)
        out, err = capsys.readouterr()
        status = exit_.value.code
        assert isinstance(status, int)
        return status, out, err

    return run_it


def test_help_names_every_command(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    assert all(name in out for name in COMMANDS)


def test_help_of_config_ends_with_an_example(run: Run) -> None:
    status, out, _ = run("config", "--help")
    assert status == 0
    assert "Example: stream-classifier config" in out


def test_the_version_is_told(run: Run) -> None:
    status, out, _ = run("--version")
    assert (status, out.split()[0]) == (0, "stream-classifier")


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    status, _, err = run("cofnig")
    assert status == 2
    assert "config" in err


def test_config_prints_what_was_loaded(run: Run, tmp_path: Path) -> None:
    path = write_settings(tmp_path, llm={"model": "m"})
    status, out, _ = run("config", "--config", str(path))
    assert status == 0
    assert yaml.safe_load(out)["llm"]["model"] == "m"
    assert f"model: m  # {path}:2" in out


def test_what_config_prints_can_be_read_again(tmp_path: Path) -> None:
    loaded = load_traced(NOTHING, variables(LLM__MODEL="m #1", TRIAGE__KEYWORDS="a: b,404"))
    again = load(write(tmp_path, as_yaml(loaded)), {})
    assert again == loaded.settings


def test_config_masks_secrets() -> None:
    loaded = load_traced(NOTHING, variables(LLM__API_KEY="hushhush", LLM__HEADERS='{"a": "hushhush"}'))
    assert "hushhush" not in as_yaml(loaded)


def test_faults_are_listed_on_stderr_with_exit_status_2(run: Run, tmp_path: Path) -> None:
    path = write_settings(tmp_path, llm={"modle": "m"}, http={"port": 0})
    status, out, err = run("config", "-c", str(path))
    assert (status, out) == (2, "")
    assert err.splitlines() == [
        "The configuration has 2 faults:",
        f"  llm.modle  is not a setting; did you mean `llm.model`? ({path}:4)",
        f"  http.port  must be a whole number from 1 to 65535 ({path}:2)",
    ]


def test_an_operators_fault_is_one_sentence_with_exit_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors.show(OperatorFault("The port [red] is taken; choose another.")) == 1
    assert capsys.readouterr().err == "error: The port [red] is taken; choose another.\n"


def test_on_a_terminal_faults_are_coloured_and_wrapped(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    path = write_settings(tmp_path, kafka={"drain_s": 30})
    _, _, err = run("config", "-c", str(path))
    assert RED in err
    assert all(len(re.sub(r"\x1b\[[\d;]*m", "", line)) <= 60 for line in err.splitlines())
    monkeypatch.setenv("NO_COLOR", "1")
    _, _, err = run("config", "-c", str(path))
    assert RED not in err


def test_any_other_error_is_asked_to_be_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors.show(KeyError("a fault of ours")) == 1
    assert "please report it" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_imported_and_gives_an_example(name: str) -> None:
    assert f"Example: stream-classifier {name}" in " ".join((read_command(name).help or "").split())


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("import confluent_kafka.absent_part", "pip install 'stream-classifier[demo]'"),
        ("import absent_library", "pip install 'absent_library'"),
    ],
)
def test_a_package_that_is_missing_is_told_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, remedy: str
) -> None:
    write(tmp_path, line, "absent.py")
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    monkeypatch.setitem(COMMANDS, "absent", Command("absent", "Needs what is not there."))
    with pytest.raises(OperatorFault, match=re.escape(remedy)):
        read_command("absent")
