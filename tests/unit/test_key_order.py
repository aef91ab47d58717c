"""Key order, against a model that is too simple to be wrong."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stream_classifier.core.key_order import KeyOrder

KEYS = (b"a", b"b", b"c")


@dataclass(eq=False)
class Entry:
    """A record on its way."""

    key: bytes
    number: int
    answered: bool = False


@dataclass
class Model:
    """All unpublished entries in one list, looked through from its start each time."""

    waiting: list[Entry] = field(default_factory=list)

    def of(self, key: bytes) -> list[Entry]:
        return [entry for entry in self.waiting if entry.key == key]

    def release(self, key: bytes) -> list[Entry]:
        released = []
        for entry in self.of(key):
            if not entry.answered:
                break
            released.append(entry)
            self.waiting.remove(entry)
        return released


class KeyOrderLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.order: KeyOrder[Entry] = KeyOrder()
        self.model = Model()
        self.published: list[Entry] = []
        self.overtook: list[Entry] = []
        self.entered = 0

    def unanswered(self) -> list[Entry]:
        return [entry for entry in self.model.waiting if not entry.answered]

    @rule(key=st.sampled_from(KEYS))
    def enter(self, key: bytes) -> None:
        self.entered += 1
        entry = Entry(key, self.entered)
        self.order.enter(key, entry)
        self.model.waiting.append(entry)

    @precondition(lambda self: self.unanswered())
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.unanswered()))
        entry.answered = True
        released = self.order.answered(entry.key, entry)
        assert released == self.model.release(entry.key)
        self.published += released

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data())
    def overtake(self, data: st.DataObject) -> None:
        """At the deadline it goes, whether it has its answer and waits for its turn, or not."""
        entry = data.draw(st.sampled_from(self.model.waiting))
        self.model.waiting.remove(entry)
        released = self.order.overtake(entry.key, entry)
        assert released == self.model.release(entry.key)
        self.published += [entry, *released]
        self.overtook.append(entry)

    @invariant()
    def knows_what_stands_before_each(self) -> None:
        for entry in self.model.waiting:
            ahead = [e for e in self.model.of(entry.key) if e.number < entry.number and not e.answered]
            assert self.order.before(entry.key, entry) == ahead

    @invariant()
    def holds_what_waits_and_no_more(self) -> None:
        assert len(self.order) == len(self.model.waiting)
        assert {key for key in KEYS if key in self.order.chains} == {
            entry.key for entry in self.model.waiting
        }

    @invariant()
    def what_did_not_overtake_leaves_in_the_order_it_came(self) -> None:
        for key in KEYS:
            in_turn = [e.number for e in self.published if e.key == key and e not in self.overtook]
            assert in_turn == sorted(in_turn)

    def teardown(self) -> None:
        """Whatever is answered leaves: nothing is held for ever, and nothing is left behind."""
        for entry in self.unanswered():
            entry.answered = True
            self.published += self.order.answered(entry.key, entry)
        assert len(self.published) == self.entered
        assert self.order == KeyOrder()


TestKeyOrder = KeyOrderLife.TestCase
TestKeyOrder.settings = settings(derandomize=True, max_examples=150, stateful_step_count=30, deadline=None)


def entered(n: int) -> tuple[KeyOrder[Entry], list[Entry]]:
    order: KeyOrder[Entry] = KeyOrder()
    entries = [Entry(b"a", number) for number in range(n)]
    for entry in entries:
        order.enter(b"a", entry)
    return order, entries


def test_an_answer_waits_for_the_earlier_one_and_leaves_behind_it() -> None:
    order, (first, second) = entered(2)
    assert order.answered(b"a", second) == []
    assert order.answered(b"a", first) == [first, second]


def test_keys_do_not_wait_for_one_another() -> None:
    order, _ = entered(1)
    other = Entry(b"b", 2)
    order.enter(b"b", other)
    assert order.answered(b"b", other) == [other]


def test_the_one_that_overtakes_lets_out_what_stood_behind_it() -> None:
    order, (first, second, third) = entered(3)
    order.answered(b"a", second)
    assert order.overtake(b"a", first) == [second]
    assert order.before(b"a", third) == []


def test_a_key_with_nothing_on_its_way_is_forgotten() -> None:
    order, (only,) = entered(1)
    order.answered(b"a", only)
    assert b"a" not in order.chains
    assert order == KeyOrder()
