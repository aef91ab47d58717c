"""The map of finished offsets: what goes in comes out, at its own place only, within its bound."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.finished_map import HEAD_CHARS, MAX_CHARS, decode, encode, has_room
from stream_classifier.core.runs import Run, joined

HERE = ("tickets", 3, 1_000_000_000)
RUNS = ((HERE[2] + 1, HERE[2] + 2), (HERE[2] + 300, HERE[2] + 70_000))

positions = st.integers(0, 2**63 - 1)
number = st.one_of(st.integers(1, 3), st.integers(1, 200), st.integers(1, 2**40))


@st.composite
def runs_beyond(draw: st.DrawFn, position: int, *, max_size: int = 40) -> tuple[Run, ...]:
    lengths = draw(st.lists(st.tuples(number, number), max_size=max_size))
    marks = list(accumulate((n for pair in lengths for n in pair), initial=position))
    return tuple(zip(marks[1::2], marks[2::2], strict=True))


def comb(gap: int, length: int, n: int = 5_000) -> list[Run]:
    """`n` finished runs of one length, each after the same gap."""
    firsts = range(HERE[2] + gap, HERE[2] + gap + n * (gap + length), gap + length)
    return [(first, first + length) for first in firsts]


def sealed(numbers: bytes) -> str:
    """A map with a right check around any numbers: what only a fault of ours could write."""
    payload = urlsafe_b64encode(numbers).rstrip(b"=").decode()
    covered = f"sc1|{HERE[0]}|{HERE[1]}|{HERE[2]}|{payload}"
    return f"sc1 {HERE[2]} {sha256(covered.encode()).hexdigest()[:12]} {payload}"


# --------------------------------------------------------------------------------------------- round trip


@given(st.data(), positions, st.text(), st.integers(0, 10_000))
def test_what_goes_in_comes_out(data: st.DataObject, position: int, topic: str, partition: int) -> None:
    topic = topic.encode(errors="replace").decode()
    runs = data.draw(runs_beyond(position))
    text, whole = encode(topic, partition, position, runs)
    assert whole
    assert decode(topic, partition, position, text) == runs


def test_where_nothing_is_finished_the_text_is_empty() -> None:
    assert encode(*HERE, []) == ("", True)
    assert decode(*HERE, "") == ()


@pytest.mark.parametrize("text", [None, "", "sc1", "NONE", "{}", "a b c d", "sc1 1 2 3 4"])
def test_other_metadata_is_no_map(text: str | None) -> None:
    assert decode(*HERE, text) == ()


# -------------------------------------------------------------------------------------------- never a skip


@pytest.mark.parametrize(
    "elsewhere", [("ticket", 3, HERE[2]), ("tickets", 4, HERE[2]), ("tickets", 3, HERE[2] + 1)]
)
def test_a_map_is_believed_only_where_it_was_written(elsewhere: tuple[str, int, int]) -> None:
    text, _ = encode(*HERE, RUNS)
    moved = text.replace(str(HERE[2]), str(elsewhere[2]))
    assert decode(*elsewhere, text) == decode(*elsewhere, moved) == ()


@given(st.data())
def test_a_map_with_one_character_changed_is_no_map(data: st.DataObject) -> None:
    text, _ = encode(*HERE, RUNS)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda c: c != text[at]))
    assert decode(*HERE, text[:at] + other + text[at + 1 :]) == ()


@given(st.integers(0, 60))
def test_a_map_that_was_cut_is_no_map(kept: int) -> None:
    text, _ = encode(*HERE, RUNS)
    assert decode(*HERE, text[: min(kept, len(text) - 1)]) == ()


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_no_text_raises(text: str) -> None:
    """Lone surrogates among them: what a client may make of metadata that is not UTF-8."""
    assert decode(*HERE, text) == ()
    assert decode(*HERE, f"sc1 {HERE[2]} 0123456789ab {text}") == ()


@given(st.binary(max_size=30))
def test_no_numbers_raise_even_under_a_right_check(numbers: bytes) -> None:
    for first, end in decode(*HERE, sealed(numbers)):
        assert HERE[2] <= first <= end


# ----------------------------------------------------------------------------------------------- the bound


@given(st.data(), positions)
def test_a_map_keeps_to_its_bound_and_holds_the_first_runs(data: st.DataObject, position: int) -> None:
    runs = data.draw(runs_beyond(position, max_size=20)) if data.draw(st.booleans()) else ()
    at = runs[-1][1] if runs else position
    gap, length = data.draw(st.tuples(number, number))
    step = gap + length
    runs += tuple((at + gap + n * step, at + (n + 1) * step) for n in range(2_500))
    text, whole = encode("tickets", 3, position, runs)
    held = decode("tickets", 3, position, text)
    assert len(text) <= MAX_CHARS
    assert not whole
    assert held == runs[: len(held)]


@pytest.mark.parametrize(
    ("gap", "length", "held"),
    [
        (1, 1, 1_522),
        (127, 127, 1_522),
        (128, 1, 1_014),
        (1, 16_383, 1_014),
        (16_384, 16_384, 507),
        (2**21 - 1, 2**21 - 1, 507),
    ],
)
def test_the_map_holds_as_many_runs_as_it_says(gap: int, length: int, held: int) -> None:
    text, whole = encode(*HERE, comb(gap, length))
    assert (len(decode(*HERE, text)), whole) == (held, False)


def test_as_many_runs_as_fit_are_a_whole_map() -> None:
    runs = comb(1, 1, 1_522)
    text, whole = encode(*HERE, runs)
    assert whole
    assert decode(*HERE, text) == tuple(runs)


def test_a_storm_behind_one_slow_call_takes_a_few_characters() -> None:
    text, whole = encode(*HERE, [(HERE[2] + 1, HERE[2] + 10**12)])
    assert (len(text), whole) == (38, True)


# ------------------------------------------------------------------------------- what is held in any case


@given(st.data(), st.integers(20, 400))
def test_what_is_to_be_kept_is_held_whatever_else_is_left_out(data: st.DataObject, room: int) -> None:
    here = HERE[2]
    offsets = sorted(data.draw(st.sets(st.integers(here + 1, here + 3_000), max_size=400)))
    runs = list(joined((offset, offset + 1) for offset in offsets))
    kept = [run for run in runs if data.draw(st.booleans()) and run[0] % 7 == 0]
    max_chars = HEAD_CHARS + room
    text, whole = encode(*HERE, runs, max_chars, kept=kept)
    held = decode(*HERE, text)
    assert len(text) <= max_chars
    if whole:
        assert held == tuple(runs)
    elif has_room(here, kept, max_chars):
        assert {*kept} <= {*held} <= {*runs}


def test_of_the_others_the_first_ones_are_held_as_many_as_there_is_room_for() -> None:
    runs = comb(1, 1)
    text, whole = encode(*HERE, runs, kept=runs[-1:])
    held = decode(*HERE, text)
    assert not whole
    assert held == (*runs[: len(held) - 1], runs[-1])
    assert len(held) > 1_500


def test_a_few_hundred_records_may_be_taken_early_and_no_more() -> None:
    far_apart = comb(10_000, 1)
    assert has_room(HERE[2], far_apart[:670])
    assert not has_room(HERE[2], far_apart[:680])
