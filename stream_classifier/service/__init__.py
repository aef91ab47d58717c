"""Builds everything from the settings; starts, drains, stops.

* `building` is the composition root: every part is made there; `parts` are those that join rooms.
* `running` is the service's life.
* `watching` is what it tells of itself, to metrics and probes.
"""

from stream_classifier.service.running import Service

__all__ = ["Service"]
