"""What is leased and what waits: decided without a store, held to a simple model of itself."""

from collections.abc import Callable
from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stream_classifier.core.leases import LEASE_S, POLL_S, RENEW_S, Leaseholder, WaitingRoom

PATIENCE_S = 10.0
KEYS = st.sampled_from([bytes([number]) for number in range(6)])
SOME = st.lists(KEYS, unique=True, max_size=4)
STEPS_S = st.sampled_from([0.0, 0.125, POLL_S, RENEW_S, 3.0, LEASE_S, 2 * PATIENCE_S])
NOBODY: Callable[[bytes], bool] = frozenset[bytes]().__contains__


def holder() -> Leaseholder:
    numbers = count()
    return Leaseholder(lambda: f"name {next(numbers)}")


def test_a_name_that_is_renewed_in_time_stays() -> None:
    leases = holder()
    name = leases.name(0.0)
    for number in range(100):
        leases.renewed(name, number * RENEW_S)
        assert leases.name(number * RENEW_S + RENEW_S) == name


def test_a_name_that_was_not_renewed_in_time_is_never_used_again() -> None:
    leases = holder()
    name = leases.name(0.0)
    leases.renewed(name, 0.0)
    leases.claimed(name, [b"one"])
    assert leases.name(LEASE_S) != name
    leases.renewed(name, LEASE_S)
    leases.claimed(name, [b"two"])
    assert len(leases) == 0


def test_a_lease_is_given_back_once_and_not_before_its_answer_is_stored() -> None:
    leases = holder()
    name = leases.name(0.0)
    leases.claimed(name, [b"one", b"two"])
    leases.end(b"one", in_vain=False)
    leases.end(b"two", in_vain=True)
    assert leases.give_back(lambda key: key == b"one", 9) == {b"two": True}
    assert leases.give_back(NOBODY, 9) == {b"one": False}
    assert leases.give_back(NOBODY, 9) == {}


def test_a_text_that_is_leased_anew_is_not_given_back() -> None:
    leases = holder()
    name = leases.name(0.0)
    leases.claimed(name, [b"one"])
    leases.end(b"one", in_vain=False)
    leases.claimed(name, [b"one"])
    assert leases.give_back(NOBODY, 9) == {}


def test_nothing_is_renewed_where_nothing_is_held() -> None:
    leases = holder()
    assert not leases.renewal_due(100.0)
    leases.claimed(leases.name(100.0), [b"one"])
    assert leases.renewal_due(100.0)


@given(st.lists(st.tuples(st.sampled_from(["claim", "end", "give", "lose"]), SOME), max_size=30))
def test_what_was_claimed_is_held_or_given_back_or_lost_with_its_name(
    steps: list[tuple[str, list[bytes]]],
) -> None:
    leases, at_store = holder(), set[bytes]()  # as the store has it under the present name
    for step, keys in steps:
        if step == "claim":
            leases.claimed(leases.name(0.0), keys)
            at_store |= set(keys)
        elif step == "end":
            for key in keys:
                leases.end(key, in_vain=False)
        elif step == "give":
            at_store -= leases.give_back(NOBODY, 2).keys()
        else:
            leases.lose()
            at_store.clear()
        assert len(leases) <= len(at_store)
    for key in [bytes([number]) for number in range(6)]:
        leases.end(key, in_vain=False)
    while given_back := leases.give_back(NOBODY, 2):
        at_store -= given_back.keys()
    assert at_store == set()


class Room(RuleBasedStateMachine):
    """Every ticket that enters leaves once, with its text, and is looked for as often as it should."""

    def __init__(self) -> None:
        super().__init__()
        self.room = WaitingRoom[int](patience_s=PATIENCE_S)
        self.now = 0.0
        self.numbers = count()
        self.inside: dict[bytes, list[int]] = {}
        self.out: list[bytes] = []  # being looked up
        self.since: dict[bytes, float] = {}
        self.looked_at: dict[bytes, float] = {}

    @rule(key=KEYS)
    def a_ticket_comes(self, key: bytes) -> None:
        number = next(self.numbers)
        self.room.add(key, number)
        self.inside.setdefault(key, []).append(number)

    @rule(step_s=STEPS_S)
    def time_passes(self, step_s: float) -> None:
        self.now += step_s

    @precondition(lambda self: not self.out)
    @rule(limit=st.integers(1, 5))
    def some_are_looked_up(self, limit: int) -> None:
        next_at = self.room.next_look_at()
        self.out = self.room.due(self.now, limit)
        assert len(self.out) <= limit
        assert bool(self.out) == (next_at is not None and next_at <= self.now)
        for key in self.out:
            assert self.now >= self.looked_at.get(key, self.now - POLL_S) + POLL_S

    @precondition(lambda self: self.out)
    @rule(elsewhere=st.booleans())
    def one_comes_back(self, elsewhere: bool) -> None:
        key = self.out.pop()
        self.looked_at[key] = self.now
        assert self.room.tickets(key) == self.inside[key]
        if elsewhere:
            since = self.since.setdefault(key, self.now)
            assert self.room.may_wait(key, self.now) == (self.now - since < PATIENCE_S)
            if self.now - since < PATIENCE_S:
                return
        assert self.room.waited(key) == (key in self.since)
        assert self.room.leave(key) == self.inside.pop(key)
        self.since.pop(key, None)
        del self.looked_at[key]

    @invariant()
    def whoever_is_inside_will_be_looked_up(self) -> None:
        waiting = self.inside.keys() - set(self.out)
        assert (self.room.next_look_at() is not None) == bool(waiting)
        assert len(self.room) == len(self.since.keys() - set(self.out))


TestRoom = Room.TestCase


def test_neither_those_that_wait_nor_those_that_come_stand_before_the_others() -> None:
    room = WaitingRoom[int](patience_s=PATIENCE_S)
    for number in range(100):
        room.add(b"w%d" % number, number)
    for key in room.due(0.0, 100):
        assert room.may_wait(key, 0.0)
    for number in range(100):
        room.add(b"n%d" % number, number)
    due = room.due(POLL_S, 10)
    assert sorted(key[:1] for key in due) == [b"n"] * 5 + [b"w"] * 5
