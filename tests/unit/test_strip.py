"""Quoted history and signatures are taken out; nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.strip import strip

BOTH = ("quotes", "signatures")


def test_a_quote_goes_with_the_line_that_introduces_it() -> None:
    body = "It still fails.\n\nOn 3 May at 10:15, Ann <ann@example.com> wrote:\n> Try again.\n> Regards"
    assert strip(body, BOTH) == "It still fails."


def test_an_answer_between_quotes_stays() -> None:
    assert strip("> Which version?\n4.2\n> Which browser?\nFirefox", BOTH) == "4.2\nFirefox"


def test_a_signature_goes_from_its_delimiter_on() -> None:
    assert strip("The export is empty.\n-- \nAnn Example\nHead of Things", BOTH) == "The export is empty."


def test_a_long_text_after_two_dashes_is_no_signature() -> None:
    body = "Log follows\n--\n" + "\n".join(f"line {n}" for n in range(40))
    assert strip(body, BOTH) == body


def test_a_line_that_ends_with_a_colon_but_names_no_time_or_address_stays() -> None:
    assert strip("These do not work:\n> export\n> import", BOTH) == "These do not work:"


def test_where_nothing_would_be_left_everything_stays() -> None:
    assert strip("> Please reset my password", BOTH) == "> Please reset my password"


@pytest.mark.parametrize("what", [(), ("quotes",), ("signatures",)])
def test_only_what_is_asked_for_is_taken_out(what: tuple[str, ...]) -> None:
    stripped = strip("Text\n> quote\n-- \nAnn", what)
    assert ("> quote" in stripped, "Ann" in stripped) == ("quotes" not in what, "signatures" not in what)


@given(st.text(alphabet="ab >-\n:@1", max_size=200))
def test_what_is_left_was_there_and_is_never_empty_where_there_was_text(body: str) -> None:
    stripped = strip(body, BOTH)
    assert {line.strip() for line in stripped.split("\n")} <= {line.strip() for line in body.split("\n")}
    assert bool(stripped.strip()) == bool(body.strip())
