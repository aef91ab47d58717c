"""Every setting, checked at the start: a wrong configuration never runs.

- `kinds`: the kinds of value; `kafka`, `ticket`, `lanes`, `llm` (with `prices`), `cache`, `service`: the
  groups, each key with its default and meaning; `root`: all of them, as `Settings`.
- `reading`: from the sources to a tree (`yaml_file`, `environment`, `secrets_dir`).
- `loading`: from the tree to `Settings`, or to all faults at once: what is not a value of its kind
  (`expected`), and `contradictions` (with `reach`: does an address lead out of the own network).
- `reference`: the table of all settings, for the documentation.
"""

from stream_classifier.core.faults import ConfigurationFaults, Fault
from stream_classifier.settings.loading import Loaded, load, load_traced
from stream_classifier.settings.root import Settings
from stream_classifier.settings.secrets_dir import api_key_now, kafka_now, registry_url_now

__all__ = [
    "ConfigurationFaults",
    "Fault",
    "Loaded",
    "Settings",
    "api_key_now",
    "kafka_now",
    "load",
    "load_traced",
    "registry_url_now",
]
