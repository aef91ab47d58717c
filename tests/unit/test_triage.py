"""Urgent is what a rule says, and the rule can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.ticket import Ticket
from stream_classifier.core.triage import Triage

TRIAGE = Triage(
    priorities=["urgent", "P0"],
    keywords=["outage", "can't log in", "défaut", "障害", "장애", "काम", "c++", "error 500"],
    tags=["VIP"],
    tenants=["acme"],
)


def ticket(priority: str | None = None, tags: tuple[str, ...] = (), tenant: str | None = None) -> Ticket:
    return Ticket(
        ticket_id="1",
        subject="",
        body="",
        body_format="text",
        priority=priority,
        tags=tags,
        tenant=tenant,
        revision=None,
    )


@pytest.mark.parametrize(
    ("one", "keyword", "rule"),
    [
        (ticket(priority="URGENT"), None, "priority urgent"),
        (ticket(priority=" p0 "), None, "priority P0"),
        (ticket(priority="low", tags=("eu", "vip")), None, "tag VIP"),
        (ticket(tenant="acme"), None, "tenant acme"),
        (ticket(), "outage", "keyword outage"),
        (ticket(priority="urgent", tenant="acme"), "outage", "priority urgent"),
    ],
)
def test_the_rule_that_made_it_urgent_is_told_as_the_settings_write_it(
    one: Ticket, keyword: str | None, rule: str
) -> None:
    assert TRIAGE.rule(one, keyword) == rule


@pytest.mark.parametrize(
    "one",
    [ticket(), ticket(priority="high"), ticket(tags=("vipx",)), ticket(tenant="ACME"), ticket(priority="")],
)
def test_without_a_match_it_is_bulk(one: Ticket) -> None:
    assert TRIAGE.rule(one, None) is None


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("Outage", "outage"),
        ("total OUTAGE!", "outage"),
        ("(outage)", "outage"),
        ("no-outages but an outage", "outage"),
        ("システムoutage発生", "outage"),
        ("I CAN\u2019T  log\nin", "can't log in"),
        ("un de\u0301faut", "défaut"),
        ("システム障害です", "障害"),
        ("서버 장애가 발생", "장애"),
        ("काम बंद", "काम"),
        ("my c++ build", "c++"),
        ("error 500.", "error 500"),
        ("out\u200bage", "outage"),
    ],
)
def test_a_keyword_is_found_as_a_whole_word_in_any_script(text: str, keyword: str) -> None:
    assert TRIAGE.keyword_in(text) == keyword


@pytest.mark.parametrize(
    "text",
    [
        "",
        "outages",
        "route_outage",
        "outage2",
        "can log in",
        "défauts",
        "कामी",
        "error 5001",
        "terror 500",
        "c+",
    ],
)
def test_a_part_of_a_word_is_not_the_word(text: str) -> None:
    assert TRIAGE.keyword_in(text) is None


def test_of_several_keywords_the_first_of_the_settings_is_told() -> None:
    assert TRIAGE.keyword_in("can't log in since the outage") == "outage"


def test_without_keywords_nothing_is_found() -> None:
    assert Triage(["urgent"]).keyword_in("outage") is None


def test_a_blank_keyword_matches_nothing() -> None:
    assert Triage([], keywords=["", "  "]).keyword_in("anything at all") is None


words = st.text(alphabet="abcäéж障", min_size=1, max_size=5)


@given(st.lists(words, max_size=5), words, st.lists(words, max_size=5))
def test_a_word_among_others_is_found_in_any_case(before: list[str], word: str, after: list[str]) -> None:
    text = " ".join([*before, word.upper(), *after])
    assert Triage([], keywords=[word]).keyword_in(text) == word


@given(words, st.text(max_size=40))
def test_what_is_found_is_in_the_text(word: str, text: str) -> None:
    if Triage([], keywords=[word]).keyword_in(text):
        assert word in text.lower()
