"""Tickets to profile, and the service's parts for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stream_classifier.core.tally import Tally
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.lab.profile.columns import Tickets, Trait
from stream_classifier.lab.profile.profiling import Asked, Profile, profiled
from stream_classifier.lab.profile.sources import came
from stream_classifier.lab.profile.survey import Parts, Survey
from stream_classifier.lab.rows import Row, TicketRow
from stream_classifier.service.building import Builder
from stream_classifier.settings import Settings

LABELS = ["access", "billing", "bug"]
DAY_S = 1_767_600_000.0  # a Monday in January 2026


def the_settings(**groups: Any) -> Settings:
    return Settings(taxonomy=read_taxonomy({"labels": LABELS}), **groups)


async def builder(**groups: Any) -> Builder:
    return Builder(the_settings(**groups), Tally())


def tickets(*each: tuple[float, str], tokens: int = 30, traits: Mapping[int, Trait] | None = None) -> Tickets:
    """Tickets at these seconds with these texts; traits by place."""
    made = Tickets()
    for place, (at, text) in enumerate(each):
        trait = (traits or {}).get(place, Trait(0))
        made.add(at=at, key=text.encode().ljust(8, b"."), tokens=tokens, traits=trait, group=0)
    return made


def all_new(times: Iterable[float]) -> Tickets:
    """Tickets at these times, no two texts alike."""
    return tickets(*((at, f"n{place}") for place, at in enumerate(times)))


def rows(*each: dict[str, Any]) -> list[Row]:
    return [TicketRow(line=n, ticket={"id": n, **fields}) for n, fields in enumerate(each, 1)]


async def surveyed(found: Sequence[Row], limit: int = 10_000, **groups: Any) -> Survey:
    survey = Survey(parts=await Parts.of(the_settings(**groups)), limit=limit)
    for record in came(iter(found), None, survey.bad):
        survey.take(record)
    return survey


async def the_profile(found: Sequence[Row], asked: Asked | None = None, **groups: Any) -> Profile:
    survey = await surveyed(found, **groups)
    return profiled(survey, asked or Asked(source="rows"), whole=True, told=lambda _phase: None)


def every(step_s: float, number: int) -> list[Row]:
    """Rows with texts of their own, one each `step_s`."""
    texts = ({"body": f"Button {n} does nothing", "created_at": DAY_S + n * step_s} for n in range(number))
    return rows(*texts)
