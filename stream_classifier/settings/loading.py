"""From what was read to `Settings`, or to everything that is wrong.

A value at fault is set aside and its default stands in, so that the rest can be checked all the same: the
other values, what this version does not do, and what contradicts. What would need the value set aside is
not judged. Nothing of the stand-ins leaves this file: where there is a fault, there are no settings.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stream_classifier.core.faults import ConfigurationFaults, Fault
from stream_classifier.core.taxonomy import Taxonomy, TaxonomyFaults, read_taxonomy
from stream_classifier.settings.contradictions import contradictions
from stream_classifier.settings.expected import leaves, sentence
from stream_classifier.settings.location import Loc, dotted, parse_dotted
from stream_classifier.settings.reading import Reading, read
from stream_classifier.settings.root import Settings
from stream_classifier.settings.yaml_file import YamlFile, read_yaml

TAXONOMY_FILE = "its file"
NO_TAXONOMY = "is missing; write your labels there, or the path of a YAML file that holds them"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and how they were read."""

    settings: Settings
    reading: Reading

    def origin(self, *loc: str) -> str:
        """Where a setting came from (`stream-classifier.yaml:12`, a variable's name); empty: its default."""
        return self.reading.origin(loc)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of a file (None: `stream-classifier.yaml`, if it exists) and an environment.

    Raises `ConfigurationFaults` with all that is wrong.
    """
    return load_traced(path, environ).settings


def load_traced(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """As `load`, with the origin of each value."""
    reading = read(path, environ)
    if not reading.complete:
        raise ConfigurationFaults(reading.faults)
    taxonomy, faults = _taxonomy(reading)
    settings, more = _check({**reading.tree, "taxonomy": taxonomy}, reading)
    faults = [*reading.faults, *more, *faults]
    if faults:
        raise ConfigurationFaults(faults)
    return Loaded(settings, reading)


def _check(tree: dict[str, Any], reading: Reading) -> tuple[Settings, list[Fault]]:
    """Settings, with defaults for what is at fault, and the faults."""
    settings, errors = _validate(tree)
    faults = [Fault(dotted(e["loc"]), sentence(e, Settings), reading.origin(e["loc"])) for e in errors]
    faulty = _settings_at({dotted(error["loc"][:2]) for error in errors})
    rules = contradictions(settings, faulty)
    return settings, faults + [_fault(rule.sentence, reading, *rule.paths) for rule in rules]


def _settings_at(spots: set[str]) -> frozenset[str]:
    """The settings that these paths name, or that stand in the groups that they name."""
    paths = (path for path, _ in leaves(Settings))
    return frozenset(path for path in paths if path in spots or path.partition(".")[0] in spots)


def _validate(tree: dict[str, Any]) -> tuple[Settings, list[ErrorDetails]]:
    """Settings of all that is in order, and what pydantic refused."""
    try:
        return Settings.model_validate(tree), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    rest = deepcopy(tree)
    for refused in errors:
        _set_aside(rest, refused["loc"])
    settings, later = _validate(rest)
    return settings, [e for e in errors + later if e["type"] != "default_factory_not_called"]


def _set_aside(tree: dict[str, Any], loc: Loc) -> None:
    """Take the setting out that holds this location: below a group its value, else the whole."""
    group = tree.get(str(loc[0]))
    if isinstance(group, dict) and len(loc) > 1:
        group.pop(str(loc[1]), None)
    else:
        tree.pop(str(loc[0]), None)


def _fault(text: str, reading: Reading, *paths: str) -> Fault:
    """A fault at the first of these settings, with the origins of all that were set."""
    origins = dict.fromkeys(reading.origin(parse_dotted(path)) for path in paths)
    return Fault(paths[0], text, ", ".join(filter(None, origins)))


def _taxonomy(reading: Reading) -> tuple[Taxonomy, list[Fault]]:
    """The taxonomy, inline or from its file; one that is at fault comes back empty."""
    raw = reading.tree.get("taxonomy")
    if raw is None:
        return Taxonomy(()), [_fault(NO_TAXONOMY, reading, "taxonomy")]
    file, faults = _taxonomy_file(raw, reading) if isinstance(raw, str) else (None, [])
    if isinstance(raw, str) and file is None:
        return Taxonomy(()), faults
    try:
        return read_taxonomy(file.data if file else raw), faults
    except TaxonomyFaults as error:
        origin = file.origin if file else reading.origin
        more = [Fault(path, text, origin(parse_dotted(path))) for path, text in error.faults]
        return Taxonomy(()), [*faults, *more]


def _taxonomy_file(path: str, reading: Reading) -> tuple[YamlFile | None, list[Fault]]:
    """The taxonomy's own file, and what is wrong with it; its name is a value, so it is not told."""
    try:
        file = read_yaml(Path(path), name=TAXONOMY_FILE, root=("taxonomy",))
    except ConfigurationFaults as error:
        return None, [_fault(f"{fault.path} {fault.sentence}", reading, "taxonomy") for fault in error.faults]
    return file, list(file.repeats)
