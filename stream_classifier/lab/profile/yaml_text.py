"""The recommended configuration as YAML that can be pasted: only what differs from what is in force, or was
decided by the profile."""

from collections.abc import Mapping
from typing import Any

import yaml

from stream_classifier.settings import Settings

STAND_IN = "# These labels only stand in: none were configured. Put your own in their place.\n"


def yaml_text(
    settings: Settings, *, max_tickets: int, max_wait_s: float, concurrency: int, ttl_s: float, answers: int
) -> str:
    """The groups `batch`, `cache`, and what must go with them; `answers` are kept at once at the most."""
    recommended: dict[str, dict[str, Any]] = {
        "batch": {"max_tickets": max_tickets, "max_wait_s": _plain(max(max_wait_s, _SHORTEST_WAIT_S))},
        "cache": {"ttl_s": _plain(ttl_s)},
    }
    if answers > settings.cache.max_entries:
        recommended["cache"]["max_entries"] = _rounded_up(answers)
    if concurrency != settings.llm.concurrency:
        recommended["llm"] = {"concurrency": concurrency}
    least = 2 * concurrency * max_tickets  # as the settings demand
    if least > settings.kafka.max_in_flight_tickets:
        recommended["kafka"] = {"max_in_flight_tickets": _rounded_up(least)}
    return yaml.safe_dump(recommended, sort_keys=False)


def taxonomy_text(taxonomy: Mapping[str, Any]) -> str:
    """A taxonomy that stands in for one that is not configured."""
    return STAND_IN + yaml.safe_dump({"taxonomy": dict(taxonomy)}, sort_keys=False, allow_unicode=True)


_SHORTEST_WAIT_S = 0.1  # batches of one are full at once: the deadline does not matter, but must be one


def _plain(number: float) -> float | int:
    """Whole numbers without their `.0`, as people write them."""
    return int(number) if float(number).is_integer() else number


def _rounded_up(number: int) -> int:
    """A fifth more than needed, in two digits."""
    unit = int(10 ** max(len(str(number)) - 2, 0))
    return -(-number * 6 // 5 // unit) * unit
