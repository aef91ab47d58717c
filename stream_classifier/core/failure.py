"""What each failure of a call gets: a table from signal to remedy.

Rules
-----
* A row's steps are tried in turn, one for each time that the same batch has failed; the last one stays.
* A batch that is known to hold poison (the constant record passed where it failed) is not retried
  again at each level: it goes on to its row's `poison` step.
* Attempts are counted per text. A failure that says nothing about the texts (a limit, an outage, a
  connection that was never made) takes none from them, or gives back what it took.
* What a remedy needs and cannot have (a fallback model that is not set, a rung below the last) is
  passed over: the next step is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stream_classifier.core.answer import Reason
from stream_classifier.core.call import Signal


class Remedy(StrEnum):
    """What is done next with the texts of a call that fell short."""

    AGAIN = "again"  # the same texts once more, after a backoff
    WAIT = "wait"  # the same texts once more, when the limit allows it: never split, that adds requests
    RUNG = "rung"  # the same texts at once, without what the endpoint refused
    FALLBACK = "fallback"  # the same texts to the next model
    PROBE = "probe"  # ask the constant record: if it passes the batch holds poison, if not it is an outage
    OUTAGE = "outage"  # open the breaker; the texts wait for it to close
    SPLIT = "split"  # two halves
    ALONE = "alone"  # each by itself, side by side
    KEEP = "keep"  # keep what is verified, ask the rest again
    TRUNCATE = "truncate"  # cut the text once more
    REVIEW = "review"  # a person must look


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One signal's remedies. `steps` for a batch, `single` for one text, `poison` for a batch that is
    known to hold the cause; `reason` is what a text that ends here is reviewed for."""

    steps: tuple[Remedy, ...]
    single: tuple[Remedy, ...]
    poison: Remedy = Remedy.SPLIT
    counts: bool = True  # whether the call takes an attempt from its texts
    reason: Reason = Reason.UNANSWERED


_RETRIED = (Remedy.AGAIN, Remedy.AGAIN, Remedy.FALLBACK, Remedy.PROBE)
_TIMED_OUT = (Remedy.AGAIN, Remedy.FALLBACK, Remedy.PROBE)

TABLE: Mapping[Signal, Row] = {
    Signal.ANSWERED: Row(steps=(Remedy.KEEP,), single=(Remedy.KEEP,)),
    Signal.MALFORMED: Row(steps=(Remedy.KEEP,), single=(Remedy.KEEP,)),
    Signal.LENGTH: Row(steps=(Remedy.SPLIT,), single=(Remedy.KEEP,)),
    Signal.OVERFLOW: Row(
        steps=(Remedy.SPLIT,), single=(Remedy.TRUNCATE, Remedy.REVIEW), reason=Reason.TOO_LONG
    ),
    Signal.REFUSED: Row(steps=(Remedy.ALONE,), single=(Remedy.REVIEW,), reason=Reason.REFUSED),
    Signal.RATE_LIMITED: Row(steps=(Remedy.WAIT,), single=(Remedy.WAIT,), counts=False),
    Signal.FORMAT_REFUSED: Row(steps=(Remedy.RUNG,), single=(Remedy.RUNG,), counts=False),
    Signal.QUOTA: Row(
        steps=(Remedy.FALLBACK, Remedy.OUTAGE), single=(Remedy.FALLBACK, Remedy.OUTAGE), counts=False
    ),
    Signal.KEY_REFUSED: Row(
        steps=(Remedy.FALLBACK, Remedy.OUTAGE), single=(Remedy.FALLBACK, Remedy.OUTAGE), counts=False
    ),
    Signal.MODEL_UNKNOWN: Row(
        steps=(Remedy.FALLBACK, Remedy.OUTAGE), single=(Remedy.FALLBACK, Remedy.OUTAGE), counts=False
    ),
    Signal.BAD_REQUEST: Row(
        steps=(Remedy.FALLBACK, Remedy.OUTAGE), single=(Remedy.FALLBACK, Remedy.OUTAGE), counts=False
    ),
    Signal.SERVER_ERROR: Row(steps=_RETRIED, single=_RETRIED),
    Signal.RESET: Row(steps=_RETRIED, single=_RETRIED),
    Signal.UNREACHABLE: Row(steps=_RETRIED, single=_RETRIED, counts=False),
    Signal.TIMEOUT: Row(steps=_TIMED_OUT, single=_TIMED_OUT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the policy looks at. `failures` counts this batch's earlier failures in a row; `poison` says
    that the constant record passed where this batch failed; `attempts_left` is that of the text with
    the fewest, this call's included."""

    signal: Signal
    texts: int
    failures: int = 0
    poison: bool = False
    attempts_left: int = 1
    has_fallback: bool = False


def remedy(case: Case) -> Remedy:
    """The next step for the texts of this call."""
    row = TABLE[case.signal]
    if case.poison and row.steps[-1] is Remedy.PROBE:
        step = row.poison if case.texts > 1 else Remedy.REVIEW
    else:
        step = _step(row.steps if case.texts > 1 else row.single, case)
    if step is Remedy.SPLIT and case.attempts_left <= 1:
        return Remedy.ALONE  # the last attempt: nobody ends for what a neighbour did
    return step


def _step(steps: tuple[Remedy, ...], case: Case) -> Remedy:
    usable = [s for s in steps if s is not Remedy.FALLBACK or case.has_fallback]
    return usable[min(case.failures, len(usable) - 1)]
