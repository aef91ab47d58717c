"""The schedule and the tickets of `make chaos`, and the readers of logs."""

import struct
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.commit_log import CommitKey, read_key, read_value
from tests.chaos.history import Owned
from tests.chaos.reading import owned_by_log
from tests.chaos.schedule import LASTS_S, Kind, draw
from tests.chaos.tickets import expected, made_records


def test_the_same_seed_draws_the_same_schedule_and_another_seed_another() -> None:
    assert draw(7, 600) == draw(7, 600)
    assert draw(7, 600) != draw(8, 600)


@given(st.integers(), st.floats(20, 2_000))
def test_every_kind_comes_and_nothing_comes_after_the_end(seed: int, length_s: float) -> None:
    steps = draw(seed, length_s)
    assert all(0 < step.at_s < length_s for step in steps)
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
    assert all(LASTS_S[step.kind][0] <= step.lasts_s <= LASTS_S[step.kind][1] for step in steps)
    if length_s >= 200:
        assert {step.kind for step in steps} == set(Kind)


def test_kinds_come_about_equally_often() -> None:
    kinds = [step.kind for step in draw(3, 1_200)]
    assert max(map(kinds.count, Kind)) - min(map(kinds.count, Kind)) <= 1


def test_the_same_seed_makes_the_same_records() -> None:
    assert list(islice(made_records(5), 500)) == list(islice(made_records(5), 500))


def test_the_stream_holds_all_that_is_hard() -> None:
    records = list(islice(made_records(1), 5_000))
    outcomes = [expected(record.value) for record in records]
    texts = [record.value for record in records]
    keys = [record.key for record in records]
    assert sum(not outcome.rights and not outcome.dead for outcome in outcomes) > 20
    assert sum(outcome.dead for outcome in outcomes) > 20
    assert sum(len(outcome.rights) > 1 for outcome in outcomes) > 20
    assert 0.08 < sum(outcome.urgent for outcome in outcomes) / len(outcomes) < 0.15
    assert len(set(keys)) < 0.75 * len(keys)
    assert {label for outcome in outcomes for label in outcome.rights} == {"bug", "feature", "other"}
    assert None in texts


def test_a_commit_of_the_log_is_read() -> None:
    key = struct.pack(">hh5sh7si", 1, 5, b"group", 7, b"tickets", 3)
    assert read_key(key) == CommitKey(group="group", topic="tickets", partition=3)
    metadata = b"m" * 300
    assert read_value(struct.pack(">hqih300sq", 3, 42, -1, 300, metadata, 0)) == (42, "m" * 300)
    assert read_value(struct.pack(">hqi2s300sqx", 4, 42, -1, b"\xad\x02", metadata, 0)) == (42, "m" * 300)
    assert read_value(struct.pack(">hqi1sqx", 4, 42, -1, b"\x01", 0)) == (42, "")


def test_a_record_of_a_group_is_no_commit() -> None:
    assert read_key(struct.pack(">hh5s", 2, 5, b"group")) is None


def test_a_commit_in_an_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 9"):
        read_value(struct.pack(">hqih", 9, 42, -1, 0))


def test_a_replicas_log_tells_what_it_owned() -> None:
    lines = [
        '{"timestamp":"2026-01-01T00:00:01.250Z","event":"partitions_assigned","partitions":["t:0","t:12"]}',
        '{"timestamp":"2026-01-01T00:00:02.000Z","event":"model_call"}',
        "Traceback (most recent call last):",
        '{"timestamp":"2026-01-01T00:00:03.000Z","event":"partitions_revoked","partitions":["t:0","t:12"]}',
        '{"timestamp":"2026-01-01T00:00:04.000Z","event":"session_lost","why":"it stood still"}',
    ]
    first = 1_767_225_600_000
    assert list(owned_by_log("one", lines)) == [
        Owned(at_ms=first + 1_250, replica="one", partitions=frozenset({0, 12})),
        Owned(at_ms=first + 3_000, replica="one", partitions=frozenset()),
        Owned(at_ms=first + 4_000, replica="one", partitions=frozenset(), lost=True),
    ]
