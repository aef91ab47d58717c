"""What each failure of a call gets: a table from signal to remedy.

Rules
-----
* A row's steps are tried in turn, one for each time that the same batch has failed with this signal; the
  last one stays.
* A batch that is known to hold poison (the constant record passed where it failed) is not retried
  again at each level: it is split until the cause stands alone. A text alone ends only when the constant
  record has passed once more: it may be a neighbour of the cause, and the provider may be away by now.
* What no text can cause (a connection that was never made) is never poison.
* Nobody ends for what a neighbour did: only a text by itself is reviewed, and the last attempt is alone.
  A text whose attempts are used up is not asked again before the constant record has shown whose fault
  it was.
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
    """One signal's remedies: `steps` for a batch, `single` for one text. `poison` says whether a text can
    be the cause; `reason` is what a text that ends here is reviewed for."""

    steps: tuple[Remedy, ...]
    single: tuple[Remedy, ...]
    poison: bool = False
    counts: bool = True  # whether the call takes an attempt from its texts
    reason: Reason = Reason.UNANSWERED


_RETRIED = (Remedy.AGAIN, Remedy.AGAIN, Remedy.FALLBACK, Remedy.PROBE)
_TIMED_OUT = (Remedy.AGAIN, Remedy.FALLBACK, Remedy.PROBE)
_POISON = (Remedy.SPLIT,)
_POISON_SINGLE = (Remedy.PROBE, Remedy.REVIEW)
_ASKS_AGAIN = frozenset({Remedy.AGAIN, Remedy.FALLBACK})

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
    # One text can make a provider refuse the whole request; where it refuses the constant record too, the
    # breaker opens. Opened at once it would close at the next probe, and the same batch open it again.
    Signal.BAD_REQUEST: Row(steps=(Remedy.PROBE,), single=(Remedy.PROBE,), poison=True),
    Signal.SERVER_ERROR: Row(steps=_RETRIED, single=_RETRIED, poison=True),
    Signal.RESET: Row(steps=_RETRIED, single=_RETRIED, poison=True),
    Signal.UNREACHABLE: Row(steps=_RETRIED, single=_RETRIED, counts=False),
    Signal.TIMEOUT: Row(steps=_TIMED_OUT, single=_TIMED_OUT, poison=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the policy looks at.

    `failures` counts this batch's earlier failures with this signal. `poison` says that the constant record
    passed where this batch failed, or the one that it is a part of. `attempts_left` is what the text with
    the fewest has left after this call.
    """

    signal: Signal
    texts: int
    failures: int = 0
    poison: bool = False
    attempts_left: int = 1
    has_fallback: bool = False


def remedy(case: Case) -> Remedy:
    """The next step for the texts of this call."""
    row = TABLE[case.signal]
    step = _step(_steps(row, case), case)
    if step is Remedy.SPLIT and case.attempts_left <= 1:
        return Remedy.ALONE
    if step in _ASKS_AGAIN and case.attempts_left <= 0 and row.counts:
        return Remedy.PROBE
    return step


def _steps(row: Row, case: Case) -> tuple[Remedy, ...]:
    if case.poison and row.poison:
        return _POISON if case.texts > 1 else _POISON_SINGLE
    return row.steps if case.texts > 1 else row.single


def _step(steps: tuple[Remedy, ...], case: Case) -> Remedy:
    usable = [s for s in steps if s is not Remedy.FALLBACK or case.has_fallback]
    return usable[min(case.failures, len(usable) - 1)]
