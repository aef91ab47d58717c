"""What is known about a text, written down and read back."""

from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.known import Known, decode, encode, expiry

TIMES = st.floats(min_value=0, max_value=1e11)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ENTRIES = st.builds(
    Known,
    labels=st.lists(TEXTS, min_size=1, max_size=4).map(tuple),
    model=TEXTS,
    prompt_digest=TEXTS,
    taxonomy_digest=TEXTS,
    written_at=TIMES,
    expires_at=TIMES,
)


def entry(**changes: object) -> dict[str, object]:
    known = Known(
        labels=("bug",), model="m", prompt_digest="p", taxonomy_digest="t", written_at=1.0, expires_at=2.0
    )
    return {**orjson.loads(encode(known)), **changes}


@given(ENTRIES)
def test_an_entry_reads_back_as_it_was_written(known: Known) -> None:
    assert decode(encode(known)) == known


@given(ENTRIES)
def test_what_the_caller_rendered_is_not_stored(known: Known) -> None:
    known.rendered = (b"before", b"after")
    again = decode(encode(known))
    assert again is not None
    assert again.rendered is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert decode(data) is None or isinstance(decode(data), Known)


@given(ENTRIES, st.integers(0, 300))
def test_a_truncated_entry_is_not_known(known: Known, length: int) -> None:
    data = encode(known)
    assert decode(data[: min(length, len(data) - 1)]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": "1"},
        {"labels": []},
        {"labels": ["bug", None]},
        {"labels": "bug"},
        {"model": None},
        {"written_at": "yesterday"},
        {"expires_at": None},
    ],
)
def test_an_entry_of_another_version_or_shape_is_not_known(changes: dict[str, object]) -> None:
    assert decode(orjson.dumps(entry())) is not None
    assert decode(orjson.dumps(entry(**changes))) is None


@given(st.floats(0, 1e10), st.floats(1, 1e8), st.randoms(use_true_random=False))
def test_an_expiry_lies_in_the_last_tenth_of_the_ttl(now: float, ttl_s: float, rng: Random) -> None:
    assert now + 0.9 * ttl_s <= expiry(now, ttl_s, rng) <= now + ttl_s
