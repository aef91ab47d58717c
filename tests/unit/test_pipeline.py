"""What holds for the journey as a whole, whatever the provider, the group and the time bring."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal
from tests.unit.conftest import JumpingLoop
from tests.unit.lane_fakes import MODEL, Call, Record, content, failure, label_of, reply, ticket, usage_of
from tests.unit.lane_world import World, world

HOUR_S = 3600.0
SLOTS = {Lane.BULK: 2, Lane.URGENT: 2}

# ------------------------------------------------------------------------ a story, told by hypothesis

Misfortune = Callable[[Call], Outcome | None]


def paid(signal: Signal) -> Misfortune:
    """A call that falls short and is paid for all the same."""
    return lambda call: Outcome(signal=signal, usage=usage_of(call), status=200)


def unpaid(signal: Signal) -> Misfortune:
    """A call that falls short, with nothing counted."""
    return lambda _: failure(signal)


def flawed(said: str | None) -> Misfortune:
    """A reply that is wrong for its first text."""
    return lambda call: reply(call, change={call.texts[0]: said})


def cut(call: Call) -> Outcome:
    whole = reply(call).content or ""
    return Outcome(signal=Signal.LENGTH, content=whole[:20], usage=usage_of(call), status=200)


MISFORTUNES: dict[str, Misfortune] = {
    "none": lambda _: None,
    "missing": flawed(None),
    "mismatched": flawed("00 bug"),
    "not in the taxonomy": flawed("nonsense"),
    "unsure": flawed("?"),
    "malformed": lambda call: Outcome(signal=Signal.ANSWERED, content="{", usage=usage_of(call), status=200),
    "cut": cut,
    **{f"{s}, paid": paid(s) for s in (Signal.REFUSED, Signal.SERVER_ERROR, Signal.MALFORMED)},
    **{signal: unpaid(signal) for signal in Signal if signal not in (Signal.ANSWERED, Signal.LENGTH)},
}


@dataclass(frozen=True, slots=True)
class Read:
    """Records come: each a few texts (several are an array), with a key or none, urgent or not."""

    records: list[tuple[list[int], int | None, bool]]

    def happen(self, w: World) -> None:
        w.read(*(_record(*record) for record in self.records))


@dataclass(frozen=True, slots=True)
class Rebalance:
    """The partition is taken away and given back."""

    def happen(self, w: World) -> None:
        w.rebalance()
        w.poll()


def _record(texts: list[int], key: int | None, urgent: bool) -> Record:
    parts = [content(f"text {text}", urgent=urgent) for text in texts]
    value = orjson.dumps(parts[0] if len(parts) == 1 else parts)
    return Record(value=value, key=None if key is None else b"%d" % key)


RECORDS = st.tuples(
    st.lists(st.integers(0, 6), min_size=1, max_size=3), st.none() | st.integers(0, 2), st.booleans()
)
EVENTS = st.lists(RECORDS, min_size=1, max_size=6).map(Read) | st.just(Rebalance())
STORY = st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.5, 1.0, 3.0, 40.0])), min_size=1, max_size=8)
FORTUNES = st.lists(st.sampled_from(sorted(MISFORTUNES)), max_size=12)
MODELS = st.sampled_from(
    [{}, {"urgent_model": "gpt-4o"}, {"fallback_models": ["gpt-4o"]}, {"max_attempts": 2}]
)


def told(fortunes: list[str]) -> Misfortune:
    """Each call of a lane (probes too) meets the next misfortune; when all are told, there is peace."""
    coming: Iterator[Misfortune] = itertools.chain(
        (MISFORTUNES[name] for name in fortunes), itertools.repeat(MISFORTUNES["none"])
    )

    def script(call: Call) -> Outcome | None:
        return next(coming)(call)

    return script


@given(story=STORY, bulk=FORTUNES, urgent=FORTUNES, llm=MODELS, key_order=st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_happens_every_promise_holds(
    story: list[tuple[Read | Rebalance, float]],
    bulk: list[str],
    urgent: list[str],
    llm: dict[str, Any],
    key_order: bool,
) -> None:
    async def live() -> None:
        limits: dict[str, Any] = {"urgent": {"max_promoted": 2, "concurrency": 2}}
        async with world(
            llm={"model": MODEL, "concurrency": 2} | llm, kafka={"key_order": key_order}, **limits
        ) as w:
            w.bulk.script, w.urgent.script = told(bulk), told(urgent)
            for event, then_s in story:
                event.happen(w)
                await asyncio.sleep(then_s)
            await asyncio.sleep(HOUR_S)
            w.poll()
            every_record_left_once(w)
            no_label_is_a_guess(w)
            tokens_add_up(w)
            nothing_is_left_behind(w)
            if key_order:
                each_key_kept_its_order(w)

    with structlog.testing.capture_logs(), asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(live())


def every_record_left_once(w: World) -> None:
    """Promise 1, and that a redelivery repeats nothing where the commit was known."""
    done = [sent.offset for sent in w.outbox.sent if sent.offset is not None]
    assert sorted(done) == list(range(len(w.topic)))
    times = Counter(sent.event["event_id"] for sent in w.outbox.sent)
    assert set(times.values()) <= {1}
    assert not w.partition.ledger.unfinished


def no_label_is_a_guess(w: World) -> None:
    """Promise 7."""
    for sent in w.outbox.sent:
        event = sent.event
        right = label_of(event["ticket_id"].removeprefix("id of "))
        assert event["label"] == (right if event["status"] == "labelled" else None)
        assert (
            (event["reason"] is None) == (event["status"] == "labelled") == (event["decided_by"] is not None)
        )


def tokens_add_up(w: World) -> None:
    """What the events say, and what is counted as overhead, is what the provider counted."""
    assert w.accounted() == w.counted()
    assert w.tally.count(measures.TOKENS, None, "in") == w.counted().tokens_in


def nothing_is_left_behind(w: World) -> None:
    """Neither a slot nor a flight nor a place in line."""
    assert w.free_slots == SLOTS
    assert len(w.pipeline.flights) == 0
    assert len(w.pipeline.lanes.bulk.gathering) == 0
    assert len(w.partition.order) == 0
    assert not w.pipeline.deadlines._due
    assert asyncio.all_tasks() == {asyncio.current_task(), *w.running.values()}


def each_key_kept_its_order(w: World) -> None:
    """Promise 5: whoever is behind a later one of its key was overtaken, and the other says so."""
    left = [(s.key, s.event["source"]["offset"], s.event["overtook"]) for s in w.outbox.sent if s.key]
    for (key, offset, overtook), (other, later, _) in itertools.combinations(left, 2):
        assert key != other or offset <= later or overtook


# -------------------------------------------------------------------------------------------- memory


async def test_nothing_grows_with_what_has_passed_through() -> None:
    async with world(llm={"concurrency": 100}, urgent={"concurrency": 100}) as w:
        for i in range(20):
            w.read(*(ticket(f"text {i} {j}", key=b"%d" % j, urgent=j % 3 == 0) for j in range(100)))
            await asyncio.sleep(10)
        await asyncio.sleep(60)
        assert len(w.outbox.sent) == 2000
        assert len(w.pipeline.flights) == len(w.partition.order) == len(w.pipeline.deadlines._due) == 0
        assert len(w.pipeline.lanes.bulk.gathering) == 0
        assert not w.partition.ledger.unfinished
