"""What an evaluation has paid for outlives its process, and serves in the same configuration only."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.evaluate.store import IN_MEMORY, Ended, Store, open_store
from tests.unit.evaluate_cases import BUG

ANSWER = replace(BUG, labels=("bug", None), reason="unsure", model="m", decided_by=None)


def test_an_answer_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:
        call = store.begin_call("c", "m", 0.9)
        store.keep([Ended(call=call, cost_usd=0.5)], [(b"q", ANSWER)])
    with open_store(tmp_path / "s.db") as store:
        assert store.answers([b"q", b"other"]) == {b"q": ANSWER}


def test_thousands_are_looked_up_together() -> None:
    keys = [b"%d" % number for number in range(2_001)]
    with open_store(IN_MEMORY) as store:
        store.keep([], [(key, replace(ANSWER, position=place)) for place, key in enumerate(keys)])
        found = store.answers(keys)
    assert [found[key].position for key in keys] == list(range(2_001))


def test_a_call_without_an_end_counts_as_what_it_may_have_cost(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:
        known, unknown, _lost, other = (store.begin_call(c, "m", 1.0) for c in ("c", "c", "c", "d"))
        store.keep([Ended(call=known, cost_usd=0.25), Ended(call=unknown, cost_usd=None)], [])
        store.keep([Ended(call=other, cost_usd=0.0)], [])
    with open_store(tmp_path / "s.db") as store:
        paid = store.paid("c")
        assert (paid.calls, paid.usd, paid.lost) == (3, 2.25, 1)
        assert store.paid("d").usd == 0.0


def test_the_time_of_all_runs_adds_up() -> None:
    with open_store(IN_MEMORY) as store:
        store.add_time("c", 1.5)
        store.add_time("c", 2.0)
        assert (store.paid("c").elapsed_s, store.paid("d").elapsed_s) == (3.5, 0.0)


def test_two_processes_do_not_pay_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with open_store(path), pytest.raises(OperatorFault, match="in use by another"), open_store(path):
        pass
    with open_store(path) as store:
        assert isinstance(store, Store)


@pytest.mark.parametrize("content", [b"id,label\n" * 500, b""])
def test_a_file_that_is_not_ours_is_not_written_to(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.db"
    if content:
        path.write_bytes(content)
    else:
        with sqlite3.connect(path) as foreign:
            foreign.execute("CREATE TABLE theirs (x)")
        foreign.close()
    before = path.read_bytes()
    with pytest.raises(OperatorFault, match="--store"), open_store(path):
        pass
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_told_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "s.db"
    with pytest.raises(OperatorFault, match="--store a file in a directory"), open_store(path):
        pass
