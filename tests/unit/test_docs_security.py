"""docs/security.md against the package: every dependency in its table, the tests that it names, and no option
that takes a secret."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stream_classifier.cli import COMMANDS, read_command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FOR_US = {"bench", "dev", "test"}  # extras that no installation of the service has
SECRETS = re.compile(r"key|secret|password|passwd|token$|token-?file|credential|login", re.IGNORECASE)
NO_SECRET = {
    "--key-field",  # a field's name
    "--first-token",  # a time
    "--api-key",  # the simulated provider's own, which opens nothing
}


def required() -> set[str]:
    extras: dict[str, list[str]] = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for name in extras.keys() - FOR_US for line in extras[name])]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def told() -> set[str]:
    table = PAGE.partition("## Dependencies")[2]
    rows = re.findall(r"^\| ([\w.-]+) \|", table, re.MULTILINE)
    return {canonicalize_name(name) for name in rows if name not in {"package", "---"}}


def test_every_dependency_has_its_row_and_every_row_is_one() -> None:
    assert told() == required()


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", PAGE)
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert named


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_option_of_a_command_takes_a_secret_since_every_user_sees_a_process_s_arguments(name: str) -> None:
    command: Any = read_command(name)
    options = {option for parameter in command.params for option in parameter.opts} - NO_SECRET
    assert [option for option in options if SECRETS.search(option)] == []
