"""What the README tells people to type exists, and what it lets them paste is a configuration."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream_classifier.cli import COMMANDS, read_command
from stream_classifier.settings import load

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text("utf-8")
EXAMPLE = REPOSITORY / "examples" / "stream-classifier.yaml"

YAML_BLOCKS = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMAND_LINES = sorted(set(re.findall(r"^stream-classifier ([a-z-]+)(.*)$", README, re.MULTILINE)))
MAKE_TARGETS = set(re.findall(r"`make ([a-z]+)", README))
LINKS = sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", README)))


def overlaid(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The first configuration with the lines of the second in their places."""
    return first | {name: first[name] | lines for name, lines in second.items()}


def test_the_first_configuration_is_the_example_that_can_be_copied() -> None:
    assert YAML_BLOCKS[0] == EXAMPLE.read_text("utf-8")


def test_the_example_is_a_configuration_without_faults() -> None:
    assert load(EXAMPLE, {}).llm.base_url == "http://localhost:9100/v1"


def test_the_lines_for_a_real_provider_fit_into_the_example(tmp_path: Path) -> None:
    first, real = map(yaml.safe_load, YAML_BLOCKS)
    path = tmp_path / "stream-classifier.yaml"
    path.write_text(yaml.safe_dump(overlaid(first, real)), "utf-8")
    assert load(path, {"OPENAI_API_KEY": "a-key"}).llm.api_key is not None


def test_commands_are_shown_at_all() -> None:
    assert {name for name, _ in COMMAND_LINES} >= {"topics", "simulate-llm", "run", "load"}


@pytest.mark.parametrize(("name", "arguments"), COMMAND_LINES)
def test_a_command_that_is_shown_exists_with_its_options(name: str, arguments: str) -> None:
    assert name in COMMANDS
    known = {option for parameter in read_command(name).params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", arguments)) <= known


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert targets >= MAKE_TARGETS >= {"demo", "test"}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_into_the_repository_leads_somewhere(link: str) -> None:
    assert (REPOSITORY / link).exists()
