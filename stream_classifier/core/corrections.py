"""People's corrections that are in force, by text and tenant.

Rules
-----
* The last record of a key counts. One that is refused takes the one before it out of force: once the topic
  is compacted nothing else of that key is left, and every pod must come to the same, whenever it began.
* A tenant's own correction goes before the one for all.

One takes 165 bytes, 300 where it is for a tenant: its digest, and a place in a table. Labels are kept once,
however many corrections share them.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from stream_classifier.core.answer import DecidedBy
from stream_classifier.core.correction import NotACorrection, Place, Refusal, place_of, read_correction
from stream_classifier.core.journey import Decision
from stream_classifier.core.taxonomy import Taxonomy

MAX_CORRECTIONS = 1_000_000
"""In force at a time, 165 to 300 MB: more than people write; a program that writes more has gone wrong."""

NO_LABEL = ""  # in counts: the model gave no label, nobody told which, or it is none of today's


class Verdict(NamedTuple):
    """The part of a correction that is kept: labels, and what the model had said."""

    labels: tuple[str, ...]
    was: tuple[str | None, ...]


@dataclass(slots=True, kw_only=True)
class Corrections:
    """Those in force. `prefix` is what today's digests begin with; `empty` is for the hot path."""

    taxonomy: Taxonomy
    prefix: str
    max_entries: int = MAX_CORRECTIONS
    empty: bool = True
    for_all: dict[str, Verdict] = field(default_factory=dict)
    for_one: dict[Place, Verdict] = field(default_factory=dict)
    held: dict[Verdict, tuple[Verdict, int]] = field(default_factory=dict)  # the one copy, and how often

    def __len__(self) -> int:
        return len(self.for_all) + len(self.for_one)

    def verdict(self, digest: str, tenant: str | None) -> Verdict | None:
        """What a person said of this text for this tenant."""
        own = self.for_one.get(Place(digest, tenant)) if self.for_one else None
        return own or self.for_all.get(digest)

    def decision(self, digest: str, tenant: str | None) -> Decision | None:
        """The same, as it decides a ticket."""
        verdict = self.verdict(digest, tenant)
        if verdict is None:
            return None
        taxonomy_digest = self.taxonomy.digest
        return Decision(labels=verdict.labels, decided_by=DecidedBy.OVERRIDE, taxonomy_digest=taxonomy_digest)

    def take(self, key: bytes | None, value: bytes | None) -> Place:
        """Take a record; a null value takes back. Raises `NotACorrection`: then its key has none in force."""
        place = place_of(key)
        self._remove(place)
        if value is not None:
            correction = read_correction(place, value, self.taxonomy, self.prefix)
            if len(self) >= self.max_entries:
                limit = f"{self.max_entries:,} corrections are in force, which is the limit."
                raise NotACorrection(Refusal.TOO_MANY, limit, place.digest)
            self._put(place, Verdict(correction.labels, correction.was))
        return place

    def anew(self) -> "Corrections":
        """An empty table, to read the topic into once more."""
        return Corrections(taxonomy=self.taxonomy, prefix=self.prefix, max_entries=self.max_entries)

    def adopt(self, other: "Corrections") -> None:
        """From now on what `other` holds is in force, and nothing else."""
        self.for_all, self.for_one, self.held = other.for_all, other.for_one, other.held
        self.empty = other.empty

    def disagreements(self) -> dict[tuple[str, ...], float]:
        """By question, what the model had said and what a person said: how many corrections."""
        counts: dict[tuple[str, ...], float] = {}
        for verdict, uses in self.held.values():
            for question, was, now in zip(self.taxonomy.questions, verdict.was, verdict.labels, strict=True):
                if was != now:
                    row = (question.name, was or NO_LABEL, now)
                    counts[row] = counts.get(row, 0) + uses
        return counts

    def _put(self, place: Place, verdict: Verdict) -> None:
        held, uses = self.held.get(verdict, (verdict, 0))
        self.held[held] = (held, uses + 1)
        if place.tenant is None:
            self.for_all[place.digest] = held
        else:
            self.for_one[place] = held
        self.empty = False

    def _remove(self, place: Place) -> None:
        general = place.tenant is None
        verdict = self.for_all.pop(place.digest, None) if general else self.for_one.pop(place, None)
        if verdict is None:
            return
        held, uses = self.held[verdict]
        if uses > 1:
            self.held[held] = (held, uses - 1)
        else:
            del self.held[held]
        self.empty = not len(self)
