"""What `ticket.redact` masks is masked wherever a ticket's text goes, and hashed as it is masked."""

import asyncio
from typing import Any

import orjson
import pytest

from stream_classifier.cli.explained import passages
from stream_classifier.core.correction import Place, key_of
from stream_classifier.core.redact import KINDS
from stream_classifier.core.text import digest_prefix, normalise, text_digest
from stream_classifier.core.ticket import Ticket
from stream_classifier.kafka.corrections_inspection import InspectedCorrections
from stream_classifier.lab.evaluate.drawing import GoldRow
from stream_classifier.lab.evaluate.grid import Configuration
from stream_classifier.lab.evaluate.questions import questions
from stream_classifier.service.explaining import explain
from tests.unit.lane_fakes import Record
from tests.unit.lane_world import settings, world
from tests.unit.profile_world import rows, surveyed

ADDRESS = "ann@example.com"
REDACT: dict[str, Any] = {"ticket": {"redact": list(KINDS), "context_fields": ["from"]}}
MASKED = "Login of [email]\n\nIt fails for [email 2].\n\nfrom: [email]"
FIELDS = {"subject": f"Login of {ADDRESS}", "body": "It fails for bob@example.com.", "from": ADDRESS}


def value(**fields: str) -> bytes:
    return orjson.dumps({"ticket_id": "1", **(FIELDS | fields)})


async def nothing(_places: object) -> InspectedCorrections:
    """An overrides topic without corrections."""
    return InspectedCorrections()


async def test_the_provider_sees_subject_body_and_context_masked() -> None:
    async with world(**REDACT) as w:
        w.read(Record(value=value()))
        await w.events(1)
        assert [text for call in w.bulk.asked for text in call.texts] == [MASKED]


async def test_the_digest_says_that_it_is_of_a_masked_text() -> None:
    async with world(**REDACT) as w:
        w.read(Record(value=value()))
        [event] = await w.events(1)
    assert event["text_digest"] == text_digest(normalise(MASKED), KINDS)
    assert event["text_digest"].startswith(f"{digest_prefix(KINDS)}:")
    assert digest_prefix(KINDS) != digest_prefix(("email",)) != digest_prefix()


async def test_texts_that_differ_in_whose_they_are_cost_one_call() -> None:
    async with world(**REDACT) as w:
        for number in range(5):
            body = f"It fails for somebody{number}@example.com."
            w.read(Record(value=value(body=body, subject="", **{"from": ""})))
        events = await w.events(5)
        assert sum(len(call.texts) for call in w.bulk.asked) == 1
    assert sorted(event["decided_by"] for event in events) == ["llm"] + 4 * ["shared"]


async def test_a_correction_of_a_masked_text_serves_all_that_are_masked_alike() -> None:
    correction = orjson.dumps({"labels": {"label": "other"}, "by": "ann", "at": "2026-01-31T09:30:00Z"})
    async with world(**REDACT) as w:
        digest = text_digest(normalise("Lost mail of [email]"), KINDS)
        w.pipeline.corrections.take(key_of(Place(digest, None)), correction)
        w.read(Record(value=value(subject="", body=f"Lost mail of {ADDRESS}", **{"from": ""})))
        [event] = await w.events(1)
        await asyncio.sleep(0)
    assert (event["decided_by"], event["label"]) == ("override", "other")


async def test_explain_shows_the_masked_text() -> None:
    ticket = Ticket(
        "1", FIELDS["subject"], FIELDS["body"], "text", None, (), None, None, (("from", ADDRESS),)
    )
    made = settings(**REDACT, cache={"backend": "memory"})
    [said] = (await explain(made, [ticket], nothing)).tickets
    assert said.text == MASKED
    assert "example.com" not in f"{said.normalised} {said.sent.user}"


@pytest.mark.parametrize(("redact", "said"), [(["email"], "some of it masked"), ([], "nothing left out")])
async def test_explain_says_that_something_is_masked(redact: list[str], said: str) -> None:
    ticket = Ticket("1", "", f"Lost mail of {ADDRESS}", "text", None, (), None, None)
    made = settings(ticket={"redact": redact}, cache={"backend": "memory"})
    explanation = await explain(made, [ticket], nothing)
    [lines] = [lines for name, lines in passages(explanation.tickets[0], explanation, made) if name == "Text"]
    assert said in str(lines)


async def test_a_profile_shows_masked_texts_and_counts_them_alike() -> None:
    body = "Please write to {} about it"
    found = rows(*({"body": body.format(f"user{n}@example.com")} for n in range(3)))
    survey = await surveyed(found, ticket={"redact": ["email"]})
    assert [(top.times, top.text) for top in survey.repeats.top()] == [(3, body.format("[email]"))]


async def test_an_evaluation_asks_and_shows_masked_texts() -> None:
    configuration = Configuration(name="", digest="", chosen={}, settings=settings(**REDACT))
    [question] = questions(configuration, [GoldRow(line=1, value=value(), expected="bug", place=(b"", 1))])
    assert question.text == MASKED
