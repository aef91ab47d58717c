"""Where settings come from: a YAML file, over it the environment, over both a mounted secret.

Mappings are merged key by key; everything else is replaced, and the taxonomy is replaced as a whole. Each
value keeps the function that tells its origin, so that a fault can say where it was read, and `config`
where it came from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stream_classifier.core.faults import ConfigurationFaults, Fault
from stream_classifier.settings.environment import from_environment
from stream_classifier.settings.expected import is_group
from stream_classifier.settings.llm import Llm, is_openai
from stream_classifier.settings.location import Loc
from stream_classifier.settings.root import Settings
from stream_classifier.settings.secrets_dir import from_secrets
from stream_classifier.settings.yaml_file import read_yaml

DEFAULT_FILE = Path("stream-classifier.yaml")
OPENAI_KEY = "OPENAI_API_KEY"

Origin = Callable[[Loc], str]


@dataclass(slots=True)
class Reading:
    """The raw values read so far, whence each came, and what could not be read."""

    tree: dict[str, Any] = field(default_factory=dict, repr=False)  # secrets are not yet masked here
    origins: dict[Loc, Origin] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    complete: bool = True  # False where the file could not be read: what is missing is then no fault

    def lay(self, over: Mapping[Any, Any], origin: Origin) -> None:
        """Lay a source's values over those read before."""
        bare = {key for key, value in over.items() if value is None and _is_group(key)}
        self._merge(self.tree, {key: over[key] for key in over if key not in bare}, (), origin)

    def origin(self, loc: Loc) -> str:
        """Where a setting was read, in all its parts; empty for one that was read nowhere."""
        above = [loc[:end] for end in range(1, len(loc) + 1) if loc[:end] in self.origins]
        below = [leaf for leaf in self.origins if leaf[: len(loc)] == loc and leaf != loc]
        told = [self.origins[leaf](loc) for leaf in above] + [self.origins[leaf](leaf) for leaf in below]
        return ", ".join(dict.fromkeys(told))

    def _merge(self, under: dict[str, Any], over: Mapping[Any, Any], loc: Loc, origin: Origin) -> None:
        for key, value in ((str(key), value) for key, value in over.items()):
            at = (*loc, key)
            if isinstance(value, Mapping) and at != ("taxonomy",):
                kept = under.get(key)
                under[key] = kept if isinstance(kept, dict) else {}
                self._merge(under[key], value, at, origin)
            else:
                under[key] = value
                self._forget(at)
                self.origins[at] = origin

    def _forget(self, loc: Loc) -> None:
        for stale in [leaf for leaf in self.origins if leaf[: len(loc)] == loc]:
            del self.origins[stale]


def read(path: Path | None, environ: Mapping[str, str]) -> Reading:
    """Read all sources; nothing is checked yet but that they can be read and name settings."""
    reading = Reading()
    file = path or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if file:
        _read_file(reading, file)
    for found in (from_environment(environ), from_secrets(environ)):
        reading.lay(found.tree(), found.origin)
        reading.faults += found.faults
    _read_openai_key(reading, environ)
    return reading


def _read_file(reading: Reading, path: Path) -> None:
    try:
        file = read_yaml(path, name=str(path))
    except ConfigurationFaults as error:
        reading.faults += error.faults
        reading.complete = False
        return
    reading.faults += file.repeats
    if isinstance(file.data, Mapping):
        reading.lay({**file.data, **_beside(path, file.data.get("taxonomy"))}, file.origin)
    elif file.data is not None:
        reading.faults.append(Fault(str(path), "must hold a mapping: a setting's key, a colon and its value"))


def _beside(path: Path, taxonomy: Any) -> dict[str, str]:
    """A taxonomy's path in a file is relative to that file; one in the environment is not."""
    return {"taxonomy": str(path.parent / taxonomy)} if isinstance(taxonomy, str) and taxonomy else {}


def _read_openai_key(reading: Reading, environ: Mapping[str, str]) -> None:
    """OpenAI's own variable, where it is OpenAI that is asked: elsewhere the key is nobody's business."""
    given = reading.tree.get("llm", {})
    key = environ.get(OPENAI_KEY, "").strip()
    if not isinstance(given, dict) or not key or given.get("api_key") is not None:
        return
    base_url = given.get("base_url", Llm.model_fields["base_url"].default)
    if isinstance(base_url, str) and is_openai(base_url):
        reading.lay({"llm": {"api_key": key}}, lambda _: OPENAI_KEY)


def _is_group(key: Any) -> bool:
    known = Settings.model_fields.get(str(key))
    return known is not None and is_group(known.annotation)
