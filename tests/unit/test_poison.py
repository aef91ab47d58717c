"""What one text in ten that makes calls fail costs: calls, and its batch-mates' time.

The figures are those that are promised: mates wait two call times longer at the most (seven where only a
server error shows that something is wrong, and no fallback model is set), and besides the batch's own call
there are three calls more where the reply says which text it was, and eleven where only splitting can find
it, the constant record counted.
"""

from dataclasses import dataclass

import pytest

from stream_classifier.core.call import Outcome, Signal
from tests.unit.lane_fakes import LATENCY_S, MODEL, Call, Script, failure, holding, reply, ticket
from tests.unit.lane_world import World, world

MATES = [f"text {i}" for i in range(9)]
POISON = "poison"
LONG = POISON + " word" * 1_500
CONTEXT_CHARS = 6_000
EVERY_CALL_AT_ONCE = {"model": MODEL, "concurrency": 10}
BY_REPLY, BY_SPLITTING = 3, 11
SOON, AFTER_RETRIES = 2, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A text that makes calls fail, and what is promised of it."""

    script: Script
    reason: str
    text: str = POISON
    extra_calls: int = BY_SPLITTING
    delay: int = SOON  # of its mates, in call times


def too_long(call: Call) -> Outcome | None:
    whole = sum(map(len, call.texts)) > CONTEXT_CHARS
    return failure(Signal.OVERFLOW, status=400) if whole else None


def never_fits(call: Call) -> Outcome | None:
    return failure(Signal.OVERFLOW, status=400) if any(t.startswith(POISON) for t in call.texts) else None


def saying(said: str | None) -> Script:
    """The model says this of the text, and answers the others rightly."""
    return lambda call: reply(call, change={POISON: said}) if POISON in call.texts else None


def failing(signal: Signal, status: int | None = None) -> Script:
    return holding(POISON, failure(signal, status=status))


CASES = {
    "refused, or filtered as finish reason": Poison(script=failing(Signal.REFUSED, 200), reason="refused"),
    "filtered as 400": Poison(script=failing(Signal.REFUSED, 400), reason="refused"),
    "500": Poison(script=failing(Signal.SERVER_ERROR, 500), reason="unanswered", delay=AFTER_RETRIES),
    "reset": Poison(script=failing(Signal.RESET), reason="unanswered", delay=AFTER_RETRIES),
    "timeout": Poison(script=failing(Signal.TIMEOUT), reason="unanswered", delay=AFTER_RETRIES),
    "another 400": Poison(script=failing(Signal.BAD_REQUEST, 400), reason="unanswered", delay=AFTER_RETRIES),
    "too long for the context at any length": Poison(
        script=never_fits, reason="too_long", text=LONG, extra_calls=BY_REPLY
    ),
    "left out": Poison(script=saying(None), reason="unanswered", extra_calls=BY_REPLY),
    "another check": Poison(script=saying("00 bug"), reason="unanswered", extra_calls=BY_REPLY),
    "another form": Poison(script=saying(""), reason="unanswered", extra_calls=BY_REPLY),
    "another label": Poison(script=saying("nonsense"), reason="not_in_taxonomy", extra_calls=BY_REPLY),
}


async def lived(w: World, poison: Poison, place: int) -> list[dict[str, object]]:
    """The events of ten texts, with the poison in this place."""
    texts = [*MATES[:place], poison.text, *MATES[place:]]
    w.bulk.script = poison.script
    w.read(*map(ticket, texts))
    return await w.events(10)


@pytest.mark.parametrize("place", [0, 6])
@pytest.mark.parametrize("poison", CASES.values(), ids=CASES)
async def test_one_poison_text_in_ten_ends_alone_for_its_reason_at_the_promised_cost(
    poison: Poison, place: int
) -> None:
    async with world(batch={"max_tickets": 10}, llm=EVERY_CALL_AT_ONCE) as w:
        events = await lived(w, poison, place)
        assert [e["reason"] for e in events if e["status"] == "needs_review"] == [poison.reason]
        assert sum(e["status"] == "labelled" for e in events) == len(MATES)
        assert len(w.bulk.calls) <= 1 + poison.extra_calls
        mates = [at for offset, at in w.left_at.items() if offset != place]
        assert max(mates) <= (1 + poison.delay) * LATENCY_S


@pytest.mark.parametrize("signal", [Signal.SERVER_ERROR, Signal.TIMEOUT])
async def test_a_text_that_only_the_first_model_fails_on_is_answered_with_its_mates_by_the_fallback(
    signal: Signal,
) -> None:
    def script(call: Call) -> Outcome | None:
        return failing(signal)(call) if call.model == MODEL else None

    llm = {**EVERY_CALL_AT_ONCE, "fallback_models": ["second"]}
    async with world(batch={"max_tickets": 10}, llm=llm) as w:
        w.bulk.script = script
        w.read(*map(ticket, [*MATES, POISON]))
        events = await w.events(10)
        assert {e["status"] for e in events} == {"labelled"}
        assert len(w.bulk.calls) <= 1 + BY_REPLY


async def test_a_text_that_is_too_long_leaves_its_mates_at_the_first_split() -> None:
    async with world(batch={"max_tickets": 10}, llm=EVERY_CALL_AT_ONCE) as w:
        poison = Poison(script=too_long, reason="", text=LONG)
        events = await lived(w, poison, 4)
        assert [(e["truncated"], e["status"]) for e in events if e["truncated"]] == [(True, "labelled")]
        assert {w.left_at[offset] for offset in range(10) if offset != 4} == {2 * LATENCY_S}
        assert len(w.bulk.calls) <= 1 + BY_REPLY


async def test_no_attempt_shows_the_texts_in_the_order_of_the_one_before() -> None:
    async with world(batch={"max_tickets": 2}) as w:
        failed = failure(Signal.SERVER_ERROR)
        w.bulk.script = lambda call: failed if not call.probe and len(w.bulk.asked) < 3 else None
        for pair in range(20):
            w.bulk.calls.clear()
            w.read(ticket(f"one {pair}"), ticket(f"two {pair}"))
            await w.events(2 * (pair + 1))
            first, second, third = (call.texts for call in w.bulk.asked)
            assert first == third == second[::-1]
