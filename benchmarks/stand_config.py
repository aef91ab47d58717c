"""The configuration of a stand: a file such as anybody would write, read as it is read elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fault_tickets import TAXONOMY
from stream_classifier.lab.demo_config import HOST, free_port
from stream_classifier.settings import Settings, load

PARTITIONS = 4  # of each topic

Groups = Mapping[str, Mapping[str, Any]]
"""Settings by group."""

SETTINGS: Groups = {
    "llm": {"concurrency": 4, "timeout_s": 1},
    "urgent": {"concurrency": 4, "timeout_s": 1},
    "batch": {"max_tickets": 10, "max_tokens": 20_000, "max_wait_s": 0.2},
    "kafka": {"commit_interval_s": 0.1},
    "cache": {"backend": "memory"},
}
"""As the defaults, but for short time limits, so that a row takes seconds."""


def write_config(directory: Path, *, bootstrap_servers: str, base_url: str, settings: Groups) -> Settings:
    """Settings for a service whose topics and group have the directory's name; `settings` are laid over
    `SETTINGS`, group by group."""
    name = directory.name
    written: dict[str, Any] = {
        "kafka": {
            "bootstrap_servers": bootstrap_servers,
            "input_topic": f"{name}-tickets",
            "output_topic": f"{name}-labels",
            "dead_letter_topic": f"{name}-dead-letters",
            "group_id": name,
        },
        "llm": {"base_url": base_url},
        "http": {"host": HOST, "port": free_port(0)},
        "taxonomy": TAXONOMY,
    }
    for group, values in (*SETTINGS.items(), *settings.items()):
        written[group] = {**written.get(group, {}), **values}
    file = directory.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(written), "utf-8")
    return load(file, {})
