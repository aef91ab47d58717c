"""What a person's correction says, what is refused, and which are in force."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.correction import (
    MAX_KEY_BYTES,
    Correction,
    NotACorrection,
    Place,
    Refusal,
    key_of,
    place_of,
    read_correction,
    value_of,
)
from stream_classifier.core.corrections import Corrections
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.core.text import digest_prefix, normalise, text_digest

TAXONOMY = read_taxonomy(
    {
        "questions": [
            {"name": "queue", "labels": ["billing", "technical"]},
            {"name": "urgency", "labels": ["high", "low"]},
        ]
    }
)
RIGHT = {"queue": "billing", "urgency": "low"}
PREFIX = digest_prefix()
TENANTS = (None, "acme", "a/b")


def digest(text: str) -> str:
    return text_digest(normalise(text))


def value(labels: Any = RIGHT, **more: Any) -> bytes:
    return orjson.dumps({"labels": labels, **more})


def table(max_entries: int = 100) -> Corrections:
    return Corrections(taxonomy=TAXONOMY, prefix=PREFIX, max_entries=max_entries)


def labels_of(corrections: Corrections, text: str, tenant: str | None = None) -> tuple[str | None, ...]:
    decision = corrections.decision(digest(text), tenant)
    return () if decision is None else decision.labels


def refusal(corrections: Corrections, key: bytes | None, said: bytes | None) -> Refusal:
    with pytest.raises(NotACorrection) as caught:
        corrections.take(key, said)
    return caught.value.reason


def test_a_correction_decides_for_every_tenant() -> None:
    corrections = table()
    corrections.take(digest("a").encode(), value())
    assert labels_of(corrections, "a") == labels_of(corrections, "a", "acme") == ("billing", "low")
    assert labels_of(corrections, "b") == ()


def test_a_tenants_own_correction_goes_before_the_one_for_all() -> None:
    corrections = table()
    own = f"{digest('a')}/acme".encode()
    corrections.take(own, value({"queue": "technical", "urgency": "high"}))
    assert labels_of(corrections, "a", "other") == ()
    corrections.take(digest("a").encode(), value())
    assert labels_of(corrections, "a", "acme") == ("technical", "high")
    corrections.take(own, None)
    assert labels_of(corrections, "a", "acme") == ("billing", "low")


def test_a_null_value_takes_back() -> None:
    corrections = table()
    corrections.take(digest("a").encode(), value())
    corrections.take(digest("a").encode(), None)
    assert labels_of(corrections, "a") == ()
    assert corrections.empty


def test_a_decision_costs_nothing_and_names_no_model() -> None:
    corrections = table()
    corrections.take(digest("a").encode(), value())
    decision = corrections.decision(digest("a"), None)
    assert decision is not None
    assert (decision.decided_by, decision.model, decision.cost_usd, decision.tokens_in) == (
        "override",
        None,
        0.0,
        0,
    )
    assert decision.taxonomy_digest == TAXONOMY.digest


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"{", Refusal.NOT_JSON),
        (b"\xff", Refusal.NOT_JSON),
        (b"7", Refusal.NOT_A_CORRECTION),
        (b'{"labels": ["billing", "low"]}', Refusal.NOT_A_CORRECTION),
        (b'{"label": "billing"}', Refusal.NOT_A_CORRECTION),
        (value({"queue": "billing"}), Refusal.UNANSWERED),
        (value({**RIGHT, "urgency": None}), Refusal.UNANSWERED),
        (value({**RIGHT, "urgency": "billing"}), Refusal.UNKNOWN_LABEL),
        (value({**RIGHT, "urgency": "Low"}), Refusal.UNKNOWN_LABEL),
        (value({**RIGHT, "urgency": ["low"]}), Refusal.UNKNOWN_LABEL),
        (value({**RIGHT, "colour": "red"}), Refusal.UNKNOWN_QUESTION),
        (value(tenant="acme"), Refusal.OTHER_TENANT),
    ],
)
def test_what_is_not_wholly_right_is_refused_with_its_reason_and_digest(said: bytes, reason: Refusal) -> None:
    with pytest.raises(NotACorrection) as caught:
        table().take(digest("a").encode(), said)
    assert (caught.value.reason, caught.value.digest) == (reason, digest("a"))


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"The text of a ticket",
        b"\xff\xfe",
        digest("a")[:-1].encode(),
        digest("a").upper().encode(),
        f"{digest('a')}\n".encode(),
        f"{digest('a')}/{'x' * MAX_KEY_BYTES}".encode(),
    ],
)
def test_a_key_that_is_no_digest_is_refused_and_nothing_of_it_is_told(key: bytes | None) -> None:
    with pytest.raises(NotACorrection) as caught:
        table().take(key, value())
    assert (caught.value.reason, caught.value.digest) == (Refusal.BAD_KEY, None)


@pytest.mark.parametrize("other", ["n0", "n10", digest_prefix(["email"])])
def test_a_digest_of_another_normaliser_or_redaction_is_refused(other: str) -> None:
    key = digest("a").replace(PREFIX, other, 1).encode()
    assert refusal(table(), key, value()) is Refusal.OTHER_DIGEST


def test_an_empty_text_has_no_correction() -> None:
    assert refusal(table(), digest("").encode(), value()) is Refusal.NO_TEXT


def test_a_refused_record_takes_the_one_before_it_out_of_force() -> None:
    corrections = table()
    corrections.take(digest("a").encode(), value())
    refusal(corrections, digest("a").encode(), b"{")
    assert labels_of(corrections, "a") == ()


def test_beyond_the_limit_a_new_one_is_refused_and_an_old_one_can_still_be_changed() -> None:
    corrections = table(max_entries=2)
    for text in ("a", "b"):
        corrections.take(digest(text).encode(), value())
    assert refusal(corrections, digest("c").encode(), value()) is Refusal.TOO_MANY
    corrections.take(digest("a").encode(), value({"queue": "technical", "urgency": "low"}))
    assert labels_of(corrections, "a") == ("technical", "low")


def test_disagreements_are_counted_by_question_and_both_labels() -> None:
    corrections = table()
    for text, was in {
        "a": {"queue": "technical", "urgency": "low"},
        "b": {"queue": "technical", "urgency": None},
        "c": {"queue": "a label of last year", "urgency": "low"},
        "d": None,
    }.items():
        corrections.take(digest(text).encode(), value(was=was))
    assert corrections.disagreements() == {
        ("queue", "technical", "billing"): 2,
        ("queue", "", "billing"): 2,
        ("urgency", "", "low"): 2,
    }


@given(st.sampled_from(TENANTS), st.text(), st.tuples(*[st.none() | st.sampled_from(["x"])] * 2))
def test_what_is_written_is_read_back(tenant: str | None, by: str, was: tuple[str | None, ...]) -> None:
    place = Place(digest("a"), tenant)
    known = (was[0] and "technical", was[1] and "high")
    correction = Correction(place=place, labels=("billing", "low"), was=known, ticket_id="7", by=by, at="t")
    assert place_of(key_of(place)) == place
    assert read_correction(place, value_of(correction, TAXONOMY), TAXONOMY, PREFIX) == correction


@given(st.binary(max_size=100) | st.none(), st.binary(max_size=100) | st.none())
def test_whatever_bytes_come_they_are_taken_or_refused(key: bytes | None, said: bytes | None) -> None:
    with suppress(NotACorrection):
        table().take(key, said)


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(TENANTS),
        st.sampled_from([None, b"{", value(), value({"queue": "technical", "urgency": "high"}, was=RIGHT)]),
    )
)


@given(steps, st.data())
def test_only_the_last_record_of_a_key_counts(
    records: list[tuple[str, str | None, bytes | None]], data: st.DataObject
) -> None:
    """Whoever reads the whole topic comes to the same as one who reads what compaction has left."""
    keyed = [(key_of(Place(digest(text), tenant)), said) for text, tenant, said in records]
    gone = {i for i, (key, _) in enumerate(keyed) if any(key == later for later, _ in keyed[i + 1 :])}
    compacted = data.draw(st.sets(st.sampled_from(sorted(gone)))) if gone else set()
    whole, left = table(), table()
    for i, (key, said) in enumerate(keyed):
        for corrections in [whole] if i in compacted else [whole, left]:
            with suppress(NotACorrection):
                corrections.take(key, said)
    assert (whole.for_all, whole.for_one) == (left.for_all, left.for_one)
    assert whole.disagreements() == left.disagreements()
    assert whole.empty == (len(whole) == 0)
    assert sum(uses for _, uses in whole.held.values()) == len(whole)
