"""Which settings give a text another key: those that can change its answer, and no others."""

from typing import Any

import pytest

from stream_classifier.core.tally import Tally
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.core.ticket import Ticket
from stream_classifier.pipeline.preparing import Prepared
from stream_classifier.service.building import Builder
from stream_classifier.settings import Settings

BUG = {"name": "bug", "description": "Something broke.", "examples": ["It crashes"]}
FEATURE = {"name": "feature", "description": "A wish."}
TAXONOMY: dict[str, Any] = {"labels": [BUG, FEATURE], "instructions": "Judge the need."}


def prepared(
    taxonomy: dict[str, Any] = TAXONOMY,
    *,
    subject: str = "Login",
    tenant: str | None = None,
    context: tuple[tuple[str, str], ...] = (),
    **groups: Any,
) -> Prepared:
    """What a service with these settings makes of a ticket."""
    builder = Builder(Settings(taxonomy=read_taxonomy(taxonomy), **groups), Tally())
    ticket = Ticket(
        ticket_id="1",
        subject=subject,
        body="I cannot login since noon.",
        body_format="text",
        priority=None,
        tags=(),
        tenant=tenant,
        revision=None,
        context=context,
    )
    return builder.preparer(builder.triage())(ticket)


TAXONOMIES: dict[str, dict[str, Any]] = {
    "another label": {"labels": [BUG, FEATURE, "other"], "instructions": "Judge the need."},
    "a label less": {"labels": [BUG, "other"], "instructions": "Judge the need."},
    "a label's name": {"labels": [BUG | {"name": "defect"}, FEATURE], "instructions": "Judge the need."},
    "a description": {
        "labels": [BUG | {"description": "Something is broken."}, FEATURE],
        "instructions": "Judge the need.",
    },
    "an example": {"labels": [BUG | {"examples": ["It hangs"]}, FEATURE], "instructions": "Judge the need."},
    "an example more": {
        "labels": [BUG | {"examples": ["It crashes", "It hangs"]}, FEATURE],
        "instructions": "Judge the need.",
    },
    "the order of examples": {
        "labels": [BUG | {"examples": ["It hangs", "It crashes"]}, FEATURE],
        "instructions": "Judge the need.",
    },
    "the order of labels": {"labels": [FEATURE, BUG], "instructions": "Judge the need."},
    "instructions": {"labels": [BUG, FEATURE], "instructions": "Judge the tone."},
    "no instructions": {"labels": [BUG, FEATURE]},
    "another question": {
        "questions": [
            {"name": "label", "labels": [BUG, FEATURE]},
            {"name": "urgency", "labels": ["low", "high"]},
        ],
        "instructions": "Judge the need.",
    },
}


async def test_the_same_settings_give_the_same_keys() -> None:
    assert prepared() == prepared()


async def test_every_change_of_the_taxonomy_changes_the_key_by_itself() -> None:
    keys = {name: prepared(taxonomy).bulk_key for name, taxonomy in TAXONOMIES.items()}
    assert len({prepared().bulk_key, *keys.values()}) == 1 + len(keys)


CHANGING: dict[str, dict[str, Any]] = {
    "the model": {"llm": {"model": "gpt-4o"}},
    "a parameter": {"llm": {"params": {"temperature": 0}}},
    "a parameter's value": {"llm": {"params": {"temperature": 1}}},
    "redaction": {"ticket": {"redact": ["email"]}},
    "another redaction": {"ticket": {"redact": ["email", "ip"]}},
    "isolation": {"batch": {"isolate_tenants": True}},
}


async def test_every_setting_that_can_change_the_answer_changes_the_key_by_itself() -> None:
    keys = {name: prepared(**groups).bulk_key for name, groups in CHANGING.items()}
    assert len({prepared().bulk_key, *keys.values()}) == 1 + len(keys)


@pytest.mark.parametrize(
    "groups",
    [
        {"batch": {"max_tickets": 20}},
        {"batch": {"max_tokens": 2000, "max_wait_s": 5}},
        {"llm": {"concurrency": 2, "timeout_s": 30, "max_attempts": 2}},
        {"llm": {"requests_per_minute": 60, "tokens_per_minute": 60_000, "budget_usd_per_day": 5}},
        {"llm": {"urgent_model": "gpt-4o", "fallback_models": ["gpt-4o"]}},
        {"llm": {"base_url": "https://proxy.example/v1", "headers": {"x-team": "support"}}},
        {
            "urgent": {
                "concurrency": 3,
                "timeout_s": 5,
                "deadline_s": 20,
                "max_promoted": 2,
                "reserve_calls": 2,
            }
        },
        {"triage": {"keywords": ["outage"], "priorities": ["p0"]}},
        {"cache": {"backend": "memory", "ttl_s": 60, "max_entries": 10, "refresh": True}},
        {"kafka": {"group_id": "other", "input_topic": "other", "delivery": "exactly-once"}},
        {"ticket": {"max_chars": 5000, "max_bytes": "2MiB"}},
        {"ticket": {"redact": []}},
    ],
    ids=str,
)
async def test_what_cannot_change_the_answer_does_not_change_the_key(groups: dict[str, Any]) -> None:
    assert prepared(**groups).bulk_key == prepared().bulk_key


async def test_where_redactions_stand_in_the_settings_does_not_matter() -> None:
    one, other = (prepared(ticket={"redact": list(order)}) for order in (["ip", "email"], ["email", "ip"]))
    assert one.bulk_key == other.bulk_key


async def test_what_the_model_sees_more_of_a_ticket_is_part_of_its_text() -> None:
    assert prepared(context=(("plan", "gold"),)).bulk_key != prepared().bulk_key


async def test_tenants_share_an_answer_unless_they_are_isolated() -> None:
    def key(tenant: str, isolated: bool) -> bytes:
        return prepared(tenant=tenant, batch={"isolate_tenants": isolated}).bulk_key

    assert key("a", isolated=False) == key("b", isolated=False)
    assert key("a", isolated=True) != key("b", isolated=True)


async def test_a_model_s_key_is_the_same_whatever_part_it_plays() -> None:
    first = prepared(llm={"model": "gpt-4o"})
    urgent = prepared(llm={"urgent_model": "gpt-4o"})
    fallback = prepared(llm={"fallback_models": ["gpt-4o"]})
    assert first.bulk_key == urgent.urgent_key == fallback.fallback_keys[0]
    assert len({fallback.bulk_key, fallback.fallback_keys[0]}) == 2
