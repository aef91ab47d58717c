"""What the model sees, and which texts count as the same."""

import json
import re
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.text import clean, cut, fold, model_text, normalise, text_digest
from stream_classifier.core.ticket import Ticket

BOTH = ("quotes", "signatures")


def ticket(
    subject: str = "", body: str = "", body_format: str = "text", context: tuple[tuple[str, str], ...] = ()
) -> Ticket:
    return Ticket(
        ticket_id="1",
        subject=subject,
        body=body,
        body_format=body_format,
        priority=None,
        tags=(),
        tenant=None,
        revision=None,
        context=context,
    )


# ---------------------------------------------------------------- what the model sees


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (ticket("Login", "It fails.\r\nSince noon. "), "Login\n\nIt fails.\nSince noon."),
        (ticket(" two\nlines ", "body"), "two lines\n\nbody"),
        (ticket("Login"), "Login"),
        (ticket("", "body"), "body"),
        (ticket("Login", "<p>a</p><p>b</p>", "html"), "Login\n\na\n\nb"),
        (ticket("Login", "<p>a</p>"), "Login\n\n<p>a</p>"),
        (ticket("a", "b", context=(("plan", "very\ngold"), ("n", "5"))), "a\n\nb\n\nplan: very gold\nn: 5"),
    ],
)
def test_subject_body_and_context_stand_apart(one: Ticket, text: str) -> None:
    assert model_text(one, 8000) == (text, False)


@pytest.mark.parametrize(
    "one",
    [
        ticket(),
        ticket(" \n", "\t\u200b"),
        ticket("", "<p>&nbsp;</p><style>x</style>", "html"),
        ticket(context=(("plan", "gold"),)),
    ],
)
def test_without_subject_and_body_there_is_no_text(one: Ticket) -> None:
    assert model_text(one, 8000) == ("", False)


VISIBLE_SIGNS = "\t\n\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"


def test_every_control_and_format_character_goes_but_for_visible_signs() -> None:
    hidden = (c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in {"Cc", "Cf", "Cs"})
    assert "".join(c for c in hidden if clean(c) == c) == VISIBLE_SIGNS


HIDDEN = ["\u200b", "\u202e", "\ufeff", "\u00ad", "\U000e0041", "\ufe0f", "\u3164", "\ud800"]


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_an_invisible_character_does_not_part_a_word(hidden: str) -> None:
    assert clean(f"pass{hidden}word") == "password"


def test_a_control_character_does_not_join_two_numbers() -> None:
    assert clean("404\x1f500") == "404 500"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_every_line_end_is_one_line_feed(end: str) -> None:
    assert clean(f"a{end}b") == "a\nb"


def test_a_long_text_keeps_head_and_tail_with_a_mark_between() -> None:
    words = [f"word{n}" for n in range(1000)]
    text, truncated = cut(" ".join(words), 500)
    head, mark, tail = text.split("\n")
    assert truncated
    assert len(text) <= 500
    assert head.split() == words[: len(head.split())]
    assert tail.split() == words[-len(tail.split()) :]
    assert mark == f"[... {len(' '.join(words)) - len(head) - len(tail)} characters left out ...]"


def test_context_is_kept_when_the_text_is_cut() -> None:
    text, truncated = model_text(ticket("a", "word " * 1000, context=(("plan", "gold"),)), 400)
    assert truncated
    assert text.endswith("\n\nplan: gold")
    assert len(text) <= 400


@given(st.text(), st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3), st.integers(1, 300))
def test_the_text_is_never_longer_than_its_limit(
    subject: str, body: str, context: list[tuple[str, str]], max_chars: int
) -> None:
    text, _ = model_text(ticket(subject, body * 5, context=tuple(context)), max_chars)
    assert len(text) <= max_chars


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


# ---------------------------------------------------------------- which texts are the same

PAIRS = json.loads((Path(__file__).parent / "data" / "text_pairs.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("one", "other"), PAIRS["same"])
def test_the_same_words_written_differently_are_one_text(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(("one", "other"), PAIRS["apart"])
def test_what_changes_the_meaning_stays_apart(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_ascii_is_folded_as_any_other_text(text: str) -> None:
    assert fold(text) == fold(text + "é").removesuffix("é").removesuffix(" ")


@given(st.text())
def test_unicode_forms_do_not_matter(text: str) -> None:
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(unicodedata.normalize("NFC", text))


@given(st.text(), st.integers(0, 10**6), st.text())
def test_a_number_within_a_text_is_kept(before: str, number: int, after: str) -> None:
    assert str(number) in normalise(f"{before} {number} {after}")


@given(st.text(), st.sampled_from(PAIRS["negations"]), st.text())
def test_a_negation_is_never_lost(before: str, negation: str, after: str) -> None:
    assert normalise(f"{before} {negation} {after}") != normalise(f"{before} {after}")
    assert fold(negation) in normalise(f"{before} {negation} {after}")


@given(
    st.text(),
    st.sampled_from(["can", "do", "is", "was", "would", "could"]),
    st.sampled_from(PAIRS["apostrophes"]),
    st.text(),
)
def test_a_contraction_is_never_taken_for_what_it_denies(
    before: str, verb: str, apostrophe: str, after: str
) -> None:
    denied = f"{verb}{apostrophe}t" if verb == "can" else f"{verb}n{apostrophe}t"
    assert normalise(f"{before} {denied} {after}") != normalise(f"{before} {verb} {after}")


@given(st.text(), st.integers(0, 10**6), st.integers(0, 10**6), st.text())
def test_two_texts_with_different_numbers_stay_apart(before: str, one: int, other: int, after: str) -> None:
    same = normalise(f"{before} {one} {after}") == normalise(f"{before} {other} {after}")
    assert same == (one == other)


@given(st.text(), st.sampled_from(PAIRS["signs"]), st.text())
def test_a_sign_is_never_lost(before: str, sign: str, after: str) -> None:
    assert normalise(f"{before} 5{sign} {after}") != normalise(f"{before} 5 {after}")


@given(st.text(), st.sampled_from(PAIRS["question_marks"]))
def test_a_question_is_never_taken_for_a_statement(text: str, mark: str) -> None:
    asked, said = normalise(f"{text} now{mark}"), normalise(f"{text} now.")
    assert asked == f"{said}?"


@given(st.lists(st.text(alphabet="abcdéñж界0123456789'-+%", min_size=1), min_size=1))
def test_no_word_is_lost(words: list[str]) -> None:
    assert normalise("\n ".join(words)).split() == [word.lower() for word in words]


# ---------------------------------------------------------------- the digest


def test_a_digest_names_normaliser_and_redaction() -> None:
    plain = text_digest("hello")
    assert plain == "n3:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    masked = text_digest("hello", ("ip", "email"))
    prefix, _, digest = masked.partition(":")
    assert (len(prefix), prefix[:3], digest) == (7, "n3r", plain[3:])
    assert masked == text_digest("hello", ("email", "ip")) != text_digest("hello", ("email",))


# ---------------------------------------------------------------- mail


def test_an_html_mail_is_seen_without_what_it_answers_and_without_signature() -> None:
    body = (
        "<div>It still fails.</div><div class='gmail_signature'>Ann</div><br>"
        "<div class='gmail_quote'>On 3 May 2026 at 10:15 Bo &lt;bo@example.com&gt; wrote:<br>"
        "<blockquote>Try again.</blockquote></div>"
    )
    assert model_text(ticket("Export", body, "html"), 8000, BOTH) == ("Export\n\nIt still fails.", False)
    assert "> Try again." in model_text(ticket("Export", body, "html"), 8000)[0]


@pytest.mark.parametrize("subject", ["Fwd: Refund", "WG: Refund"])
def test_a_forwarded_mail_is_seen_whole(subject: str) -> None:
    body = "Can you help?\n\nFrom: Bo\nSent: Monday 10:15\nTo: Ann\nSubject: Refund\n\nMy money back"
    assert model_text(ticket(subject, body), 8000, BOTH) == (f"{subject}\n\n{body}", False)


def test_a_ticket_of_files_alone_has_no_text() -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    assert model_text(ticket("", f"![]({picture})"), 8000) == ("", False)
    assert model_text(ticket("Help", picture), 8000) == ("Help\n\n[image left out]", False)


def test_emojis_and_persian_letters_survive_the_joiners_between_them() -> None:
    assert clean("\U0001f468\u200d\U0001f469\u200d\U0001f467") == "\U0001f468\U0001f469\U0001f467"
    assert (
        clean("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")
        == "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645"
    )


def test_a_long_run_of_combining_marks_is_cut() -> None:
    cleaned = clean("a" + "\u0301\u0316" * 50_000 + "b")
    assert cleaned == "a" + "\u0301\u0316" * 15 + "b"
    assert normalise("a" + "\u0301\u0316" * 50_000 + "b") == normalise(cleaned)


def test_of_a_body_that_is_far_too_long_its_ends_are_read_and_all_that_is_gone_is_counted() -> None:
    body = "first " + "middle " * 200_000 + "last"
    text, truncated = model_text(ticket("", body), 1000, BOTH)
    head, mark, tail = text.split("\n")
    gone = int(re.findall(r"\d+", mark)[0])
    assert truncated
    assert head.startswith("first")
    assert tail.endswith("last")
    assert (
        abs(len(head) + gone + len(tail) - len(body)) < 10
    )  # the blanks at the two cuts, and the sign there


SOUP = st.lists(
    st.sampled_from(
        ["<p>", "</p>", "<div hidden>", "&#8238;", "\u202e", "\u200b", "\x07", "x", "> y\n", "-- \n", "<!--"]
    )
).map("".join)


@given(SOUP, st.sampled_from(["html", "text"]), st.integers(100, 300), st.sampled_from([(), BOTH]))
def test_nothing_invisible_is_ever_seen_and_never_more_than_allowed(
    body: str, body_format: str, max_chars: int, left_out: tuple[str, ...]
) -> None:
    text, _ = model_text(ticket("", body * 9, body_format), max_chars, left_out)
    assert len(text) <= max_chars
    assert not [
        char for char in text if char not in "\n\t" and unicodedata.category(char) in {"Cc", "Cf", "Cs"}
    ]


@pytest.mark.parametrize("body_format", ["text", "html"])
@pytest.mark.parametrize(
    "unit", ["a\u0301\u0316", "\u200ba", "\x01", "\n", "Aa1" * 20 + "\n", "&#x301;", "<", "> \n", ":\n"]
)
def test_a_body_of_a_mebibyte_costs_little_more_than_one_of_what_is_read(unit: str, body_format: str) -> None:
    def spent_s(chars: int) -> float:
        one = ticket("", unit * (chars // len(unit)), body_format)
        started_s = time.process_time()
        model_text(one, 8000, BOTH)
        return time.process_time() - started_s

    few_s = min(spent_s(1 << 17) for _ in range(3))
    assert min(spent_s(1 << 20) for _ in range(3)) < max(32 * few_s, 0.3)  # eight times; squared, 64 times
