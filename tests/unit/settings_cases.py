"""What the tests of the settings share: a configuration that is in order, and ways to spoil it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stream_classifier.core.faults import ConfigurationFaults
from stream_classifier.settings import Settings, load

NOTHING = Path(os.devnull)  # a file without settings: no `stream-classifier.yaml` nearby takes part
TAXONOMY: dict[str, Any] = {"labels": ["bug", "other"]}


def write(folder: Path, text: str, name: str = "settings.yaml") -> Path:
    """A file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def write_settings(folder: Path, **groups: Any) -> Path:
    """A configuration file with these groups, and a taxonomy where they bring none."""
    return write(folder, yaml.safe_dump({"taxonomy": TAXONOMY, **groups}))


def variables(**texts: str) -> dict[str, str]:
    """Environment variables, named without our prefix, and a taxonomy where they bring none."""
    texts = {"TAXONOMY": json.dumps(TAXONOMY), **texts}
    return {f"STREAM_CLASSIFIER_{name}": text for name, text in texts.items()}


def from_variables(**texts: str) -> Settings:
    """Settings of environment variables alone."""
    return load(NOTHING, variables(**texts))


def faults_of(path: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What is wrong, by path; several sentences of one path are joined. Empty where nothing is."""
    found: dict[str, str] = {}
    try:
        load(path, environ or {})
    except ConfigurationFaults as error:
        for fault in error.faults:
            before = found.get(fault.path)
            found[fault.path] = f"{before}; {fault.sentence}" if before else fault.sentence
    return found


def faults_of_variables(**texts: str) -> dict[str, str]:
    """What is wrong with these environment variables alone."""
    return faults_of(NOTHING, variables(**texts))
