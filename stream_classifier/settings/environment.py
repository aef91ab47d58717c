"""Settings by name: environment variables, and files of a mounted secret.

A name is the path with `__` between its parts: `STREAM_CLASSIFIER_LLM__MODEL`, `llm__api_key`. What
begins like JSON (`[`, `{`) is read as JSON where a list or a mapping belongs; a list may also be one text
parted by commas. An empty variable counts as not set, as Compose passes on what is unset; an empty
secret is a fault, since somebody meant to put something there.

Kubernetes puts names of its own among ours (`STREAM_CLASSIFIER_SERVICE_HOST`, ...) where a Service is
called `stream-classifier`, or `stream-classifier-` and more. They are told by their form and passed over:
ours have `__` where a group ends, and Kubernetes' `..._PORT` is a URL.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from stream_classifier.core.faults import Fault
from stream_classifier.settings.expected import is_mapping, leaves
from stream_classifier.settings.location import Loc
from stream_classifier.settings.root import Settings

PREFIX = "STREAM_CLASSIFIER_"
SECRETS_DIR = "STREAM_CLASSIFIER_SECRETS_DIR"
PASSED_OVER = re.compile(
    r"STREAM_CLASSIFIER_(?:SECRETS_DIR|TEST_.*|(?:[A-Z0-9]+_)*(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?))"
)
SERVICE_URL = re.compile(r"(?:tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Named:
    """What was found under names: texts by our lower-case name (`llm__model`), and where each was read."""

    texts: Mapping[str, str] = field(repr=False)  # secrets are not yet masked here
    origins: Mapping[str, str]
    faults: tuple[Fault, ...]

    def tree(self) -> dict[str, Any]:
        """The texts as a tree of settings, JSON in them read."""
        return _Names(self.texts)()

    def origin(self, loc: Loc) -> str:
        """Which name a location was read from: its own, or that of a setting or group around it."""
        names = ("__".join(map(str, loc[:end])).lower() for end in range(len(loc), 0, -1))
        return next((self.origins[name] for name in names if name in self.origins), "")


class _Names(EnvSettingsSource):
    """pydantic-settings' reading of names into a tree, from texts that are handed in.

    What is not JSON is left as it is: the setting's own type then says what would be right, together with
    all other faults, where pydantic-settings would stop at the first.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = texts

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        if not value.lstrip().startswith(("[", "{")):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value


def from_environment(environ: Mapping[str, str]) -> Named:
    """The settings among the environment's variables."""
    ours = {
        name: text
        for name, text in environ.items()
        if name.startswith(PREFIX) and text.strip() and not _passed_over(name, text)
    }
    return named({name: (name.removeprefix(PREFIX).lower(), text) for name, text in ours.items()})


def named(found: Mapping[str, tuple[str, str]]) -> Named:
    """What was found, by origin: our lower-case name and the text. An unknown name is a fault."""
    known = {origin: pair for origin, pair in found.items() if _is_setting(pair[0])}
    faults = tuple(_unknown(origin, found[origin][0]) for origin in found if origin not in known)
    origins = {name: origin for origin, (name, _) in known.items()}
    return Named(dict(known.values()), origins, faults)


def _passed_over(name: str, text: str) -> bool:
    service = name.endswith("_PORT") and "__" not in name and SERVICE_URL.match(text)
    return bool(service or PASSED_OVER.fullmatch(name))


def _names() -> Iterator[tuple[str, FieldInfo]]:
    return ((path.replace(".", "__"), field) for path, field in leaves(Settings))


def _is_setting(name: str) -> bool:
    """True for a setting, a group as a whole, and a key in a setting that is a mapping."""
    return any(
        name == known
        or known.startswith(f"{name}__")
        or (name.startswith(f"{known}__") and is_mapping(field))
        for known, field in _names()
    )


def _unknown(origin: str, name: str) -> Fault:
    prefix, upper = origin[: len(origin) - len(name)], origin.isupper()
    near = get_close_matches(name, [known for known, _ in _names()], n=1)
    meant = f"{prefix}{near[0].upper() if upper else near[0]}" if near else ""
    return Fault(origin, "is not a setting; " + (f"did you mean `{meant}`?" if near else "take it out"))
