"""What is seen of an endpoint without asking its model anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import orjson

HALF_A_SECOND = 0.5  # the header has whole seconds: on the average it is half of one old


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """`status` is None where no response came; `detail` says why, with the remedy. `ahead_s` is how far our
    clock is ahead of the endpoint's, None where it does not tell the time. `owners` are who owns its models,
    where its list says so."""

    status: int | None = None
    detail: str = ""
    ahead_s: float | None = None
    owners: frozenset[str] = frozenset()


def owners_in(body: bytes) -> frozenset[str]:
    """Who owns the models of a list as OpenAI's API gives it; nobody where it is anything else."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return frozenset()
    models = found.get("data") if isinstance(found, dict) else None
    entries = [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    return frozenset(owner for entry in entries if isinstance(owner := entry.get("owned_by"), str))


def clock_ahead_s(headers: Mapping[str, str], now: float) -> float | None:
    """How far our clock, at `now` (unix seconds), is ahead of a response's `Date`; None without one."""
    try:
        dated = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
    if dated.tzinfo is None:
        dated = dated.replace(tzinfo=UTC)
    return now - dated.timestamp() - HALF_A_SECOND
