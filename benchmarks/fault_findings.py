"""What was found in a run under a fault, and whether it is as it must be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, inf

from benchmarks.fault_rows import NO_FAULT, Row
from benchmarks.grades import Event, Grades, Required, shortcomings

DEADLINE_SLACK_MS = 1000.0  # for the record's way in and the event's way out, on a busy machine
CALLS_A_MINUTE = 9  # while a breaker is open: fewer than ten
RESUMES_WITHIN_S = 35.0  # of the mending: probes are half a minute apart at the most


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """What came of the tickets while a fault struck some calls."""

    row: Row
    grades: Grades
    strikes: int  # calls that got no sound reply
    calls: int
    seconds: float  # from the first call to the last event

    @property
    def shortcomings(self) -> list[str]:
        """What is not as it must be, a sentence each."""
        unproven = [] if self.strikes or self.row is NO_FAULT else ["The fault never struck."]
        return shortcomings(self.grades, self.row.required) + unproven


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlived:
    """What came of the tickets in an outage and after its end.

    `calls` were made while the breaker was open, which was `outage_s`; None where none opened. `late_ms` are
    the least and the most that urgent events came after their deadline.
    """

    row: Row
    grades: Grades
    outage_s: float
    urgent: int
    labelled_meanwhile: int
    unpublished: int  # records below the committed offsets, just before the end, without an event
    calls: int | None
    late_ms: tuple[float, float]
    resumed_after_s: float  # from the mending to the first label

    @property
    def calls_allowed(self) -> int:
        """Fewer than ten in each minute that has begun."""
        return CALLS_A_MINUTE * ceil(self.outage_s / 60)

    @property
    def shortcomings(self) -> list[str]:
        """What is not as it must be, a sentence each."""
        judged = (
            (self.labelled_meanwhile, f"{self.labelled_meanwhile} tickets were labelled during the outage."),
            (self.unpublished, f"{self.unpublished} records were committed before they were published."),
            (self.calls is None, "The service did not pause."),
            ((self.calls or 0) > self.calls_allowed, f"{self.calls} calls were made during the outage."),
            (self.late_ms[0] < 0, f"An urgent event came {-self.late_ms[0]:.0f} ms before its deadline."),
            (self.late_ms[1] > DEADLINE_SLACK_MS, f"An urgent event came {self.late_ms[1]:.0f} ms late."),
            (self.resumed_after_s > RESUMES_WITHIN_S, f"Work resumed after {self.resumed_after_s:.0f} s."),
        )
        found = shortcomings(self.grades, Required(reviews={"deadline": self.urgent}))
        return found + [sentence for holds_not, sentence in judged if holds_not]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """All that was found; `ideal` is the run without a fault."""

    seed: int
    outage_s: float
    ideal: Struck
    struck: Sequence[Struck]
    outlived: Sequence[Outlived]

    @property
    def shortcomings(self) -> Mapping[str, Sequence[str]]:
        """By failure, what is not as it must be."""
        found = [(entry.row.failure, entry.shortcomings) for entry in (self.ideal, *self.struck)]
        found += [(entry.row.failure, entry.shortcomings) for entry in self.outlived]
        return {failure: sentences for failure, sentences in found if sentences}


def outlived(
    row: Row,
    grades: Grades,
    events: Sequence[Event],
    *,
    deadline_s: float,
    outage_s: float,
    calls: int | None,
    unpublished: int,
    mended_at: float,
) -> Outlived:
    """Judge an outage by the events that came; `mended_at` is the Unix time of its end."""
    urgent = [event for event in events if event["lane"] == "urgent"]
    late_ms = [event["latency_ms"] - deadline_s * 1000 for event in urgent]
    labelled = [event for event in events if event["status"] == "labelled"]
    after_s = [at(event) - mended_at for event in labelled]
    return Outlived(
        row=row,
        grades=grades,
        outage_s=outage_s,
        urgent=len(urgent),
        labelled_meanwhile=sum(seconds < 0 for seconds in after_s),
        unpublished=unpublished,
        calls=calls,
        late_ms=(min(late_ms, default=0.0), max(late_ms, default=0.0)),
        resumed_after_s=min((seconds for seconds in after_s if seconds >= 0), default=inf),
    )


def at(event: Event) -> float:
    """The Unix time at which an event was handed to the producer."""
    return datetime.fromisoformat(event["labelled_at"]).timestamp()
