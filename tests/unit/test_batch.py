"""When a batch is closed, by what, and what goes into it."""

from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.batch import BatchPolicy, ClosedBy, Gathering

POLICY = BatchPolicy(max_tickets=3, max_tokens=100, max_wait_s=2.0)


def gathered(*texts: tuple[str, int, float], policy: BatchPolicy = POLICY) -> Gathering[str]:
    gathering: Gathering[str] = Gathering(policy)
    for text, tokens, arrived in texts:
        gathering.add(text, tokens, arrived)
    return gathering


# ------------------------------------------------------------------------------------------ what closes it


def test_nothing_is_ready_and_nothing_is_due_where_nothing_waits() -> None:
    gathering = gathered()
    assert (gathering.ready(1e9), gathering.due_at(), gathering.take()) == (None, None, [])


def test_as_many_texts_as_a_batch_holds_close_it() -> None:
    gathering = gathered(("a", 1, 0.0), ("b", 1, 0.0))
    assert gathering.ready(0.0) is None
    gathering.add("c", 1, 0.0)
    assert gathering.ready(0.0) is ClosedBy.COUNT


def test_as_many_tokens_as_a_batch_holds_close_it() -> None:
    gathering = gathered(("a", 99, 0.0))
    assert gathering.ready(0.0) is None
    gathering.add("b", 1, 0.0)
    assert gathering.ready(0.0) is ClosedBy.TOKENS


def test_the_deadline_of_the_oldest_closes_it_and_not_before() -> None:
    gathering = gathered(("a", 1, 10.0), ("b", 1, 11.5))
    assert gathering.due_at() == 12.0
    assert gathering.ready(11.999) is None
    assert gathering.ready(12.0) is ClosedBy.DEADLINE


def test_the_first_text_after_a_quiet_time_waits_as_long_as_any_other() -> None:
    gathering = gathered(("a", 1, 10.0))
    gathering.take()
    gathering.add("b", 1, 1_000.0)
    assert gathering.ready(1_001.9) is None
    assert gathering.ready(1_002.0) is ClosedBy.DEADLINE


def test_the_deadline_is_that_of_the_oldest_wherever_it_stands() -> None:
    gathering = gathered(("new", 1, 12.0))
    gathering.add("asked at 10", 1, 10.0, first=True)
    gathering.add("asked at 11", 1, 11.0, first=True)
    assert gathering.due_at() == 12.0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=2))
def test_no_text_waits_beyond_its_deadline(arrivals: list[float]) -> None:
    gathering = gathered(*((str(n), 1, arrived) for n, arrived in enumerate(arrivals)))
    now = min(arrivals) + POLICY.max_wait_s
    assert gathering.ready(now) is ClosedBy.DEADLINE
    assert len(gathering.take()) == len(arrivals)


# ------------------------------------------------------------------------------------------ what goes in


def test_a_text_that_is_too_large_goes_alone() -> None:
    gathering = gathered(("huge", 500, 0.0), ("b", 1, 0.0))
    assert [gathering.take(), gathering.take()] == [["huge"], ["b"]]


def test_texts_that_fill_a_batch_to_the_token_go_together() -> None:
    assert gathered(("a", 60, 0.0), ("b", 40, 0.0)).take() == ["a", "b"]


def test_a_large_text_does_not_let_later_ones_pass() -> None:
    gathering = gathered(("a", 60, 0.0), ("b", 60, 0.0), ("c", 10, 0.0))
    assert [gathering.take(), gathering.take()] == [["a"], ["b", "c"]]


def test_what_is_asked_again_goes_before_all_others() -> None:
    gathering = gathered(("a", 1, 0.0), ("b", 1, 0.0))
    gathering.add("again", 1, -5.0, first=True)
    assert gathering.take() == ["again", "a", "b"]


def test_a_discarded_text_neither_goes_nor_counts() -> None:
    gathering = gathered(("a", 99, 0.0), ("b", 1, 0.0))
    assert gathering.discard("a")
    assert gathering.ready(1.0) is None
    assert gathering.take() == ["b"]


def test_discarding_what_does_not_wait_here_says_so() -> None:
    assert not gathered(("a", 1, 0.0)).discard("b")


def test_a_text_that_is_added_twice_waits_once() -> None:
    gathering = gathered(("a", 60, 0.0), ("a", 60, 1.0))
    assert gathering.ready(1.0) is None
    assert gathering.take() == ["a"]


sizes = st.lists(st.integers(0, 150), max_size=40)
policies = st.builds(
    BatchPolicy, max_tickets=st.integers(1, 9), max_tokens=st.integers(1, 120), max_wait_s=st.just(2.0)
)


@given(sizes, policies)
def test_every_text_goes_once_in_the_order_it_came_within_the_bounds(
    tokens: list[int], policy: BatchPolicy
) -> None:
    gathering: Gathering[int] = Gathering(policy)
    for text, size in enumerate(tokens):
        gathering.add(text, size, 0.0)
    batches = []
    while batch := gathering.take():
        batches.append(batch)
        assert len(batch) <= policy.max_tickets
        assert len(batch) == 1 or sum(tokens[text] for text in batch) <= policy.max_tokens
    assert [text for batch in batches for text in batch] == list(range(len(tokens)))


@given(sizes, policies)
def test_a_batch_is_as_full_as_the_bounds_allow(tokens: list[int], policy: BatchPolicy) -> None:
    gathering: Gathering[int] = Gathering(policy)
    for text, size in enumerate(tokens):
        gathering.add(text, size, 0.0)
    batch = gathering.take()
    if len(batch) < min(len(tokens), policy.max_tickets):
        assert sum(tokens[: len(batch) + 1]) > policy.max_tokens


@given(sizes, policies, st.data())
def test_a_batch_that_is_taken_when_ready_leaves_right_counts_behind(
    tokens: list[int], policy: BatchPolicy, data: st.DataObject
) -> None:
    """Whatever came and went: what is left is judged as if nothing else had ever been there."""
    gathering: Gathering[int] = Gathering(policy)
    for text, size in enumerate(tokens):
        gathering.add(text, size, 0.0, first=data.draw(st.booleans()))
        if data.draw(st.booleans()):
            gathering.discard(data.draw(st.integers(0, text)))
        if gathering.ready(0.0):
            gathering.take()
    left = [text for text in range(len(tokens)) if text in gathering]
    alone = gathered(*((str(text), tokens[text], 0.0) for text in left), policy=policy)
    assert len(gathering) == len(left)
    assert gathering.ready(0.0) is alone.ready(0.0)
