"""Label values come from bounded sets: no ticket, tenant or provider makes a row of its own."""

import asyncio
from itertools import cycle
from random import Random
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from stream_classifier.core import measures
from stream_classifier.core.answer import DecidedBy, Lane, Reason
from stream_classifier.core.batch import ClosedBy
from stream_classifier.core.call import Outcome, Signal
from stream_classifier.core.correction import Refusal
from stream_classifier.core.failure import Remedy
from stream_classifier.core.formats.fault import DeadLetterReason
from stream_classifier.core.held_by import HeldBy
from stream_classifier.core.tally import MEASURES, Tally
from stream_classifier.observe.metrics import PREFIX, new_registry, render
from tests.unit.lane_fakes import LABELS, MODEL, Call, Record, reply, ticket
from tests.unit.lane_world import world

OTHER = "the-fallback"
MODELS = {MODEL, OTHER}
DOMAINS: dict[str, set[str]] = {
    "backend": {"memory", "sqlite", "redis"},
    "closed_by": set(ClosedBy),
    "decided_by": set(DecidedBy) | {""},
    "ended_by": {"answer", "lapse", "patience"},
    "kind": {"in", "cached_in", "out", "assigned", "revoked", "lost"},
    "lane": {*Lane, "probe"},
    "model": MODELS,
    "now": set(LABELS),
    "outcome": {*Signal, "committed", "failed", "not_mine", "aborted", "fenced", "fetched", "missing"},
    "partition": {"0"},  # those owned
    "question": {"label"},  # the taxonomy's
    "reason": {
        *Reason,
        *DeadLetterReason,
        *Refusal,
        *HeldBy,
        *Signal,
        "bounds",
        "map",
        "schema",
        "budget",
        "",
    },
    "remedy": set(Remedy),
    "result": {"hit", "backend_hit", "miss", "same", "changed", "failed"},
    "rule": {"already_done", "tombstone"},
    "settings_digest": set(),  # one a process
    "state": {"held", "waited_for"},
    "status": {"labelled", "needs_review"},
    "topic": {"ticket-labels", "ticket-dead-letters"},  # the settings'
    "version": set(),  # one a process
    "was": {*LABELS, ""},
}
ROWS_MAX = 500  # some hundred of them stand there from the start


def strange(rng: Random) -> str:
    return "".join(rng.choices('abc{}"\\\nÄ漢\u202e0123=,', k=rng.randint(1, 40)))


def strange_record(number: int, rng: Random) -> Record:
    """A ticket of its own tenant, with odd values wherever one may be; or no ticket at all."""
    if number % 50 == 0:
        return Record(value=strange(rng).encode())
    more: dict[str, Any] = {
        name: strange(rng) for name in ("priority", "language", "channel", "revision", "body_format")
    }
    more["tags"] = [strange(rng)]
    return ticket(
        f"{number % 300} {strange(rng)}", tenant=f"tenant-{number}", urgent=number % 20 == 0, **more
    )


def strange_outcomes(rng: Random) -> Any:
    """A provider that says everything that one can say, in its own words."""
    signals = cycle(Signal)

    def script(call: Call) -> Outcome | None:
        if call.probe or rng.random() < 0.8:
            return reply(call, change=dict.fromkeys(call.texts[:1], strange(rng)))
        return Outcome(signal=next(signals), content=strange(rng), detail=strange(rng), status=418)

    return script


def rows(tally: Tally) -> list[tuple[str, dict[str, str]]]:
    body = render(new_registry(tally))[0].decode()
    return [
        (sample.name, sample.labels)
        for family in text_string_to_metric_families(body)
        for sample in family.samples
        if sample.name.startswith(PREFIX)
    ]


def test_every_label_has_its_set_of_values() -> None:
    assert {label for measure in MEASURES.values() for label in measure.labels} == set(DOMAINS)


def test_the_rows_that_stand_there_from_the_start_are_of_these_sets() -> None:
    for measure in MEASURES.values():
        for row in measure.rows:
            assert all(value in DOMAINS[label] for label, value in zip(measure.labels, row, strict=True))


async def test_ten_thousand_tenants_and_a_provider_that_says_anything_make_no_row() -> None:
    rng = Random(11)
    llm = {"model": MODEL, "fallback_models": [OTHER], "max_attempts": 2}
    async with world(llm=llm, batch={"max_tickets": 90}, urgent={"deadline_s": 1}) as w:
        w.bulk.script = w.urgent.script = strange_outcomes(rng)
        for first in range(0, 10_000, 500):
            w.read(*(strange_record(number, rng) for number in range(first, first + 500)))
            await asyncio.sleep(60)
        found = rows(w.tally)
        assert w.tally.count(measures.DEAD_LETTERS) == 200
        assert w.tally.count(measures.EVENTS, None, "needs_review") > 100
        assert {row[2] for row in w.tally.counters[measures.CALLS]} > {"answered", "timeout", "refused"}
    for name, labels in found:
        bounds = labels.pop("le", None)
        assert bounds is None or name.endswith("_bucket")
        assert all(value in DOMAINS[label] for label, value in labels.items()), (name, labels)
    assert {row[1].get("model") for row in found} == MODELS | {None}
    assert len(found) < ROWS_MAX


async def test_a_label_that_nobody_set_up_is_none_of_a_disagreement() -> None:
    """`was` comes from a record that anybody may have written."""
    async with world() as w:
        corrections = w.pipeline.corrections
        digest = w.pipeline.arrivals.preparer(
            w.pipeline.arrivals.reader.read(ticket("x").value or b"", ())[0]
        )
        for number in range(100):
            value = b'{"labels": {"label": "bug"}, "was": {"label": "made up %d"}}' % number
            corrections.take(f"{digest.digest}/tenant-{number}".encode(), value)
        assert set(corrections.disagreements()) <= {("label", "", "bug")}
