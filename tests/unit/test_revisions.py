"""Which revision is the later one: numbers, moments, and forms without an order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.revisions import is_older

IN_ORDER = [
    ("9", "10"),
    ("1767225600", "1767225601"),
    ("1767225600.5", "1767225600.75"),
    ("1767225600", "1767225600.1"),
    ("99999999999999999999", "100000000000000000000"),
    ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
    ("2026-01-01T00:00:00.999Z", "2026-01-01T00:00:01Z"),
    ("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:01Z"),
    ("2026-01-01T02:00:00.000+0200", "2026-01-01T02:00:00.000+0100"),  # Jira's form
    ("2026-01-01 09:00:00", "2026-01-01 10:00:00"),  # ServiceNow's
]
WITHOUT_ORDER = [
    ("1.9", "1.10"),  # versions, or numbers: nobody knows
    ("a", "b"),
    ("0/16B3748", "0/16B3749"),
    ("1", "2026-01-01T00:00:00Z"),
    ("2026-01-01 09:00:00", "2026-01-01T10:00:00Z"),  # whose local time?
    ("-2", "1"),
    ("1e3", "1e4"),
    ("\u0661", "\u0662"),  # digits, and not ours
    ("1" * 65, "2" * 65),
    ("2026-01-01T00:00:00Z", "2026-13-01T00:00:00Z"),
    (None, "1"),
    ("1", None),
    ("", "1"),
]

REVISIONS = st.one_of(
    st.integers(0, 10**30).map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    st.text(max_size=80),
)


@pytest.mark.parametrize(("older", "later"), IN_ORDER)
def test_of_two_revisions_of_one_form_the_later_is_known(older: str, later: str) -> None:
    assert is_older(older, later)
    assert not is_older(later, older)


@pytest.mark.parametrize(("one", "other"), WITHOUT_ORDER)
def test_no_order_is_claimed_where_none_is_known(one: str | None, other: str | None) -> None:
    assert not is_older(one, other)
    assert not is_older(other, one)


def test_equal_moments_in_two_zones_are_in_no_order() -> None:
    assert not is_older("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z")
    assert not is_older("2026-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00")


@given(one=REVISIONS, other=REVISIONS)
def test_no_revision_is_older_than_one_that_is_older_than_it(one: str, other: str) -> None:
    assert not (is_older(one, other) and is_older(other, one))


@given(one=REVISIONS, other=REVISIONS, third=REVISIONS)
def test_what_is_older_than_an_older_one_is_older(one: str, other: str, third: str) -> None:
    if is_older(one, other) and is_older(other, third):
        assert is_older(one, third)
