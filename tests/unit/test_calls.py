"""One call: what is ordered, what is counted, and who pays."""

from collections.abc import Sequence
from random import Random

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core import measures
from stream_classifier.core.answer import Answer, Lane
from stream_classifier.core.call import Outcome, Signal, Usage
from stream_classifier.core.journey import Ask
from stream_classifier.core.prices import Price, Prices
from stream_classifier.core.prompt import Prompt
from stream_classifier.core.tally import Tally
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.core.tokens import ReplyBudget, TokenEstimator
from stream_classifier.lanes.calls import Called, Caller
from tests.unit.lane_fakes import LABELS, LATENCY_S, MODEL, ScriptedProvider, failure, label_of, reply

PRICES = Prices({MODEL: Price(input=1.0, cached_input=0.5, output=4.0)})


def caller(provider: ScriptedProvider, context_tokens: int = 128_000) -> Caller:
    taxonomy = read_taxonomy({"labels": list(LABELS)})
    return Caller(
        provider=provider,
        lane=Lane.BULK,
        prompt=Prompt(taxonomy),
        taxonomy=taxonomy,
        prices=PRICES,
        tally=Tally(),
        tokens=TokenEstimator(),
        context_tokens=context_tokens,
        replies=ReplyBudget(3),
        rng=Random(7),
        batch_prefix="p",
    )


def asks(texts: Sequence[str], tokens: Sequence[int] = ()) -> list[Ask]:
    sizes = tokens or [len(text) for text in texts]
    return [
        Ask(key=text.encode(), lane=Lane.BULK, utf8=text.encode(), tokens=size, asked_at=0.0)
        for text, size in zip(texts, sizes, strict=True)
    ]


def verdicts(called: Called) -> dict[str, object]:
    return {ask.text: verdict for ask, verdict in zip(called.asks, called.verdicts, strict=True)}


async def test_each_text_is_tied_to_its_own_verdict() -> None:
    texts = [f"text {i}" for i in range(20)]
    called = await caller(ScriptedProvider()).ask(asks(texts), MODEL)
    assert verdicts(called) == {text: Answer((label_of(text),)) for text in texts}


async def test_texts_are_ordered_anew_for_each_call() -> None:
    provider, texts = ScriptedProvider(), [f"text {i}" for i in range(20)]
    maker = caller(provider)
    for _ in range(2):
        await maker.ask(asks(texts), MODEL)
    assert provider.calls[0].texts != provider.calls[1].texts
    assert sorted(provider.calls[0].texts) == sorted(provider.calls[1].texts) == sorted(texts)


async def test_no_two_calls_have_the_same_name() -> None:
    maker = caller(ScriptedProvider())
    names = {(await maker.ask(asks(["one"]), MODEL)).batch_id for _ in range(3)}
    assert names == {"p-b1", "p-b2", "p-b3"}


@given(
    tokens=st.lists(st.integers(1, 5000), min_size=1, max_size=90),
    usage=st.builds(Usage, tokens_in=st.integers(0, 10**6), tokens_out=st.integers(0, 10**5)),
    cached=st.floats(0, 1),
)
def test_the_shares_add_up_to_the_providers_usage(tokens: list[int], usage: Usage, cached: float) -> None:
    counted = Usage(usage.tokens_in, usage.tokens_out, int(usage.tokens_in * cached))
    texts = asks([str(i) for i in range(len(tokens))], tokens)
    outcome = Outcome(signal=Signal.SERVER_ERROR, usage=counted)
    called = Called(batch_id="b", model=MODEL, outcome=outcome, asks=texts)
    caller(ScriptedProvider())._share(called, counted)
    spent = [ask.spent for ask in texts]
    assert sum(s.tokens_in for s in spent) == counted.tokens_in
    assert sum(s.tokens_out for s in spent) == counted.tokens_out
    assert sum(s.cached_in for s in spent) == counted.cached_in
    assert sum(s.cost_usd or 0 for s in spent) == pytest.approx(PRICES.cost_usd(MODEL, counted))


async def test_a_long_text_pays_more_than_a_short_one() -> None:
    short, long = asks(["a", "b"], [10, 1000])
    await caller(ScriptedProvider()).ask([short, long], MODEL)
    assert long.spent.tokens_in > short.spent.tokens_in


async def test_a_text_pays_for_each_of_its_attempts() -> None:
    provider = ScriptedProvider()
    maker, [ask] = caller(provider), asks(["one"])
    for _ in range(3):
        await maker.ask([ask], MODEL)
    assert (ask.spent.tokens_in, ask.spent.tokens_out) == (
        provider.usage.tokens_in,
        provider.usage.tokens_out,
    )


async def test_a_model_without_a_price_makes_the_cost_unknown_for_good() -> None:
    maker, [ask] = caller(ScriptedProvider()), asks(["one"])
    for model in ("unpriced", MODEL):
        await maker.ask([ask], model)
    assert ask.spent.cost_usd is None


async def test_a_call_without_usage_costs_its_texts_nothing() -> None:
    maker, [ask] = caller(ScriptedProvider(script=lambda _: failure(Signal.RESET))), asks(["one"])
    await maker.ask([ask], MODEL)
    assert (ask.spent.tokens_in, ask.spent.cost_usd) == (0, 0.0)


async def test_a_probe_is_paid_for_as_overhead() -> None:
    provider = ScriptedProvider()
    maker = caller(provider)
    outcome = await maker.probe(MODEL)
    assert outcome.signal is Signal.ANSWERED
    overhead = {kind: maker.tally.count(measures.OVERHEAD_TOKENS, MODEL, kind) for kind in ("in", "out")}
    assert overhead == {"in": provider.usage.tokens_in, "out": provider.usage.tokens_out}


async def test_a_probe_asks_the_constant_record_alone() -> None:
    provider = ScriptedProvider()
    await caller(provider).probe(MODEL)
    assert [call.probe for call in provider.calls] == [True]


OUT_OF_FORM = {
    "prose": "I should say that all of these are bugs.",
    "another object": '{"labels":["bug","bug"]}',
    "no entry": "{}",
    "other checks": '{"t01":"00 bug","t02":"00 bug"}',
    "nothing": "",
}


@pytest.mark.parametrize("content", OUT_OF_FORM.values(), ids=OUT_OF_FORM)
async def test_a_reply_that_answers_no_record_in_form_is_malformed(content: str) -> None:
    said = Outcome(signal=Signal.ANSWERED, content=content, status=200)
    maker = caller(ScriptedProvider(script=lambda _: said))
    called = await maker.ask(asks(["one", "two"]), MODEL)
    assert called.outcome.signal is Signal.MALFORMED
    assert (await maker.probe(MODEL)).signal is Signal.MALFORMED
    assert maker.tally.count(measures.CALLS, "bulk", MODEL, "malformed") == 1


@pytest.mark.parametrize("said", ["bug", "?", "a label of its own"])
async def test_a_reply_that_answers_one_record_in_form_is_an_answer(said: str) -> None:
    provider = ScriptedProvider(script=lambda call: reply(call, change={"one": said, "two": None}))
    called = await caller(provider).ask(asks(["one", "two"]), MODEL)
    assert called.outcome.signal is Signal.ANSWERED


async def test_a_reply_that_was_cut_is_not_called_malformed_for_what_it_lacks() -> None:
    cut = Outcome(signal=Signal.LENGTH, content='{"t01":"4', status=200)
    called = await caller(ScriptedProvider(script=lambda _: cut)).ask(asks(["one"]), MODEL)
    assert called.outcome.signal is Signal.LENGTH


async def test_the_size_of_a_probe_is_about_what_the_provider_counts_for_it() -> None:
    provider = ScriptedProvider()
    maker = caller(provider)
    await maker.probe(MODEL)
    one = maker.size(asks(["one"], [0]))
    assert one.prompt < maker.probe_size().prompt < one.prompt + 40


async def test_what_the_provider_counted_is_counted_by_model() -> None:
    provider = ScriptedProvider()
    maker = caller(provider)
    await maker.ask(asks(["one", "two"]), MODEL)
    await maker.probe(MODEL)
    assert maker.tally.count(measures.TOKENS, MODEL, "in") == provider.usage.tokens_in
    assert maker.tally.count(measures.COST) == pytest.approx(PRICES.cost_usd(MODEL, provider.usage))


async def test_where_half_of_a_text_is_asked_it_is_its_head_and_its_tail() -> None:
    provider = ScriptedProvider()
    text = "head" * 50 + "middle" * 50 + "tail" * 50
    called = await caller(provider).ask(asks([text]), MODEL, halved=True)
    [shown] = provider.calls[0].texts
    assert (shown[:100], shown[-100:], called.halved) == (text[:100], text[-100:], True)
    assert len(shown) <= len(text) / 2 + 3


async def test_the_log_says_which_attempt_it_was() -> None:
    maker, [ask] = caller(ScriptedProvider()), asks(["one"])
    ask.attempts = 2
    with structlog.testing.capture_logs() as lines:
        await maker.ask([ask], MODEL)
    assert [line["attempt"] for line in lines if line["event"] == "model_call"] == [3]


async def test_no_line_of_the_log_holds_a_ticket_s_text() -> None:
    maker = caller(ScriptedProvider(script=lambda call: reply(call, change={"a secret": "nonsense"})))
    with structlog.testing.capture_logs() as lines:
        await maker.ask(asks(["a secret", "another"]), MODEL)
    assert "secret" not in str(lines)


async def test_a_call_is_timed_by_the_provider_and_takes_as_long_as_it_takes() -> None:
    maker = caller(ScriptedProvider(latency_s=lambda _: 3 * LATENCY_S))
    await maker.ask(asks(["one"]), MODEL)
    assert maker.tally.histograms[measures.BATCH_TICKETS][("bulk",)].total == 1


def test_as_many_texts_go_together_as_the_context_holds_beside_their_answers() -> None:
    long = asks(["word " * 200] * 10, [200] * 10)
    counts = [len(caller(ScriptedProvider(), room).fitting(long)) for room in (1_000, 2_000, 3_000, 20_000)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert 1 < counts[1] < counts[2] < 10
    assert counts[3] == 10


def test_a_text_that_no_context_holds_goes_by_itself() -> None:
    huge = asks(["word " * 5_000, "short"])
    assert caller(ScriptedProvider(), 1_000).fitting(huge) == huge[:1]


def test_what_was_estimated_too_low_when_it_came_is_estimated_anew() -> None:
    stale = asks(["word " * 200] * 10, [40] * 10)
    fresh = asks(["word " * 200] * 10, [210] * 10)
    fitting = [len(caller(ScriptedProvider(), 2_000).fitting(texts)) for texts in (stale, fresh)]
    assert fitting[0] == fitting[1]
