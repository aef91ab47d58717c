"""Builds everything from the settings; starts, drains, stops.

* `building` is the composition root: every part is made there; `parts` are those that join rooms,
  `account` makes limits and budgets, `calling` the way from a lane to the provider, `sharing` the cache and
  what replicas share through it, `texts` what prepares tickets' texts, `schemas` the way to a registry.
* `running` is the service's life.
* `offline` is the same pipeline without Kafka, for backlogs.
* `explaining` says what would happen to a ticket, by the same parts.
* `contact` keeps the way to the brokers open; `watching` is what it tells of itself, to metrics and probes.
"""

from stream_classifier.service.running import Service

__all__ = ["Service"]
