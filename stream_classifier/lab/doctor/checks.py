"""What a check is, and how one after the other is tried.

Rules
-----
* A check says one line or several, each with a name of its own. One that raises `OperatorFault` or takes
  longer than its limit has said a fault.
* A check that needs a line which is not there, or is neither ok nor a note, is not tried: what it would say
  would only repeat that fault in other words.
* Nothing is changed by looking: no topic is made, nothing is committed or published.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stream_classifier.core.faults import OperatorFault

LIMIT_S = 20.0  # of one check, which may ask several brokers one thing each


class State(StrEnum):
    """What a line says."""

    OK = "ok"
    NOTE = "note"  # it works, and a person will want to know
    FAULT = "fault"
    NOT_CHECKED = "not checked"


GOOD = (State.OK, State.NOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was found: the sentence of a fault holds the remedy."""

    check: str
    state: State
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`name` is that of its line where it says but one; `needs` are names of lines before it. `why_not` is
    asked just before it: a reason not to try it, or None; a person may take any time to answer."""

    name: str
    run: Callable[[], Awaitable[Iterable[Line]]]
    needs: Sequence[str] = ()
    limit_s: float = LIMIT_S
    why_not: Callable[[], str | None] = lambda: None


def ok(check: str, sentence: str) -> Line:
    """All is well."""
    return Line(check=check, state=State.OK, sentence=sentence)


def note(check: str, sentence: str) -> Line:
    """It works, and a person will want to know this."""
    return Line(check=check, state=State.NOTE, sentence=sentence)


def fault(check: str, sentence: str) -> Line:
    """It does not work; the sentence says how to mend it."""
    return Line(check=check, state=State.FAULT, sentence=sentence)


def not_checked(check: str, why: str) -> Line:
    """It was not tried."""
    return Line(check=check, state=State.NOT_CHECKED, sentence=why)


async def examine(
    checks: Iterable[Check], trying: Callable[[str], None], good: set[str] | None = None
) -> AsyncIterator[Line]:
    """Try the checks in their order; `trying` is told the name of each before it begins. The names of
    good lines are added to `good`, where those of earlier checks stand."""
    good = set() if good is None else good
    for check in checks:
        missing = [name for name in check.needs if name not in good]
        if missing:
            yield not_checked(check.name, f"It needs this first: {missing[0]}.")
            continue
        if (why_not := check.why_not()) is not None:
            yield not_checked(check.name, why_not)
            continue
        trying(check.name)
        for line in await _tried(check):
            if line.state in GOOD:
                good.add(line.check)
            yield line


async def _tried(check: Check) -> list[Line]:
    try:
        async with asyncio.timeout(check.limit_s):
            return list(await check.run())
    except OperatorFault as found:
        return [fault(check.name, found.sentence)]
    except TimeoutError:
        return [
            fault(
                check.name,
                f"There was no answer within {check.limit_s:g} s: look at the load and the log of what was "
                "asked, and at the network between.",
            )
        ]
