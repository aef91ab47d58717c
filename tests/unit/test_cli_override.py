"""What `override` says to what a person types, before any broker is asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from stream_classifier.cli import main
from stream_classifier.cli.overridden import labels_given
from stream_classifier.core.correction import NotACorrection
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.core.text import digest_prefix, text_digest

QUESTIONS = [
    {"name": "queue", "labels": ["billing", "technical"]},
    {"name": "urgency", "labels": ["high", "low"]},
]
TAXONOMY = read_taxonomy({"questions": QUESTIONS})
DIGEST = text_digest("a text")
EVENT: dict[str, Any] = {
    "text_digest": DIGEST,
    "ticket_id": "7",
    "tenant": None,
    "labels": {"queue": "technical", "urgency": None},
}

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `override` where no broker listens; returns exit status and stderr, its box taken off."""
    config = tmp_path / "config.yaml"
    config.write_text(
        yaml.safe_dump({"kafka": {"bootstrap_servers": "127.0.0.1:1"}, "taxonomy": {"questions": QUESTIONS}})
    )

    def run_it(*args: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["override", "--config", str(config), *args])
        said = capsys.readouterr().err.replace("│", " ")
        return int(str(ended.value.code)), " ".join(said.split())

    return run_it


@pytest.fixture
def event_file(tmp_path: Path) -> Path:
    path = tmp_path / "event.json"
    path.write_bytes(orjson.dumps(EVENT))
    return path


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([DIGEST, "bililng", "low", "--by", "x"], "bililng is no label of queue: did you mean billing?"),
        ([DIGEST, "billing", "--by", "x"], "urgency has no label: give one of high, low"),
        ([DIGEST, "quue=billing", "low", "--by", "x"], "quue is not asked: did you mean queue?"),
        ([DIGEST, "billing", "low", "low", "--by", "x"], "more labels than questions (queue, urgency)"),
        ([DIGEST, "queue=billing", "queue=technical", "low", "--by", "x"], "more labels than questions"),
        ([DIGEST[:-1], "billing", "low", "--by", "x"], "is no digest: give the text_digest of an event"),
        (["n0" + DIGEST[2:], "billing", "low", "--by", "x"], f"begins with {digest_prefix()}:"),
        ([text_digest(""), "billing", "low", "--by", "x"], "the digest of an empty text"),
        ([DIGEST, "billing", "low"], "say who decides"),
        ([DIGEST, "billing", "low", "--remove"], "takes no labels"),
        (["--by", "x"], "give the text_digest of an event, or --event"),
        (["--list", DIGEST], "it goes with --json alone"),
        ([DIGEST, "billing", "low", "--by", "x", "--all-tenants"], "it goes with --event"),
        (["--event", "no-such-file", "billing", "--by", "x"], "there is no file no-such-file"),
    ],
)
def test_wrong_usage_is_a_sentence_with_what_would_be_right(run: Run, args: list[str], said: str) -> None:
    status, err = run(*args)
    assert status == 2
    assert said in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "it holds no JSON"),
        ("[]", "it holds no labelled event"),
        ('{"labels": {}}', "the event has no text_digest"),
    ],
)
def test_a_file_that_holds_no_event_is_a_sentence(run: Run, tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "what.json"
    path.write_text(content)
    status, err = run("--event", str(path), "billing", "--by", "x")
    assert status == 2
    assert said in err


@pytest.mark.parametrize("args", [[DIGEST, "billing", "low", "--by", "x"], [DIGEST, "--remove"], ["--list"]])
def test_a_broker_that_is_away_is_a_sentence(run: Run, args: list[str]) -> None:
    status, err = run(*args)
    assert status == 1
    assert "Nothing listens at 127.0.0.1:1" in err


def test_an_event_alone_says_nothing_of_what_would_be_right(run: Run, event_file: Path) -> None:
    status, err = run("--event", str(event_file), "--by", "x")
    assert status == 2
    assert "queue has no label" in err


@pytest.mark.parametrize(
    ("given", "before", "labels"),
    [
        (["billing", "low"], None, {"queue": "billing", "urgency": "low"}),
        (["urgency=low", "billing"], None, {"queue": "billing", "urgency": "low"}),
        (
            ["urgency=low"],
            {"queue": "technical", "urgency": "high"},
            {"queue": "technical", "urgency": "low"},
        ),
        (["billing"], {"queue": "technical", "urgency": "high"}, {"queue": "billing", "urgency": "high"}),
        (["billing"], {"queue": "technical", "gone": "x"}, {"queue": "billing", "urgency": None}),
        ([], {"queue": "technical", "urgency": "high"}, {"queue": None, "urgency": None}),
    ],
)
def test_labels_go_by_name_or_by_place_and_the_rest_stays_as_the_event_has_it(
    given: list[str], before: object, labels: dict[str, str | None]
) -> None:
    assert labels_given(given, TAXONOMY, before) == labels


def test_a_label_with_an_equals_sign_is_taken_for_itself() -> None:
    taxonomy = read_taxonomy({"labels": ["a=b", "c"]})
    assert labels_given(["a=b"], taxonomy, None) == {"label": "a=b"}


def test_too_many_labels_are_not_cut() -> None:
    with pytest.raises(NotACorrection, match="more labels than questions"):
        labels_given(["billing", "low", "high"], TAXONOMY, {})
