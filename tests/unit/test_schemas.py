"""What we publish against the schemas that we publish for it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stream_classifier.core.answer import DecidedBy, Lane, Reason
from stream_classifier.core.event import LAST_MS, EventWriter, Subject, without_headers
from stream_classifier.core.journey import Decision

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
EVENT = json.loads((SCHEMAS / "event.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(EVENT)

QUESTIONS = ("queue", 'na"me', "headers_dropped")
DIGEST = "n1:" + "0af9" * 16

# A ticket holds what UTF-8 can carry (`core/formats/decode.py`): anything but lone surrogates.
texts = st.text() | st.sampled_from(
    ['"', "\\", '","tenant":"forged', '"headers_dropped":false', "\u2028", "\x00", "😀"]
)
names = st.text(min_size=1)
labels = st.tuples(*[names] * len(QUESTIONS))
some_labels = (
    st.tuples(st.none(), *[st.none() | names] * (len(QUESTIONS) - 1)).flatmap(st.permutations).map(tuple)
)
asked = {"model": names, "prompt_digest": names, "taxonomy_digest": names}
called = {
    "batch_id": names,
    "batch_size": st.integers(1, 90),
    "attempts": st.integers(1, 5),
}
paid = {
    "tokens_in": st.integers(0, 10**6),
    "tokens_out": st.integers(0, 10**6),
    "cost_usd": st.none() | st.floats(0, 100),
}
no_labels = st.just((None,) * len(QUESTIONS))
decisions = {
    "llm": st.builds(Decision, labels=labels, decided_by=st.just(DecidedBy.LLM), **asked, **called, **paid),
    "shared": st.builds(Decision, labels=labels, decided_by=st.just(DecidedBy.SHARED), **asked, **called),
    "cache": st.builds(Decision, labels=labels, decided_by=st.just(DecidedBy.CACHE), **asked),
    "override": st.builds(Decision, labels=labels, decided_by=st.just(DecidedBy.OVERRIDE)),
    "review": st.builds(
        Decision,
        labels=some_labels,
        reason=st.sampled_from(sorted(set(Reason) - {Reason.NO_TEXT, Reason.DEADLINE})),
        **asked,
        **called,
        **paid,
    ),
    "never asked": st.builds(
        Decision, labels=no_labels, reason=st.sampled_from([Reason.NO_TEXT, Reason.DEADLINE])
    ),
}
subjects = st.builds(
    Subject,
    topic=st.from_regex(r"[a-zA-Z0-9._-]{1,249}", fullmatch=True),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    part=st.none() | st.integers(0, 1_000),
    ticket_id=texts,
    tenant=st.none() | texts,
    revision=st.none() | texts,
    lane=st.sampled_from(Lane),
    timestamp_ms=st.integers(-1, 2**63 - 1),
    labelled_ms=st.integers(0, LAST_MS),
    truncated=st.booleans(),
    overtook=st.booleans(),
    superseded=st.booleans(),
    relabel_of=st.none() | st.just("tickets:3:17#2"),
)


def rendered(subject: Subject, decision: Decision) -> bytes:
    writer = EventWriter(QUESTIONS)
    return writer.render(subject, writer.constant(decision, DIGEST))


def an_event(**changes: object) -> dict[str, Any]:
    """An event that a call decided, with some fields otherwise."""
    subject = Subject(
        topic="tickets",
        partition=3,
        offset=17,
        ticket_id="1",
        tenant=None,
        revision=None,
        lane=Lane.BULK,
        timestamp_ms=1_000,
        labelled_ms=2_000,
    )
    decision = Decision(
        labels=("bug", "low", "x"),
        decided_by=DecidedBy.LLM,
        model="m",
        prompt_digest="p",
        taxonomy_digest="t",
        batch_id="b",
        batch_size=10,
        attempts=1,
        tokens_in=100,
        tokens_out=7,
        cost_usd=0.001,
    )
    event: dict[str, Any] = json.loads(rendered(subject, decision))
    return event | changes


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(EVENT)


@pytest.mark.parametrize("kind", decisions)
@given(data=st.data())
def test_every_event_keeps_to_the_schema(kind: str, data: st.DataObject) -> None:
    event = json.loads(rendered(data.draw(subjects), data.draw(decisions[kind])))
    VALIDATOR.validate(event)


@given(subjects, decisions["llm"])
def test_an_event_has_the_schemas_fields_and_no_others(subject: Subject, decision: Decision) -> None:
    assert set(json.loads(rendered(subject, decision))) == set(EVENT["properties"]) == set(EVENT["required"])


@given(subjects, st.one_of(*decisions.values()))
def test_what_goes_in_stands_in_the_event_whatever_it_holds(subject: Subject, decision: Decision) -> None:
    event = json.loads(rendered(subject, decision))
    assert (event["ticket_id"], event["tenant"], event["revision"]) == (
        subject.ticket_id,
        subject.tenant,
        subject.revision,
    )
    assert tuple(event["labels"][name] for name in QUESTIONS) == decision.labels
    assert event["label"] == decision.labels[0]
    assert (event["model"], event["batch_id"]) == (decision.model, decision.batch_id)


@given(subjects, st.one_of(*decisions.values()))
def test_leaving_out_headers_flips_that_flag_and_nothing_else(subject: Subject, decision: Decision) -> None:
    event = rendered(subject, decision)
    assert json.loads(without_headers(event)) == json.loads(event) | {"headers_dropped": True}


@given(subjects, decisions["cache"])
def test_the_half_that_belongs_to_the_decision_serves_every_ticket(subject: Subject, known: Decision) -> None:
    writer = EventWriter(QUESTIONS)
    constant = writer.constant(known, DIGEST)
    other = replace(subject, ticket_id="another", offset=subject.offset // 2)
    assert [writer.render(each, constant) for each in (subject, other)] == [
        rendered(subject, known),
        rendered(other, known),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"decided_by": None},
        {"decided_by": "shared"},  # with tokens of its own
        {"decided_by": "cache"},  # with a batch
        {"decided_by": "override"},  # with a model
        {"status": "needs_review"},
        {"reason": "unsure"},
        {"label": None},
        {"labels": {"queue": None}},
        {"model": None},
        {"attempts": 0},
        {"batch_size": 91},
        {"latency_ms": -1},
        {"cost_usd": -0.1},
        {"schema_version": 2},
        {"event_id": "tickets:3"},
        {"received_at": "1970-01-01T00:00:01Z"},
        {"text_digest": "the text itself"},
        {"tenant": 7},
        {"source": {"topic": "tickets", "partition": 3}},
        {"status": "needs_review", "decided_by": None, "reason": "unsure"},  # with every label given
        {"status": "needs_review", "decided_by": None, "reason": "no_text", "label": None},
    ],
)
def test_the_schema_refuses_what_contradicts_itself(changes: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(an_event())
    assert not VALIDATOR.is_valid(an_event(**changes))


def test_the_schema_lets_a_later_version_add_fields() -> None:
    assert VALIDATOR.is_valid(an_event(added_later=1))


def test_the_schema_knows_every_reason_and_every_decider() -> None:
    properties = EVENT["properties"]
    assert set(properties["reason"]["enum"]) == {None, *Reason}
    assert set(properties["decided_by"]["enum"]) == {None, *DecidedBy}
    assert set(properties["lane"]["enum"]) == set(Lane)
