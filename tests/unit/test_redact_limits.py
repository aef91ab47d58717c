"""What is said of redaction holds: how much is found, how long it takes, and that no cut leaves half."""

import re
import time

import pytest

from benchmarks.redaction import PRECISION_AT_LEAST, RECALL_AT_LEAST, Account, account
from benchmarks.redaction_texts import UNTOLD
from stream_classifier.core.redact import KINDS, Redactor
from stream_classifier.core.redact.halves import without_halves
from stream_classifier.core.redact.span import MAX_CHARS
from stream_classifier.core.text import READ_CHARS_MIN, model_text
from stream_classifier.core.ticket import Ticket

PEM = "-----BEGIN " + "PRIVATE KEY-----"
HOSTILE = (
    *(
        "a",
        "a@",
        "a@a.",
        "@",
        "a(at)",
        "a at b dot ",
        "1 ",
        "01 01 ",
        "+1",
        "4444 ",
        "4444-",
        "0123 4567 ",
        "(1",
    ),
    *(
        "DE89 ",
        "1.1.1.",
        "1:",
        ":: ",
        "://a:",
        "://",
        "password:",
        'password:"',
        "password is ",
        "token=",
        "key=a ",
    ),
    *(
        "eyJ",
        "eyJ-",
        "eyJaaaaaaaa.",
        PEM,
        PEM + "A" * 20 + " ",
        "Aa1",
        "cookie: a=b;",
        "cookie:a=",
        "bearer ",
    ),
    *("?sig=", "sk-", "tel ", "tel: 1", "order 030 1234567 ", "[", "\uff14 ", "\u0301"),
)
LEFT_OUT = re.compile(r"\[\.\.\. [0-9]+ characters left out \.\.\.\]")
SMALL = 4_000  # characters
TIMES_MORE = 4


@pytest.fixture(scope="module")
def found() -> Account:
    return account(60, seed=3)


def test_of_each_group_nearly_all_is_found(found: Account) -> None:
    poor = {place: found.recall(place) for place in found.made if place[1] != UNTOLD}
    assert {place: share for place, share in poor.items() if share < RECALL_AT_LEAST - 5} == {}, found.missed


def test_nearly_all_that_is_found_is_rightly_found(found: Account) -> None:
    shares = {kind: found.precision(kind) for kind in KINDS}
    assert {k: share for k, share in shares.items() if share < PRECISION_AT_LEAST - 2} == {}, found.mistaken


def test_what_nothing_tells_is_not_found_as_the_documentation_says(found: Account) -> None:
    assert found.recall(("phone", UNTOLD)) == 0


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_text_four_times_as_long_takes_about_four_times_as_long(piece: str) -> None:
    # Quadratic work would take sixteen times as long; a busy machine is given twice what is right.
    shares = (_taken_s(piece, SMALL * TIMES_MORE) / _taken_s(piece, SMALL) for _ in range(3))
    assert any(share < 2 * TIMES_MORE for share in shares)


def _taken_s(piece: str, chars: int) -> float:
    text, redactor, times = piece * (chars // len(piece)), Redactor(KINDS), []
    for _ in range(3):
        began = time.process_time()
        redactor.finds(text)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("chars", [150, 200, 1_000])
@pytest.mark.parametrize(
    "secret", ["ann.example@example.com", "4111 1111 1111 1111", "DE89370400440532013000"]
)
def test_no_cut_leaves_half_of_what_is_masked(secret: str, chars: int) -> None:
    for at in range(0, 300, 7):
        text, _ = _cut(f"{'word ' * at}{secret} {'more ' * 300}", chars)
        assert not any(part in text for part in ("ann", "example", "4111", "1111", "DE89", "3000"))


@pytest.mark.parametrize("shift", range(0, 40, 3))
def test_of_a_far_too_long_text_no_half_of_anything_shows_either(shift: int) -> None:
    # Addresses all through: masked, the ends that are looked at become much shorter than what may be shown.
    address = "somebody.or.other@example.com "
    text, truncated = _cut("x" * shift + " " + address * (4 * MAX_CHARS // len(address)), 3_000)
    assert truncated
    assert text.count("[email]") > 150
    assert not any(part in text.replace("[email]", "") for part in ("some", "other", "@", "exam"))


def test_a_private_key_at_a_cut_is_masked_whole() -> None:
    key = f"{PEM}\n{'MIIEvQIBADANBgkqhkiG9w0B' * 120}\n{PEM.replace('BEGIN', 'END')}"
    for before in (900, 1_400, 60_000):
        text, _ = _cut(f"{'word ' * (before // 5)}{key}{' more' * 12_000}", 2_000)
        assert "MIIE" not in text


@pytest.mark.parametrize("body_format", ["text", "html"])
def test_where_a_text_was_not_read_on_no_half_shows(body_format: str) -> None:
    # Nearly all of the text is quoted, so that its gap is shown; of HTML the end of what is read is.
    secret, line = "4111 1111 1111 1111", "> what was asked before\n"
    for shift in range(0, 25, 4):
        quoted = line * (READ_CHARS_MIN // len(line)) if body_format == "text" else ""
        body = f"It fails.\n{'x' * shift} {secret} {secret}\n{quoted}" * 12 + f"{secret} " * 60_000
        ticket = Ticket("1", "", body, body_format, None, (), None, None)
        text, _ = model_text(ticket, 8_000, ("quotes",), Redactor(KINDS))
        assert not re.search("[0-9]", LEFT_OUT.sub("", text))


def test_beside_a_gap_a_word_goes_whole_and_so_do_lines_of_a_key() -> None:
    far = "kept " * 100
    key = f"{'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC' * 2}\n" * 9
    text = f"{far}{'s3cr3t' * 50}GAP{'s3cr3t' * 50}\n{key}{far}"
    shown = without_halves(text, "GAP")
    assert "s3cr3t" not in shown
    assert "MIIE" not in shown
    assert shown.count("kept") > 150
    assert without_halves("no gap at all", "GAP") == "no gap at all"


def test_how_much_was_left_out_is_told_of_the_whole_text() -> None:
    text, _ = _cut("word " * 20_000, 1_000)
    gone = int(text.split("[... ")[1].split(" ")[0])
    assert gone == pytest.approx(100_000 - len(text), abs=100)


def _cut(body: str, max_chars: int) -> tuple[str, bool]:
    ticket = Ticket("1", "", body, "text", None, (), None, None)
    return model_text(ticket, max_chars, (), Redactor(KINDS))
