"""What a transaction may hold: whole records, in order, and never more than its commit can tell of."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.finished_map import HEAD_CHARS, MAX_CHARS, decode
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.runs import Run
from stream_classifier.kafka.items import Item
from stream_classifier.kafka.transaction_line import Attempt, Line
from tests.unit.kafka_fakes import TOPIC, a_partition, deliver

TINY_CHARS = HEAD_CHARS + 8  # room for three runs


def item(partition: Partition, offset: int | None, topic: str = "labels", number: int = 0) -> Item:
    return Item(partition, offset, topic, number, None, b"value", [])


def a_line(delivered: int, max_chars: int = MAX_CHARS) -> Line:
    line = Line(a_partition(), max_chars=max_chars)
    deliver(line.partition, *range(delivered))
    return line


def decide(line: Line, *offsets: int) -> None:
    for offset in offsets:
        line.put(item(line.partition, offset))


def offsets(attempt: Attempt) -> list[int | None]:
    return [record[-1].offset for record in attempt.records]


def commit(line: Line) -> Attempt:
    attempt = line.next()
    line.committed(attempt, 0.0)
    return attempt


async def test_a_transaction_holds_what_waits_in_the_order_of_the_hand_over() -> None:
    line = a_line(4)
    decide(line, 2, 0, 3)
    attempt = commit(line)
    assert offsets(attempt) == [2, 0, 3]
    assert attempt.mark[0] == 1
    assert decode(TOPIC, 0, *attempt.mark) == ((2, 4),)
    assert line.partition.ledger.position == 1


async def test_a_position_is_the_mark_of_a_transaction_without_records_too() -> None:
    line = a_line(3)
    line.partition.ledger.done([0, 2])
    attempt = line.next()
    assert (attempt.records, attempt.mark[0], attempt.fits) == ([], 1, True)


async def test_a_record_of_several_events_waits_for_its_last_one_and_leaves_whole() -> None:
    line = a_line(3)
    line.max_records = 2
    for offset in (None, None, 0, None):
        line.put(item(line.partition, offset))
    assert [len(record) for record in line.next().records] == [3]
    decide(line, 1, 2)
    assert [len(record) for record in commit(line).records] == [3, 2]
    assert offsets(commit(line)) == [2]


async def test_a_transaction_has_its_bounds_but_takes_one_record_of_any_size() -> None:
    line = a_line(5)
    decide(line, *range(5))
    line.max_bytes = 200
    assert offsets(line.next()) == [0, 1]
    line.max_bytes = 1
    assert offsets(line.next()) == [0]


async def test_items_of_a_partition_are_one_parcel_and_one_that_goes_alone_is_its_own() -> None:
    line = a_line(6)
    places = [("labels", 0), ("labels", 1), ("labels", 0), ("dead", 0), ("labels", 0), ("labels", 0)]
    for offset, (topic, number) in enumerate(places):
        line.put(item(line.partition, offset, topic, number))
    line.records[2][0].alone = True
    _, contents = line.next().parcels()
    assert [[one.offset for one in parcel] for parcel in contents] == [[0], [1], [2], [3], [4, 5]]


async def test_where_the_map_has_no_room_the_lowest_go_and_the_others_wait() -> None:
    line = a_line(20, TINY_CHARS)
    decide(line, 17, 15, 13, 11, 9)
    attempt = commit(line)
    assert offsets(attempt) == [9, 11, 13]
    assert line.full
    assert len(line.records) == 2


async def test_what_waits_leaves_with_the_record_at_the_position() -> None:
    line = a_line(20, TINY_CHARS)
    decide(line, 15, 13, 11, 9)
    commit(line)
    assert commit(line).records == []
    decide(line, *range(9))
    assert offsets(commit(line)) == [15, *range(9)]
    assert not line.next().records
    assert not line.full


async def test_a_full_line_is_woken_by_the_record_at_the_position_alone() -> None:
    line = a_line(20, TINY_CHARS)
    decide(line, 15, 13, 11, 9)
    commit(line)
    resting = asyncio.create_task(line.rest(60))
    await asyncio.sleep(0)
    decide(line, 17)
    assert line.idle.is_set()
    decide(line, 0)
    await resting
    assert not line.idle.is_set()


async def test_what_was_passed_over_takes_no_room_from_what_is_published() -> None:
    line = a_line(20, TINY_CHARS)
    line.partition.ledger.done(range(5, 20, 2))  # as tombstones are: a map of them would not fit
    decide(line, 6)
    attempt = commit(line)
    assert (offsets(attempt), attempt.whole, attempt.fits) == ([6], False, True)
    assert line.full


async def test_a_record_at_the_position_goes_even_where_the_map_must_be_cut() -> None:
    """Only compaction under a map that was full can bring it about: it makes runs longer."""
    runs: list[Run] = [(first, first + 1) for first in range(100, 120, 2)]
    partition = Partition(topic=TOPIC, number=0, ledger=Ledger(start=10, restored=runs), committed=(10, "x"))
    line = Line(partition, max_chars=TINY_CHARS)
    deliver(partition, 10, 11)
    decide(line, 10)
    attempt = line.next()
    assert (offsets(attempt), attempt.fits) == ([10], False)


class Broker:
    """What a reader of committed transactions sees, and a partition whose owners come and go."""

    def __init__(self, max_chars: int) -> None:
        self.max_chars = max_chars
        self.mark = (0, "")
        self.published: list[int] = []
        self.passed_over: set[int] = set()

    def owner(self) -> Line:
        restored = decode(TOPIC, 0, *self.mark)
        ledger = Ledger(start=self.mark[0], restored=restored)
        partition = Partition(topic=TOPIC, number=0, ledger=ledger, committed=self.mark)
        return Line(partition, max_chars=self.max_chars)

    def commit(self, line: Line) -> bool:
        """One transaction; false where there is nothing for one."""
        attempt = line.next()
        if not attempt.records:
            return False
        assert attempt.fits
        self.mark = attempt.mark
        self.published += [offset for offset in offsets(attempt) if offset is not None]
        self._holds_what_is_published()
        line.committed(attempt, 0.0)
        return True

    def _holds_what_is_published(self) -> None:
        runs = decode(TOPIC, 0, *self.mark)
        published = set(self.published)
        for offset in published:
            assert offset < self.mark[0] or any(first <= offset < end for first, end in runs)
        held = {offset for first, end in runs for offset in range(first, end)} | set(range(self.mark[0]))
        assert not held - published - self.passed_over


@given(
    gaps=st.lists(st.integers(1, 3), min_size=1, max_size=60),
    tombstones=st.sets(st.integers(0, 59)),
    room=st.integers(2, 12),
    data=st.data(),
)
def test_each_record_is_published_once_in_any_order_of_decision_through_any_change_of_owner(
    gaps: list[int], tombstones: set[int], room: int, data: st.DataObject
) -> None:
    log = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    broker = Broker(HEAD_CHARS + room)
    broker.passed_over = set(range(log[-1] + 1)) - set(log)
    dead = {log[n] for n in tombstones if n < len(log)}
    broker.passed_over |= dead
    while True:
        line = broker.owner()
        ledger = line.partition.ledger
        work = [offset for offset in log if offset >= ledger.start and ledger.enter(offset, 1)]
        ledger.done(dead)
        for offset in data.draw(st.permutations([offset for offset in work if offset not in dead])):
            decide(line, offset)
            if data.draw(st.booleans()):
                broker.commit(line)
        if data.draw(st.booleans()):  # an owner that dies with its line
            continue
        while broker.commit(line):
            pass
        break
    assert sorted(broker.published) == sorted(set(log) - dead)
    assert not line.records


@given(
    delivered=st.integers(1, 60),
    tombstones=st.sets(st.integers(0, 59)),
    data=st.data(),
)
def test_what_is_held_and_let_go_keeps_the_order_of_each_key(
    delivered: int, tombstones: set[int], data: st.DataObject
) -> None:
    """Records of a key are handed over in order, those of different keys in any."""
    line = a_line(delivered, TINY_CHARS)
    line.partition.ledger.done(tombstones)
    left = {key: [n for n in range(key, delivered, 3) if n not in tombstones] for key in range(3)}
    came: list[int] = []

    def commit_all() -> None:
        while (attempt := line.next()).records:
            line.committed(attempt, 0.0)
            came.extend(offset for offset in offsets(attempt) if offset is not None)

    while any(left.values()):
        decide(line, left[data.draw(st.sampled_from([key for key in left if left[key]]))].pop(0))
        if data.draw(st.booleans()):
            commit_all()
    commit_all()
    for key in range(3):
        of_key = [offset for offset in came if offset % 3 == key]
        assert of_key == sorted(of_key)
    assert sorted(came) == [n for n in range(delivered) if n not in tombstones]


# ---------------------------------------------------------------------------------------- before their turn


def taken_early(line: Line, *offsets: int) -> None:
    for offset in offsets:
        line.partition.ledger.take_early(offset, 1, 0.0)


async def test_a_record_taken_early_is_committed_beyond_what_was_read() -> None:
    line = a_line(2)
    taken_early(line, 1_000)
    decide(line, 1_000)
    assert decode(TOPIC, 0, *commit(line).mark) == ((1_000, 1_001),)


async def test_what_was_published_early_stays_in_the_map_where_records_before_it_are_passed_over() -> None:
    line = a_line(1, TINY_CHARS)
    taken_early(line, 100)
    decide(line, 100)
    commit(line)
    deliver(line.partition, *range(1, 40))
    line.partition.ledger.done(range(1, 40, 2))
    decide(line, 0)
    attempt = commit(line)
    assert (offsets(attempt), attempt.fits, attempt.whole) == ([0], True, False)
    assert decode(TOPIC, 0, *attempt.mark)[-1] == (100, 101)


async def test_one_taken_early_waits_where_the_map_has_no_room_for_it() -> None:
    line = a_line(10, TINY_CHARS)
    decide(line, 1, 3, 5)
    commit(line)
    taken_early(line, 100)
    decide(line, 100)
    assert offsets(line.next()) == []
    decide(line, 0, 2, 4)
    assert offsets(commit(line)) == [100, 0, 2, 4]
