"""Masks: what they look like, in what order they are found, and that nothing hides from them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.redaction_texts import made_sentences
from stream_classifier.core.redact import KINDS, Redactor, applied
from stream_classifier.core.redact.plain import plain, small
from stream_classifier.core.text import clean

CARD = "4111 1111 1111 1111"
MIXED = f"ann@example.com pays by {CARD} from 192.0.2.7; call +49 30 1234567"

TEXTS = st.text(st.one_of(st.sampled_from("aB3 .:@-+/=()\n"), st.characters()), max_size=80)
SENTENCES = [clean(made.text) for made in made_sentences(3, seed=4)]


def masked(text: str, *kinds: str) -> str:
    return Redactor(kinds or KINDS)([text])[0]


def test_each_kind_has_a_mask_of_its_name() -> None:
    assert masked(MIXED) == "[email] pays by [card] from [ip]; call [phone]"


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_kinds_that_are_asked_for_are_masked(kind: str) -> None:
    assert {find.kind for find in Redactor([kind]).finds(f"{MIXED} password: w4lrus")} <= {kind}


def test_the_first_of_a_kind_has_no_number_and_others_have_theirs() -> None:
    assert masked("a@x.com and b@x.com, A@X.com again") == "[email] and [email 2], [email] again"


def test_a_value_has_the_same_mask_in_all_parts_of_a_ticket() -> None:
    parts = Redactor(KINDS)(["b@x.com", "from a@x.com to b@x.com"])
    assert parts == ["[email]", "from [email 2] to [email]"]


def test_a_number_is_the_same_however_it_is_grouped() -> None:
    assert masked(f"{CARD} or 4111-1111-1111-1111") == "[card] or [card]"


def test_what_one_kind_has_found_no_other_sees() -> None:
    assert masked("https://bob:s3cret@db.example.com/x") == "https://[secret]@db.example.com/x"
    assert masked("DE89 3704 0044 0532 0130 00") == "[iban]"


def test_a_text_without_a_find_is_the_very_same() -> None:
    text = "The export stops at 10:15 since version 4.8.1.2."
    assert masked(text) is text


@pytest.mark.parametrize("text", SENTENCES)
def test_what_is_masked_stays_masked(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@given(TEXTS)
def test_no_text_breaks_it_and_finds_do_not_overlap(text: str) -> None:
    finds = Redactor(KINDS).finds(text)
    assert all(0 <= find.start < find.end <= len(text) for find in finds)
    assert all(one.end <= other.start for one, other in pairwise(finds))


@given(st.text())
def test_the_plain_form_has_the_place_of_every_character(text: str) -> None:
    assert len(plain(text)) == len(small(text)) == len(text)


FULL_WIDTH, ARABIC = (CARD.translate({0x30 + n: zero + n for n in range(10)}) for zero in (0xFF10, 0x0660))


@pytest.mark.parametrize("text", [FULL_WIDTH, ARABIC, "4111\u00a01111\u20091111\u202f1111"])
def test_digits_and_blanks_of_any_writing_are_seen_through(text: str) -> None:
    assert masked(text) == "[card]"


def test_the_order_of_kinds_does_not_matter_and_none_is_nothing() -> None:
    assert applied(("ip", "email", "ip")) == applied(("email", "ip"))
    assert applied(()) == ()
