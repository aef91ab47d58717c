"""`stream-classifier config`: the settings in force, and where each that was set came from."""

import os
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

from stream_classifier.cli.files import ConfigFile
from stream_classifier.settings import Loaded, load_traced


def config(
    config: ConfigFile = None,
) -> None:
    """Print the settings in force as YAML, secrets masked, with the origin of each that was set.

    Exit status 2, and all that is wrong, where the configuration cannot be used.

    Example: stream-classifier config --config stream-classifier.yaml
    """
    print(as_yaml(load_traced(config, os.environ)), end="")


def as_yaml(loaded: Loaded) -> str:
    """The settings as YAML that reads back the same, but for the secrets; origins are comments."""
    return "".join(_lines(loaded))


def _lines(loaded: Loaded) -> Iterator[str]:
    yield f"# settings digest {loaded.settings.digest}; a comment tells where a value was set\n"
    for name, value in loaded.settings.in_force().items():
        if isinstance(getattr(loaded.settings, name), BaseModel):
            yield f"{name}:\n"
            for key, below in value.items():
                yield textwrap.indent(_entry(key, below, loaded.origin(name, key)), "  ")
        else:
            yield _entry(name, value, loaded.origin(name))


def _entry(key: str, value: Any, origin: str) -> str:
    # None: innermost lists and mappings on one line. A lone scalar would make one of its key, too.
    flow = None if isinstance(value, dict | list) else False
    text = yaml.safe_dump(
        {key: _plain(value)}, sort_keys=False, allow_unicode=True, default_flow_style=flow, width=float("inf")
    )
    first, end, rest = text.partition("\n")
    return f"{first}  # {origin}{end}{rest}" if origin else text


def _plain(value: Any) -> Any:
    """Whole numbers without their `.0`, as people write them."""
    if isinstance(value, dict):
        return {key: _plain(below) for key, below in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
