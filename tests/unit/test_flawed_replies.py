"""What is done where a reply came, and does not answer every text; and where the texts are too long."""

import asyncio

import pytest

from stream_classifier.core.call import Outcome, Signal, Usage
from tests.unit.lane_fakes import LATENCY_S, Call, Script, failure, first, holding, reply, sizes, ticket
from tests.unit.lane_world import TEN, TEXTS, world

LIMITED = failure(Signal.RATE_LIMITED, status=429, retry_after_s=7)


FLAWS = {"missing": None, "mismatched": "00 bug", "not in the taxonomy": "nonsense", "malformed": ""}


@pytest.mark.parametrize("said", FLAWS.values(), ids=FLAWS)
async def test_what_is_verified_is_kept_though_another_text_is_not(said: str | None) -> None:
    async with world(**TEN) as w:
        w.bulk.script = lambda call: reply(call, change={"text 4": said})
        w.read(*map(ticket, TEXTS))
        await w.events(9)
        assert set(w.left_at.values()) == {LATENCY_S}
        assert 4 not in w.left_at


@pytest.mark.parametrize("said", FLAWS.values(), ids=FLAWS)
async def test_a_flawed_text_is_asked_with_others_then_alone_then_by_a_person(said: str | None) -> None:
    async with world(**TEN) as w:
        w.bulk.script = lambda call: reply(call, change={"text 4": said})
        w.read(*map(ticket, TEXTS))
        await asyncio.sleep(LATENCY_S / 2)
        w.read(*(ticket(f"neighbour {i}") for i in range(4)))
        events = await w.events(14)
        assert [call.texts for call in w.bulk.asked if len(call.texts) == 1] == [("text 4",)]
        asked = [call for call in w.bulk.calls if "text 4" in call.texts]
        assert sizes(asked) == [10, 5, 1]
        expected = "not_in_taxonomy" if said == "nonsense" else "unanswered"
        assert [event["reason"] for event in events if event["label"] is None] == [expected]


async def test_where_more_than_three_in_ten_checks_are_wrong_nothing_is_trusted() -> None:
    async with world(**TEN) as w:
        script = first(1, failure(Signal.ANSWERED))  # takes the first turn; the reply is made below
        w.bulk.script = lambda call: script(call) and reply(call, change=dict.fromkeys(TEXTS[:4], "00 bug"))
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert sizes(w.bulk.calls) == [10, 10]
        assert {event["attempts"] for event in events} == {2}


async def test_a_malformed_reply_is_asked_again_together_then_each_alone() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(2, Outcome(signal=Signal.ANSWERED, content="Sure! {", status=200))
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert sizes(w.bulk.calls) == [10, 10] + 10 * [1]


async def test_an_unsure_answer_needs_review_at_once() -> None:
    async with world(**TEN) as w:
        w.bulk.script = lambda call: reply(call, change={"text 4": "?"})
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert [event["reason"] for event in events if event["label"] is None] == ["unsure"]
        assert len(w.bulk.calls) == 1


async def test_a_cut_reply_is_kept_as_far_as_it_goes_and_the_rest_is_split() -> None:
    def cut(call: Call) -> Outcome | None:
        if len(call.texts) < 10:
            return None
        whole = reply(call).content or ""
        return Outcome(signal=Signal.LENGTH, content=whole[: len(whole) // 2], usage=Usage(9, 9), status=200)

    async with world(**TEN) as w:
        w.bulk.script = cut
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        first_call, *halves = sizes(w.bulk.calls)
        kept = [event for event in events if event["attempts"] == 1]
        assert len(kept) in (4, 5)
        assert sum(halves) == first_call - len(kept)
        assert len(halves) == 2


async def test_a_cut_reply_raises_the_budget_of_the_next() -> None:
    budget = w_budget = 0
    async with world(batch={"max_tickets": 1}) as w:
        replies = w.pipeline.lanes.bulk.answering.caller.replies
        budget = replies.budget(1)
        w.bulk.script = first(1, Outcome(signal=Signal.LENGTH, content="", usage=Usage(9, 9), status=200))
        w.read(ticket("one"))
        await w.events(1)
        w_budget = replies.budget(1)
    assert w_budget > budget


async def test_what_a_cut_left_out_is_no_flaw_of_the_text() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = first(4, Outcome(signal=Signal.LENGTH, content="", status=200))
        w.read(ticket("one"))
        [event] = await w.events(1)
        assert (event["status"], event["attempts"]) == ("labelled", 5)


@pytest.mark.parametrize("status", [200, 400])
async def test_a_refusal_isolates_the_one_text_that_is_refused(status: int) -> None:
    async with world(**TEN) as w:
        w.bulk.script = holding("text 4", failure(Signal.REFUSED, status=status))
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert sizes(w.bulk.calls) == [10] + 10 * [1]
        assert [e["ticket_id"] for e in events if e["reason"] == "refused"] == ["id of text 4"]


# ----------------------------------------------------------------------------------------- overflow


def too_long(chars: int) -> Script:
    """The model's context holds so many characters."""

    def script(call: Call) -> Outcome | None:
        held = sum(map(len, call.texts)) <= chars
        return None if held else failure(Signal.OVERFLOW, status=400)

    return script


async def test_what_the_context_cannot_hold_is_split_at_once() -> None:
    async with world(**TEN) as w:
        w.bulk.script = too_long(40)
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert sizes(w.bulk.calls) == [10, 5, 5]
        assert {event["status"] for event in events} == {"labelled"}


async def test_one_text_that_the_context_cannot_hold_is_cut_and_its_event_says_so() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = too_long(1100)
        w.read(ticket("word " * 400))
        [event] = await w.events(1)
        assert (event["status"], event["truncated"], event["attempts"]) == ("labelled", True, 2)


async def test_an_answer_to_half_a_text_is_not_remembered_for_the_whole() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = too_long(1100)
        w.read(ticket("word " * 400))
        await w.events(1)
        w.read(ticket("word " * 400))
        events = await w.events(2)
        assert (events[1]["decided_by"], events[1]["truncated"]) == ("llm", True)


async def test_a_text_that_is_too_long_even_when_cut_needs_review() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = too_long(900)
        w.read(ticket("word " * 400))
        [event] = await w.events(1)
        assert (event["reason"], len(w.bulk.calls)) == ("too_long", 2)


async def test_a_text_that_was_cut_is_not_asked_whole_again() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        long, malformed = too_long(1100), failure(Signal.MALFORMED, status=200)
        w.bulk.script = lambda call: long(call) or (malformed if len(w.bulk.calls) == 2 else None)
        w.read(ticket("word " * 400))
        [event] = await w.events(1)
        assert (event["status"], event["truncated"], event["attempts"]) == ("labelled", True, 3)


async def test_limits_before_an_overflow_do_not_keep_a_text_from_being_cut() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        limited, long = first(3, LIMITED), too_long(1100)
        w.bulk.script = lambda call: limited(call) or long(call)
        w.read(ticket("word " * 400))
        [event] = await w.events(1)
        assert (event["status"], event["truncated"]) == ("labelled", True)
