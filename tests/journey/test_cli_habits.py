"""The habits that all commands share, tried on each of them."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from stream_classifier.cli import COMMANDS, PROGRAM, main
from tests.interrupts import ctrl_c_is_heeded

CONFIG = "{config}"  # stands for the path of a configuration
ARGUMENTS: dict[str, list[str]] = {
    "run": ["-c", CONFIG],
    "demo": [],
    "classify": ["in.jsonl", "-o", "out.jsonl", "-c", CONFIG],
    "load": ["in.jsonl", "-c", CONFIG],
    "simulate-llm": ["--port", "0"],
    "topics": ["-c", CONFIG],
    "override": ["--list", "-c", CONFIG],
    "profile": ["fifo", "-c", CONFIG],
    "evaluate": ["in.jsonl", "--label-field", "label", "--yes", "-c", CONFIG],
    "explain": ["The export stops", "-c", CONFIG],
    "doctor": ["-c", CONFIG],
    "replay": ["--from", "reviews", "-c", CONFIG],
    "config": ["-c", CONFIG],
}
"""With what each command begins to work."""

CONFIGURED = [name for name, given in ARGUMENTS.items() if CONFIG in given]
TELLING = ["demo", "simulate-llm"]  # that they work; the others open a connection, or the file that is a pipe

FILE_READERS = ["classify", "load", "profile", "evaluate"]
ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|9[0-7])[0-9;]*m")
ENDS_WITHIN_S = 40.0
LOOK_S = 0.5

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command in a folder of its own, in this process; returns exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run_it(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(args)
        out, err = capsys.readouterr()
        return int(str(ended.value.code or 0)), out, " ".join(err.replace("│", " ").split())

    return run_it


def given(name: str, config: str) -> list[str]:
    return [config if argument == CONFIG else argument for argument in ARGUMENTS[name]]


def test_every_command_is_tried_here() -> None:
    assert ARGUMENTS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_of_the_command_and_no_flag_with_a_value(run: Run, name: str) -> None:
    status, out, _ = run(name, "--help")
    assert status == 0
    assert re.search(rf"Example: {PROGRAM} {name}\b", out)
    assert "<bool>" not in out


@pytest.mark.parametrize("name", COMMANDS)
def test_into_a_pipe_help_holds_no_escape_codes(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert ESCAPE not in run(name, "--help")[1]


@pytest.mark.parametrize("arguments", [["--help"], ["config", "-c", "missing.yaml"], ["clasify"]])
def test_on_a_terminal_there_are_colours_and_none_with_no_color(tmp_path: Path, arguments: list[str]) -> None:
    assert COLOUR.search(on_a_terminal(tmp_path, arguments))
    assert not COLOUR.search(on_a_terminal(tmp_path, arguments, NO_COLOR="1"))


def on_a_terminal(folder: Path, arguments: list[str], **env: str) -> str:
    """What a command shows there."""
    ours, theirs = os.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with os.fdopen(ours, "rb", buffering=0) as shown:
        process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=plain | {"TERM": "xterm-256color"} | env,
        )
        os.close(theirs)
        pieces = []
        with suppress(OSError):  # so a terminal ends
            while piece := shown.read(4096):
                pieces.append(piece)
        process.wait(ENDS_WITHIN_S)
    return b"".join(pieces).decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_is_mistyped_is_wrong_usage_and_names_the_right_one(run: Run, name: str) -> None:
    status, out, err = run(name, "--hlep")
    assert (status, out) == (2, "")
    assert "--help" in err


def test_a_command_that_is_mistyped_names_the_right_one(run: Run) -> None:
    status, out, err = run("clasify")
    assert (status, out) == (2, "")
    assert "Did you mean 'classify'?" in err


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("missing.yaml", "missing.yaml does not exist"),
        ("folder", "folder cannot be read (Is a directory)"),
        ("broken.yaml", "broken.yaml:2:1 is not YAML here"),
        (
            "unknown.yaml",
            "kafka.nothing_such is not a setting; take it out, or see the reference (unknown.yaml:1)",
        ),
    ],
)
@pytest.mark.parametrize("name", CONFIGURED)
def test_what_is_wrong_with_a_configuration_is_a_sentence_with_file_and_line_and_status_2(
    run: Run, tmp_path: Path, name: str, config: str, says: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.yaml").write_text("kafka: [x\n")
    (tmp_path / "unknown.yaml").write_text("kafka: {nothing_such: 1}\ntaxonomy: {labels: [a, b]}\n")
    status, out, err = run(name, *given(name, config))
    assert (status, out) == (2, "")
    assert says in err


@pytest.mark.parametrize("name", FILE_READERS)
@pytest.mark.parametrize("what", ["nothing", "a directory"])
def test_a_file_of_tickets_that_cannot_be_opened_is_named_before_anybody_is_called(
    tmp_path: Path, name: str, what: str
) -> None:
    if what == "a directory":
        (tmp_path / "in.jsonl").mkdir()
    status, err = ended(tmp_path, name)
    assert status == 1
    assert err.startswith("error: in.jsonl cannot be opened (")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "name", [name for name in FILE_READERS if name != "load"]
)  # it asks the broker first
def test_a_file_that_holds_no_lines_of_tickets_is_named_with_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"[1, 2]")
    status, err = ended(tmp_path, name)
    assert status == 1
    assert "error: in.jsonl holds a JSON array" in err
    assert "Traceback" not in err


def ended(folder: Path, name: str) -> tuple[int, str]:
    """A command in a process of its own, since it heeds signals; returns its exit status and stderr."""
    arguments = [
        "in.jsonl" if word == "fifo" else word for word in given(name, config_file(folder, closed_port()))
    ]
    done = subprocess.run(
        command(name, *arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Takes connections, and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield listening


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def config_file(folder: Path, port: int) -> str:
    """A configuration whose broker and provider are at this port."""
    (folder / "config.yaml").write_text(
        f"kafka: {{bootstrap_servers: '127.0.0.1:{port}'}}\n"
        f"llm: {{base_url: 'http://127.0.0.1:{port}/v1', api_key: none}}\n"
        f"http: {{port: {closed_port()}}}\n"
        "cache: {backend: memory}\ntaxonomy: {labels: [bug, other]}\n"
    )
    return "config.yaml"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "stream_classifier", *arguments]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "config"])
def test_ctrl_c_ends_a_command_with_a_sentence_and_without_a_traceback(
    tmp_path: Path, name: str, silent: socket.socket
) -> None:
    rows = ({"id": number, "body": f"It stops {number}", "label": "bug"} for number in range(20))
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    os.mkfifo(tmp_path / "fifo")
    arguments = given(name, config_file(tmp_path, silent.getsockname()[1]))
    with ctrl_c_is_heeded():
        process = subprocess.Popen(
            command(name, *arguments), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    with ExitStack() as until_its_end:
        until_its_end.callback(process.kill)
        wait_until_it_works(name, process, silent, tmp_path, until_its_end)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=ENDS_WITHIN_S)
    assert process.returncode in (0, 1)
    assert "Traceback" not in err
    assert err.strip()
    assert ESCAPE not in out + err  # into a pipe: neither colours nor a bar


def wait_until_it_works(
    name: str, process: subprocess.Popen[str], silent: socket.socket, folder: Path, held: ExitStack
) -> None:
    """Until it has opened what it works with; that stays open."""
    if name in TELLING:
        assert process.stderr is not None
        assert process.stderr.readline()
    elif name == "profile":
        held.enter_context((folder / "fifo").open("w"))
    else:
        while not (readable := select.select([silent], [], [], LOOK_S)[0]) and process.poll() is None:
            pass
        assert readable, f"it has ended: {process.communicate()}"
        held.enter_context(silent.accept()[0])
