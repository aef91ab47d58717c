"""Five questions of somebody who was woken, and their answers in plain words.

Rules
-----
* An answer begins with the word that was asked for; what follows says why, and what to do.
* A ticket is late once it has waited for longer than one ordinary call takes at the most, or the work that is
  left would take so long.
* All is decided from the facts handed in; nothing here knows a clock.
"""

from dataclasses import dataclass
from typing import Literal

from stream_classifier.core.answer import Lane
from stream_classifier.core.held_by import HeldBy
from stream_classifier.observe.live.history import Period
from stream_classifier.observe.live.state import Now
from stream_classifier.observe.live.words import count, duration, rate, share, some, usd

Tone = Literal["good", "wait", "bad"]

SLOW_ACKNOWLEDGEMENT_S = 5.0  # far above a send that goes well
HELD = {
    HeldBy.OUTAGE: "the model takes no calls",
    HeldBy.BUDGET: "the budget of the day is spent",
    HeldBy.LIMIT: "the provider's rate limit holds calls back for a moment",
    HeldBy.RATE: "calls keep to the account's limits",
}
PAUSED = (HeldBy.OUTAGE, HeldBy.BUDGET)
"""What holds a lane for longer than a moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one question: a few words, how good they are, and the rest of it. `headline` is the
    state that an answer to the first question stands for."""

    short: str
    tone: Tone
    rest: str
    headline: str = "Working"


def working(now: Now, minute: Period) -> Answer:
    """Is it working?"""
    for found in (_stopping, _stuck, _kafka_holds, _not_ready, _held, _schemas_wait):
        if (answer := found(now)) is not None:
            return answer
    if not now.left:
        return Answer("Yes", "good", "Every ticket that came has its event; nothing waits.", "Idle")
    going = (
        f"{rate(minute.left_all)} events a second go out, {count(now.left)} tickets are still to come out."
    )
    if minute.left_all > 0:
        return Answer("Yes", "good", going)
    return Answer("Yes", "good", f"{some(now.left, 'ticket')} in work, none finished lately.")


def late(now: Now, minute: Period) -> Answer:
    """Is it late?"""
    if not now.left:
        return Answer("No", "good", "Nothing waits.")
    rest = f"{some(now.left, 'ticket')} to go, the oldest in work for {duration(now.oldest_s)}"
    limit_s, work_s = now.identity.late_after_s, now.work_left_s or 0.0
    if now.oldest_s <= limit_s and any(
        lane.waiting and lane.held_by in PAUSED for lane in now.lanes.values()
    ):
        return Answer("Not yet", "wait", f"{rest}; they wait until calls go on.")
    if work_s:
        rest += f"; {duration(work_s)} at the pace of the last minutes of work"
    if now.schemas_wait_s:
        rest += "; what stands behind an unknown schema is not read yet, however old it is"
    if max(now.oldest_s, work_s, now.schemas_wait_s) <= limit_s:
        return Answer("No", "good", f"{rest}.")
    if minute.left_all > 0:
        return Answer("Yes", "wait", f"{rest}.")
    return Answer("Yes", "bad", f"{rest}. None has come out for a minute.")


def cost(now: Now, _minute: Period) -> Answer:
    """What did it cost?"""
    counts = now.counts
    since = f"since this process started, {duration(now.up_s)} ago"
    if not counts.calls:
        return Answer("Nothing", "good", f"No call was made {since}.")
    if counts.cost_usd is None:
        rest = (
            f"{some(round(counts.calls), 'call')} {since}. Set llm.prices of the model to see what they cost."
        )
        return Answer("Not known", "wait", rest)
    spent, rest = (
        counts.cost_usd,
        f"{since[0].upper()}{since[1:]}, for {some(round(counts.events), 'event')}.",
    )
    if single := counts.single_cost_usd:
        rest += f" One call a ticket: {usd(single)}, {_saved(single, spent)}."
    return Answer(usd(spent), "wait" if any(part >= 1 for part in now.budgets.values()) else "good", rest)


def restart(now: Now, _minute: Period) -> Answer:
    """Is it safe to restart?"""
    if now.stopping:
        return Answer(
            "It is stopping", "wait", f"At most {duration(now.identity.shutdown_s)}, then it is gone."
        )
    if not now.alive.ok:
        return Answer("Yes, it would help", "wait", f"It is stuck. {_after_a_kill(now)}")
    if now.publishing_held or now.unacknowledged_s > SLOW_ACKNOWLEDGEMENT_S:
        waiting = some(now.unacknowledged, "event")
        rest = f"Kafka does not take what is finished ({waiting}), so a stop cannot hand it over."
        return Answer("Better wait", "bad", f"{rest} {_after_a_kill(now)}")
    if not now.left and not now.done_ahead:
        return Answer("Yes", "good", "Nothing is in work, so nothing can come twice.")
    elsewhere = now.out or now.schemas_wait_s
    in_vain = " It mends nothing: what holds it up is not in this process." if elsewhere else ""
    return Answer("Yes, by SIGTERM", "good", f"{_a_stop(now)} {_after_a_kill(now)}{in_vain}")


def _stopping(now: Now) -> Answer | None:
    if not now.stopping:
        return None
    return Answer(
        "It is stopping", "wait", "Calls under way are waited for; what they answer is published.", "Stopping"
    )


def _stuck(now: Now) -> Answer | None:
    return None if now.alive.ok else Answer("No", "bad", " ".join(now.alive.reasons), "Stuck")


def _kafka_holds(now: Now) -> Answer | None:
    if now.publishing_held:
        rest = "The group has given no sign of itself for as long as a session. Nothing is lost by the wait."
        return Answer("No", "bad", rest, "Publishing is held")
    if now.unacknowledged_s > SLOW_ACKNOWLEDGEMENT_S:
        since = f"Kafka has not acknowledged a batch for {duration(now.unacknowledged_s)}."
        return Answer("No", "bad", f"{since} Nothing is lost by the wait.", "Kafka takes nothing")
    return None


def _not_ready(now: Now) -> Answer | None:
    return None if now.ready.ok else Answer("Not yet", "wait", " ".join(now.ready.reasons), "Not ready")


def _held(now: Now) -> Answer | None:
    held = {lane: by for lane in Lane if (by := now.lanes[lane].held_by) in PAUSED}
    if not held:
        return None
    what = " ".join(f"{lane.capitalize()} waits: {HELD[by]}." for lane, by in held.items() if by)
    if len(held) == len(Lane) and len(set(held.values())) == 1:
        what = f"Both lanes wait: {HELD[by]}." if (by := held[Lane.BULK]) else what
    rest = f"{what} Nothing is lost, and it goes on by itself."
    if Lane.URGENT in held:
        rest += (
            f" Urgent tickets are published for review {duration(now.identity.deadline_s)} after they came."
        )
    if len(held) == len(Lane):
        return Answer("It is paused", "bad", rest, "Paused")
    lane = next(iter(held))
    return Answer("In part", "bad", rest, f"{lane.capitalize()} is paused")


def _schemas_wait(now: Now) -> Answer | None:
    if not now.schemas_wait_s:
        return None
    which = f"{count(now.schemas_wait)} of {some(len(now.partitions), 'partition')}, urgent tickets included."
    why = "The schema registry is away, or refuses us. Nothing is lost, and it goes on by itself."
    rest = f"Not read, for want of a schema: {which} {why}"
    if now.schemas_wait == len(now.partitions):
        return Answer("It is paused", "bad", rest, "Paused")
    return Answer("In part", "bad", rest, "Partitions are paused")


def _saved(single: float, spent: float) -> str:
    return f"{share(abs(single - spent), single)} {'saved' if spent <= single else 'more than that spent'}"


def _a_stop(now: Now) -> str:
    calls = sum(lane.calls for lane in now.lanes.values())
    if not calls:
        return "No call is under way; a stop takes a second or two, and nothing comes twice."
    wait = duration(now.identity.calls_wait_s)
    return f"A stop waits {wait} at most for {some(calls, 'call')} under way, and nothing comes twice."


def _after_a_kill(now: Now) -> str:
    """What a kill at this moment would have come twice."""
    if now.identity.delivery == "exactly-once":
        return "Even after a kill nothing is published twice."
    again = now.done_ahead + now.unacknowledged
    return (
        f"A kill now would publish {count(again)} at most again."
        if again
        else "A kill now would repeat nothing."
    )
