"""What each failure of a call gets: a table from signal to remedy.

Rules
-----
* A row's steps are tried in turn, one for each time that the same batch has failed with this signal; the
  last one stays.
* A batch that is known to hold poison (the constant record passed where it failed) is not retried
  again at each level: it is split until the cause stands alone.
* Nobody ends for what may be the provider's fault. A text whose call failed ends when its attempts are used
  up and the constant record has passed after the last of them: it may be a neighbour of the cause, and the
  provider may be away by now. So does one whose reply held to no form at all: a model that never holds to
  it would send every ticket to a person.
* What no text can cause (a connection that was never made) is never poison.
* Nobody ends for what a neighbour did: only a text by itself is reviewed, and the last attempt is alone.
* Attempts are counted per text. A failure that says nothing about the texts (a limit, an outage, a
  connection that was never made) takes none from them, or gives back what it took.
* A text that a sound reply left out is asked once more with others, then alone; after `FLAWS_MAX` such
  replies a person must look.
* What a remedy needs and cannot have (a fallback model that is not set, a rung below the last) is
  passed over: the next step is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stream_classifier.core.answer import Reason
from stream_classifier.core.breaker import PROBE_FAILURES
from stream_classifier.core.call import Signal

FLAWS_MAX = 3  # asked with others, once more with others, then alone


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
    make the call fail; `reason` is what a text that ends here is reviewed for."""

    steps: tuple[Remedy, ...]
    single: tuple[Remedy, ...]
    poison: bool = False
    counts: bool = True  # whether the call takes an attempt from its texts
    reason: Reason = Reason.UNANSWERED


_RETRIED = (Remedy.AGAIN, Remedy.AGAIN, Remedy.FALLBACK, Remedy.PROBE)
_TIMED_OUT = (Remedy.AGAIN, Remedy.FALLBACK, Remedy.PROBE)
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
    passed where this batch failed, or the one that it is a part of; `passed` that it passed after this call.
    `attempts_left` is what the text with the fewest has left after this call. `ending`: a text of it has no
    attempt left, or as many flawed replies as it may have. `paused`: the model's breaker is open.
    """

    signal: Signal
    texts: int
    failures: int = 0
    poison: bool = False
    passed: bool = False
    attempts_left: int = 1
    ending: bool = False
    has_fallback: bool = False
    paused: bool = False


def remedy(case: Case) -> Remedy:
    """The next step for the texts of this call."""
    row = TABLE[case.signal]
    if case.paused and case.attempts_left > 0 and not case.ending:
        return Remedy.OUTAGE
    if case.poison and row.poison:
        return _poisoned(row, case)
    return _possible(_step(row.steps if case.texts > 1 else row.single, case), row, case)


def for_one(flaws: int, attempts_left: int) -> Remedy:
    """What a text gets that so many replies did not answer: AGAIN is together with others."""
    if flaws >= FLAWS_MAX or attempts_left <= 0:
        return Remedy.REVIEW
    return Remedy.AGAIN if flaws == 1 and attempts_left > 1 else Remedy.ALONE


def _possible(step: Remedy, row: Row, case: Case) -> Remedy:
    """The row's step, or what stands for it where that cannot be."""
    if step is Remedy.SPLIT and case.attempts_left <= 1:
        return Remedy.ALONE
    if step in _ASKS_AGAIN and case.attempts_left <= 0 and row.counts:
        return Remedy.PROBE
    if step is Remedy.KEEP and case.ending and case.signal in PROBE_FAILURES and not case.passed:
        return Remedy.PROBE
    if step is Remedy.PROBE and case.passed:
        return Remedy.AGAIN  # no text is to blame, and the provider is back
    return step


def _poisoned(row: Row, case: Case) -> Remedy:
    if case.texts > 1:
        return Remedy.SPLIT if case.attempts_left > 1 else Remedy.ALONE
    if Remedy.AGAIN in row.single and case.attempts_left > 0:
        return Remedy.AGAIN
    return Remedy.REVIEW if case.passed else Remedy.PROBE


def _step(steps: tuple[Remedy, ...], case: Case) -> Remedy:
    usable = [s for s in steps if s is not Remedy.FALLBACK or case.has_fallback]
    return usable[min(case.failures, len(usable) - 1)]
