"""The demo's configuration: a file such as anybody would write, read by the same settings as elsewhere.

Nothing of the user's own has a part in it, neither a file nor a variable; what it does not name is the
default. Every address is on this machine.
"""

import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from stream_classifier.lab.made_tickets import DEMO_TAXONOMY
from stream_classifier.lab.simulator import SimulatorOptions, rule_label
from stream_classifier.settings import Settings, load

HOST = "127.0.0.1"
PAGE_PORT = 8080  # the service's default; another one where it is taken
PARTITIONS = 6
TOPICS = ("tickets", "ticket-labels", "ticket-dead-letters")
MODEL = "gpt-4o-mini"  # for its list price: the provider is simulated

LATENCY_S = 0.3  # until the first token, and then so many a second: such a model on a usual day
TOKENS_PER_S = 100.0
JITTER = 0.3

HINTS: Mapping[str, str] = {
    "bug": "error 500 crash crashes broken blank fails failed exception traceback gave duplicate",
    "billing": "invoice invoices charge charged refund payment paid price vat receipt card",
    "access": "login log password locked account code codes permission permissions role sign sso",
    "how-to": "how where find explain question guide help",
    "feature": "wish would add suggestion support idea missing please",
}
"""Words by which the simulated provider labels, so that its answers look like a model's. They are not."""

HEAD = """\
# What `stream-classifier demo` ran with. The defaults stand for all else: `stream-classifier config` shows
# them. With addresses of your own, and a taxonomy of your own, this is a configuration for `run`.
"""


def write_config(path: Path, *, bootstrap_servers: str, base_url: str) -> Settings:
    """Write the file and read it as the service does."""
    written: dict[str, Any] = {
        "kafka": {"bootstrap_servers": bootstrap_servers},
        "llm": {"base_url": base_url, "model": MODEL},
        "cache": {"path": str(path.with_name("cache.db"))},
        "http": {"host": HOST, "port": free_port(PAGE_PORT)},
        "taxonomy": dict(DEMO_TAXONOMY),
    }
    path.write_text(HEAD + yaml.safe_dump(written, sort_keys=False, allow_unicode=True), "utf-8")
    return load(path, {})


def provider_options(seed: int) -> SimulatorOptions:
    """A provider as fast as a small model usually is."""
    return SimulatorOptions(
        rule=partial(rule_label, hints=HINTS),
        latency_s=LATENCY_S,
        tokens_per_s=TOKENS_PER_S,
        jitter=JITTER,
        seed=seed,
    )


def free_port(wanted: int) -> int:
    """This port, or any free one where it is taken."""
    for port in (wanted, 0):
        try:
            with socket.create_server((HOST, port)) as listening:
                return int(listening.getsockname()[1])
        except OSError:
            continue
    raise OSError(f"no port of {HOST} is free")
