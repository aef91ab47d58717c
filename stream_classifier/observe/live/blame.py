"""Is it the provider or us? Who holds the work up, and what to do about it.

Rules
-----
* Kafka is named before the provider, since nothing leaves while Kafka is away, and the schema registry, since
  nothing behind an unknown schema is read; this process last, since it may only look late for what the
  others do.
* Nobody is blamed for a slow pace while somebody else holds the work up.
"""

from collections.abc import Callable, Sequence

from stream_classifier.core.answer import Lane
from stream_classifier.core.breaker import SUCCESSES
from stream_classifier.core.call import Signal
from stream_classifier.core.held_by import HeldBy
from stream_classifier.observe.live.answers import SLOW_ACKNOWLEDGEMENT_S, Answer, late
from stream_classifier.observe.live.history import Period
from stream_classifier.observe.live.state import ModelNow, Now
from stream_classifier.observe.live.words import duration, some

FELL_SHORT = 0.1  # this part of a minute's calls is no chance any more
WHY = {
    Signal.SERVER_ERROR: "it answers with errors",
    Signal.RESET: "it breaks connections off",
    Signal.TIMEOUT: "it does not answer in time",
}
"""What the remedies do not say already."""

WHOSE = {
    Signal.QUOTA: "Our account with the provider",
    Signal.KEY_REFUSED: "Our key for the provider",
    Signal.MODEL_UNKNOWN: "Our settings of the model",
    Signal.BAD_REQUEST: "Our settings of the model",
    Signal.UNREACHABLE: "The way to the provider",
    Signal.MALFORMED: "The model",
}


def outage(model: ModelNow) -> str:
    """What is the matter with a model that takes no calls, and what to do."""
    why = WHY.get(_signal(model))
    since = f"takes no calls for {duration(model.open_s)}{f': {why}' if why else ''}."
    return f"{since} {model.remedy} Tried again in {duration(model.probe_in_s)}."


def whose(now: Now, minute: Period) -> Answer:
    """Is it the provider or us?"""
    blamed = [answer for blame in BLAMES if (answer := blame(now, minute)) is not None]
    if not blamed and (ours := _blame_pace(now, minute)) is not None:
        return ours
    if not blamed:
        return Answer("Neither: all is well", "good", _calls_were_good(minute))
    first, *others = blamed
    also = "".join(f" Also: {other.short[0].lower()}{other.short[1:]}." for other in others)
    return Answer(first.short, first.tone, first.rest + also)


def _blame_kafka(now: Now, _minute: Period) -> Answer | None:
    if now.publishing_held or now.unacknowledged_s > SLOW_ACKNOWLEDGEMENT_S:
        return Answer("Kafka", "bad", "The brokers take nothing from us: see them, and the way to them.")
    if now.ready.ok or now.stopping or not now.alive.ok:
        return None
    return Answer(
        "Kafka, or the start", "wait", "This process has no partitions yet: the log says what it waits for."
    )


def _blame_registry(now: Now, _minute: Period) -> Answer | None:
    if not now.schemas_wait_s:
        return None
    since = f"It is away, or refuses us, for {duration(now.schemas_wait_s)}"
    rest = f"{since}: schema_registry_away in the log says what to mend."
    return Answer("The schema registry", "bad", rest)


def _blame_provider(now: Now, _minute: Period) -> Answer | None:
    if not now.out:
        return None
    rest = " ".join(f"{model.name} {outage(model)}" for model in now.out)
    return Answer(WHOSE.get(_signal(now.out[0]), "The provider"), "bad", rest)


def _blame_budget(now: Now, _minute: Period) -> Answer | None:
    spent = [lane for lane in Lane if now.lanes[lane].held_by is HeldBy.BUDGET]
    if not spent:
        return None
    lanes = " and ".join(spent)
    return Answer(
        "Our budget", "wait", f"That of {lanes} is spent until 00:00 UTC; to go on today, raise it."
    )


def _blame_limit(now: Now, minute: Period) -> Answer | None:
    """A refusal, or a pace that keeps to the limits while it grows late."""
    blamed = (HeldBy.LIMIT,) if late(now, minute).tone == "good" else (HeldBy.LIMIT, HeldBy.RATE)
    limited = [lane for lane in Lane if now.lanes[lane].held_by in blamed]
    if not limited:
        return None
    rest = f"It holds {' and '.join(limited)} back. Where that is often: raise the account's limit."
    return Answer("The account's rate limit", "wait", rest)


def _blame_calls(_now: Now, minute: Period) -> Answer | None:
    """No breaker is open, and yet calls fall short."""
    fell = {what: n for what, n in minute.calls.items() if what not in SUCCESSES}
    made, short = sum(minute.calls.values()), sum(fell.values())
    if not made or short < FELL_SHORT * made:
        return None
    kinds = ", ".join(f"{what.replace('_', ' ')} {n}" for what, n in sorted(fell.items()))
    return Answer(
        "The provider, in part", "wait", f"{short} of {made} calls of the last minute fell short: {kinds}."
    )


def _blame_stillness(now: Now, _minute: Period) -> Answer | None:
    if now.alive.ok:
        return None
    return Answer("This process", "bad", "It stands still and nothing else explains it. A restart helps.")


def _blame_pace(now: Now, minute: Period) -> Answer | None:
    """Asked only where there is nobody else to blame."""
    if late(now, minute).tone == "good":
        return None
    full = [lane for lane in Lane if now.lanes[lane].full]
    if full:
        slots = " and ".join(f"{now.lanes[lane].slots} {lane}" for lane in full)
        rest = f"All of its calls are under way ({slots}): raise llm.concurrency, or add replicas."
        return Answer("Us: more comes than we may ask", "wait", rest)
    return Answer(
        "Us", "wait", "Neither Kafka nor the provider holds anything up; the backlog takes its time."
    )


BLAMES: Sequence[Callable[[Now, Period], Answer | None]] = (
    _blame_kafka,
    _blame_registry,
    _blame_provider,
    _blame_budget,
    _blame_limit,
    _blame_calls,
    _blame_stillness,
)


def _calls_were_good(minute: Period) -> str:
    made = sum(minute.calls.values())
    return (
        f"{some(made, 'call')} in the last minute, and nothing holds them up."
        if made
        else "No call was needed."
    )


def _signal(model: ModelNow) -> Signal:
    return Signal(model.reason) if model.reason in set(Signal) else Signal.SERVER_ERROR
