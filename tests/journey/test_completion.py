"""Shell completion, by what the shells themselves ask, and by a real bash."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stream_classifier.cli import COMMANDS, PROGRAM, main
from stream_classifier.cli.completion import OPTIONS_FILE
from stream_classifier.cli.options import options_text

ASK = f"_{PROGRAM.replace('-', '_').upper()}_COMPLETE"
HEAVY = ("aiokafka", "httpx", "stream_classifier.cli.classify", "stream_classifier.settings")
SHELL_S = 40.0  # several processes, one after the other, on two busy cores


class Shell:
    """Asks as a shell does when TAB is pressed after these words."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def tab(self, *words: str, shell: str = "bash") -> list[str]:
        line = [PROGRAM, *words]
        asked = {
            ASK: f"complete_{shell}",
            "COMP_WORDS": "\n".join(line),
            "COMP_CWORD": str(len(line) - 1),
            "_TYPER_COMPLETE_ARGS": " ".join(line),
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        with self._monkeypatch.context() as m:
            for name, value in asked.items():
                m.setenv(name, value)
            with pytest.raises(SystemExit):
                main([])
        return self._capsys.readouterr().out.splitlines()


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(capsys, monkeypatch)


def test_what_is_completed_is_what_the_commands_take() -> None:
    told = f"run `python -m stream_classifier.cli.options`: it writes {OPTIONS_FILE.name} anew"
    assert OPTIONS_FILE.read_text("utf-8") == options_text(), told


def test_the_commands_are_completed_by_their_names(shell: Shell) -> None:
    assert shell.tab("") == list(COMMANDS)
    assert shell.tab("re") == ["replay"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_its_options_completed(shell: Shell, command: str) -> None:
    offered = shell.tab(command, "--")
    assert "--help" in offered
    assert len(offered) > 1


def test_what_may_be_chosen_is_completed(shell: Shell) -> None:
    assert shell.tab("replay", "--from", "") == ["dead-letters", "reviews", "labels"]
    assert shell.tab("explain", "--as", "re") == ["record"]


@pytest.mark.parametrize(
    "words", [("classify", "tick"), ("classify", "in.jsonl", "-o", "la"), ("run", "-c", "")]
)
def test_where_a_file_is_wanted_the_shell_is_left_to_complete_it(
    shell: Shell, words: tuple[str, ...]
) -> None:
    assert not any(shell.tab(*words))
    assert shell.tab(*words, shell="zsh") == ["_files"]


def test_an_option_that_is_given_is_offered_again_only_where_it_may_repeat(shell: Shell) -> None:
    again = shell.tab("replay", "--force", "--reason", "not_json", "--")
    assert "--reason" in again
    assert "--force" not in again


def test_zsh_and_fish_are_told_what_each_is_for(shell: Shell) -> None:
    assert shell.tab("classify", "--dr", shell="fish") == [
        "--dry-run\tSay what it would take, without a call; nothing is written."
    ]
    [zsh] = shell.tab("classify", "--dr", shell="zsh")
    assert zsh.startswith("""_arguments '*: :(("--dry-run":"Say what it would take""")


def test_no_command_is_read_to_answer_a_tab() -> None:
    program = (
        "import sys\nfrom stream_classifier.cli import main\n"
        f"try:\n main([])\nfinally:\n print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    asked = {ASK: "complete_bash", "COMP_WORDS": f"{PROGRAM}\nclassify\n--d", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=True,
        timeout=SHELL_S,
    )
    assert (done.stdout.split(), done.stderr.strip()) == (["--dry-run"], "[]")


def test_once_installed_bash_completes(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None, "bash is needed"
    # A program of this name that is this very interpreter's, and a home that is not the tester's own.
    program = tmp_path / "bin" / PROGRAM
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stream_classifier "$@"\n')
    program.chmod(0o755)
    env = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    install = [str(program), "--install-completion", "bash"]
    subprocess.run(install, env=env, capture_output=True, check=True, timeout=SHELL_S)
    press_tab = (
        f"source ~/.bashrc; COMP_WORDS=({PROGRAM} load --ra); COMP_CWORD=2; "
        f'_stream_classifier_completion {PROGRAM}; echo "${{COMPREPLY[@]}}"; complete -p {PROGRAM}'
    )
    done = subprocess.run(
        [bash, "--norc", "-c", press_tab],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=SHELL_S,
    )
    completed, registered = done.stdout.splitlines()
    assert completed == "--rate"
    assert "-o default" in registered  # names of files, where nothing of ours fits
