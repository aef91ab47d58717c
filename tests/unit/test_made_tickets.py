"""The made stream: the same for a seed, with the shares that were asked for."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.lab.made_texts import read_texts
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY, URGENT_PRIORITIES, MadeRecord, made_tickets

MANY = 8_000


def tickets(records: Iterable[MadeRecord]) -> list[dict[str, Any]]:
    found = []
    for record in records:
        try:
            value = orjson.loads(record.value)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict) and "ticket_id" in value:
            found.append(value)
    return found


def plain(ticket: dict[str, Any]) -> str:
    return " ".join(f"{ticket['subject']}\n\n{ticket['body']}".casefold().split())


@given(seed=st.integers(0, 2**32), n=st.integers(0, 60))
def test_the_same_seed_gives_the_same_bytes(seed: int, n: int) -> None:
    assert list(made_tickets(n, seed)) == list(made_tickets(n, seed))


def test_another_seed_gives_other_tickets() -> None:
    assert list(made_tickets(50, 1)) != list(made_tickets(50, 2))


@given(n=st.integers(0, 200))
def test_there_are_as_many_records_as_were_asked_for(n: int) -> None:
    assert len(list(made_tickets(n, 7))) == n


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_the_share_of_repeated_texts_is_the_one_asked_for(share: float) -> None:
    texts = Counter(plain(ticket) for ticket in tickets(made_tickets(MANY, 3, repeats=share)))
    repeated = sum(count - 1 for count in texts.values()) / MANY
    # Updates that leave the text unchanged repeat one, too: 1 % of all, where no repeats are asked for.
    assert repeated == pytest.approx(max(share, 0.01), abs=0.02)


def test_the_share_of_urgent_tickets_is_the_one_asked_for() -> None:
    made = tickets(made_tickets(MANY, 3, urgent=0.05))
    urgent = sum(ticket["priority"] in URGENT_PRIORITIES for ticket in made)
    assert urgent / MANY == pytest.approx(0.05, abs=0.01)


def test_the_share_of_what_is_no_ticket_is_the_one_asked_for() -> None:
    records = list(made_tickets(MANY, 3, not_tickets=0.03))
    assert (MANY - len(tickets(records))) / MANY == pytest.approx(0.03, abs=0.01)


def test_a_storm_brings_dozens_of_the_same_text_within_a_short_time() -> None:
    texts = [plain(ticket) for ticket in tickets(made_tickets(5_000, 3))]
    densest = max(Counter(texts[at : at + 100]).most_common(1)[0][1] for at in range(0, 4_900, 50))
    assert densest > 30


def test_an_update_has_the_key_of_its_ticket_and_a_higher_revision() -> None:
    revisions: dict[str, list[int]] = {}
    for ticket in tickets(made_tickets(MANY, 3)):
        revisions.setdefault(ticket["ticket_id"], []).append(ticket["revision"])
    assert any(len(found) > 1 for found in revisions.values())
    assert all(later == sooner + 1 for found in revisions.values() for sooner, later in pairwise(found))


def test_every_record_is_keyed_by_its_ticket() -> None:
    for record in made_tickets(500, 3, not_tickets=0):
        assert record.key == orjson.loads(record.value)["ticket_id"].encode()


def test_languages_and_lengths_vary() -> None:
    made = tickets(made_tickets(MANY, 3))
    lengths = sorted(len(ticket["body"]) for ticket in made)
    assert len({ticket["language"] for ticket in made}) > 15
    assert lengths[0] < 60
    assert lengths[-1] > 800


def test_no_slot_is_left_open() -> None:
    assert not any("{" in ticket["body"] + ticket["subject"] for ticket in tickets(made_tickets(5_000, 3)))


def test_every_template_names_a_reference_of_its_own() -> None:
    texts = read_texts()
    templates = texts.english + texts.other_languages + texts.urgent
    assert [template.body for template in templates if "{ref}" not in template.body] == []


def test_every_language_has_follow_ups() -> None:
    texts = read_texts()
    templates = texts.english + texts.other_languages + texts.urgent + texts.storms
    assert {template.language for template in templates} == texts.follow_ups.keys()


def test_shares_that_leave_no_room_are_refused() -> None:
    with pytest.raises(ValueError, match="room"):
        list(made_tickets(1, 1, repeats=0.9, urgent=0.1))


def test_the_demos_taxonomy_is_one() -> None:
    assert [label.name for label in read_taxonomy(DEMO_TAXONOMY).questions[0].labels][:2] == [
        "bug",
        "billing",
    ]
