"""The configurations that are compared: the one in force, or every combination of a grid's values over it.

Rules
-----
* A value of the grid goes before file and environment. What is wrong with one is told as for any setting, and
  all faults of all values together.
* Only what an answer can follow from may be in a grid (`ANSWER_SETTINGS`): of anything else the answers would
  be the same ones, and the comparison empty.
* A configuration's digest is taken over all of those settings, and over nothing else: other limits, another
  key or another price do not make an answer that is paid for another one. The provider's address is part of
  it, since the same model's name means something else elsewhere.
* Fallback models and daily budgets are out of force: an outage would be measured as another model, and what
  may be spent is said for the evaluation as a whole.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any

import orjson

from stream_classifier.core.faults import ConfigurationFaults, Fault
from stream_classifier.settings import Loaded, Settings, load_traced
from stream_classifier.settings.environment import PREFIX
from stream_classifier.settings.expected import leaves
from stream_classifier.settings.location import parse_dotted

AS_CONFIGURED = "as configured"
MAX_CONFIGURATIONS = 50  # more than anybody reads side by side, and every one is paid for
DIGEST_CHARS = 16
ANSWER_SETTINGS = (
    "llm.base_url",
    "llm.headers",
    "llm.model",
    "llm.urgent_model",
    "llm.params",
    "llm.reply_format",
    "llm.max_attempts",
    "llm.context_tokens",
    "batch.max_tickets",
    "batch.max_tokens",
    "batch.isolate_tenants",
    "ticket",
    "triage",
    "taxonomy",
)
"""What an answer can follow from, here: settings, or groups as a whole. `batch.max_wait_s` is not among them,
because the rows of a file are all there at once."""

PARAMS = "llm.params."  # what a path below begins with
OPENING, CLOSING = "[{", "]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One `--grid`: a setting's path, and the values that it takes in turn."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One of those that are compared. `chosen` are the grid's values, by path; `digest` names all that
    answers follow from."""

    name: str
    chosen: Mapping[str, str]
    settings: Settings
    digest: str


def parse_axis(written: str) -> Axis:
    """`batch.max_tickets=1,5,10` as an axis. Commas within brackets or quotes part nothing. Raises
    `ConfigurationFaults`."""
    path, equals, values = written.partition("=")
    path, parts = path.strip(), tuple(part.strip() for part in _parted(values))
    if not equals or not path or not all(parts):
        raise _fault(
            path or written, "is not a grid: write a setting, `=` and values, as `batch.max_tickets=1,5,10`"
        )
    if len(set(parts)) < len(parts):
        raise _fault(path, "holds the same value twice; take one out")
    if (refused := _refusal(path)) is not None:
        raise _fault(path, refused)
    return Axis(path=path, values=parts)


def configurations(
    path: Path | None, environ: Mapping[str, str], axes: Sequence[Axis]
) -> tuple[Configuration, ...]:
    """Every combination of the axes' values, the last axis turning fastest; without axes the settings in
    force. Raises `ConfigurationFaults` with all that is wrong."""
    _refuse_repeats(axes)
    found: list[Configuration] = []
    faults: dict[Fault, None] = {}
    for values in product(*(axis.values for axis in axes)):
        chosen = dict(zip((axis.path for axis in axes), values, strict=True))
        try:
            found.append(_configuration(path, environ, chosen))
        except ConfigurationFaults as error:
            faults.update(dict.fromkeys(error.faults))
    if faults:
        raise ConfigurationFaults(faults)
    return tuple(found)


def answer_digest(settings: Settings) -> str:
    """Names all settings that an answer follows from; secrets have no part in it."""
    whole, picked = settings.in_force(), {}
    for name in ANSWER_SETTINGS:
        group, _, key = name.partition(".")
        picked[name] = whole[group][key] if key else whole[group]
    canonical = orjson.dumps(picked, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:DIGEST_CHARS]


def _configuration(path: Path | None, environ: Mapping[str, str], chosen: Mapping[str, str]) -> Configuration:
    names = {_variable(setting): setting for setting in chosen}
    over = _variables(chosen, environ)
    upper = {name.upper() for name in over}
    kept = {name: text for name, text in environ.items() if name.upper() not in upper}
    try:
        loaded = load_traced(path, {**kept, **over})
    except ConfigurationFaults as error:
        raise ConfigurationFaults(_as_grid(fault, names) for fault in error.faults) from error
    _refuse_beaten(loaded, chosen)
    settings = _alone(loaded.settings)
    told = ", ".join(f"{setting}={value}" for setting, value in chosen.items())
    return Configuration(
        name=told or AS_CONFIGURED, chosen=chosen, settings=settings, digest=answer_digest(settings)
    )


def _alone(settings: Settings) -> Settings:
    """The same without what would measure something else: fallbacks, daily budgets, the service's cache."""
    off = {"budget_usd_per_day": None}
    groups = {
        "llm": settings.llm.model_copy(update=off | {"fallback_models": ()}),
        "urgent": settings.urgent.model_copy(update=off),
        "cache": settings.cache.model_copy(update={"backend": "memory", "url": None, "refresh": False}),
    }
    return settings.model_copy(update=groups)


def _variables(chosen: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The values as environment variables. What lies in `llm.params` goes as one JSON, over what the
    environment has there: a variable of its own would make a text of a `0`."""
    variables = {_variable(path): value for path, value in chosen.items() if not path.startswith(PARAMS)}
    params = {path.removeprefix(PARAMS): value for path, value in chosen.items() if path.startswith(PARAMS)}
    if params:
        name = _variable(PARAMS)
        before = _as_json(next((text for key, text in environ.items() if key.upper() == name), "{}"))
        given = {key: _as_json(value) for key, value in params.items()}
        variables[name] = orjson.dumps((before if isinstance(before, dict) else {}) | given).decode()
    return variables


def _variable(path: str) -> str:
    if path.startswith(PARAMS):
        path = "llm.params"
    return f"{PREFIX}{path.replace('.', '__').upper()}"


def _as_json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _as_grid(fault: Fault, names: Mapping[str, str]) -> Fault:
    """The fault, read from the grid and not from the variable by which it was handed over."""
    origin = fault.origin
    for name, path in names.items():
        origin = origin.replace(name, f"--grid {path}")
    return Fault(fault.path, fault.sentence, origin)


def _refuse_beaten(loaded: Loaded, chosen: Mapping[str, str]) -> None:
    """A mounted secret goes before everything; a grid that it beats would compare a setting with itself."""
    for path in chosen:
        origin = loaded.origin(*map(str, parse_dotted(path)))
        if _variable(path) not in origin:
            raise _fault(path, f"is set by {origin}, which goes before --grid: take it out there")


def _refuse_repeats(axes: Sequence[Axis]) -> None:
    paths = [axis.path for axis in axes]
    for path in dict.fromkeys(paths):
        if paths.count(path) > 1:
            raise _fault(path, "is in --grid twice; write all of its values after one")
    if PARAMS.rstrip(".") in paths and any(path.startswith(PARAMS) for path in paths):
        raise _fault("llm.params", "is in --grid as a whole and in part; write whole mappings as its values")
    combinations = 1
    for axis in axes:
        combinations *= len(axis.values)
    if combinations > MAX_CONFIGURATIONS:
        raise _fault(paths[0], f"makes {combinations} configurations; {MAX_CONFIGURATIONS} may be compared")


def _refusal(path: str) -> str | None:
    """Why this path may not be in a grid."""
    known = [leaf for leaf, _ in leaves(Settings)]
    if not any(path == leaf or path.startswith(f"{leaf}.") for leaf in known):
        near = get_close_matches(path, known, n=1)
        return "is not a setting; " + (f"did you mean `{near[0]}`?" if near else "see docs/configuration.md")
    if any(path == name or path.startswith(f"{name}.") for name in ANSWER_SETTINGS):
        return None
    return "changes no answer here, so there is nothing to compare; take it out of --grid"


def _fault(path: str, sentence: str) -> ConfigurationFaults:
    return ConfigurationFaults([Fault(path, sentence, "--grid")])


def _parted(values: str) -> Iterator[str]:
    """The parts between commas that stand in no bracket and no quotes."""
    depth, quoted, begun = 0, False, 0
    for place, char in enumerate(values):
        if char == '"':
            quoted = not quoted
        elif not quoted:
            depth += (char in OPENING) - (char in CLOSING)
        if char == "," and not quoted and depth <= 0:
            yield values[begun:place]
            begun = place + 1
    yield values[begun:]
