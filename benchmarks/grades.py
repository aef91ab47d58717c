"""What a run under a fault is worth: each ticket's event held against the truth.

Pure arithmetic. The truth is known beforehand: the simulated provider labels by a rule.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]
"""A labelled event, as it stands on the labels topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grades:
    """Every ticket is one of right, wrong, for review, lost; `repeated` counts events beyond its first."""

    right: int
    wrong: int
    reviews: Mapping[str, int]  # by reason
    repeated: int
    lost: int

    @property
    def tickets(self) -> int:
        """How many came in."""
        return self.right + self.wrong + sum(self.reviews.values()) + self.lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """What must come of a run. `may_be_wrong`: the fault cannot be told from a right reply."""

    reviews: Mapping[str, int]
    may_be_wrong: bool = False


def grade(truth: Mapping[str, str], events: Iterable[Event]) -> Grades:
    """Hold events, in the order of the topic, against the label that each ticket (by its id) should have."""
    seen: set[str] = set()
    verdicts: Counter[str] = Counter()
    reviews: Counter[str] = Counter()
    for event in events:
        if event["event_id"] in seen:
            verdicts["repeated"] += 1
            continue
        seen.add(event["event_id"])
        if event["status"] == "labelled":
            verdicts["right" if event["label"] == truth[event["ticket_id"]] else "wrong"] += 1
        else:
            reviews[event["reason"]] += 1
    return Grades(
        right=verdicts["right"],
        wrong=verdicts["wrong"],
        reviews=reviews,
        repeated=verdicts["repeated"],
        lost=len(truth) - len(seen),
    )


def shortcomings(grades: Grades, required: Required) -> list[str]:
    """A sentence for each thing that is not as it must be; none where all is."""
    found = []
    if grades.wrong and not required.may_be_wrong:
        found.append(f"{grades.wrong} tickets have a wrong label.")
    if grades.lost:
        found.append(f"Of {grades.lost} tickets nothing came out.")
    if grades.repeated:
        found.append(f"{grades.repeated} events came a second time.")
    if dict(grades.reviews) != dict(required.reviews):
        found.append(f"For review are {told(grades.reviews)}; it should be {told(required.reviews)}.")
    return found


def told(reviews: Mapping[str, int]) -> str:
    """`2 refused, 1 unsure`, the most frequent reason first."""
    ordered = sorted(reviews.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {reason}" for reason, count in ordered) or "none"
