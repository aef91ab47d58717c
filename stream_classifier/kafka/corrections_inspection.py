"""What people have corrected of a few texts, read by somebody who is not the service.

Rules
-----
* Nothing is changed: no group is joined, no topic is made.
* What keeps the corrections from being read is said in a sentence, never raised: the rest of what was asked
  for stands.
* A correction is judged as every replica judges it; one that is not in force is told with the reason.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from stream_classifier.core.correction import Correction, NotACorrection, Place, key_of, read_correction
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.taxonomy import Taxonomy
from stream_classifier.kafka.access import KafkaSettings
from stream_classifier.kafka.overrides_topic import find_overrides_topic, read_latest
from stream_classifier.kafka.rights import Operation

READ_S = 5.0  # 100,000 corrections; a person who wants to see something else waits no longer for them


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedCorrections:
    """The corrections of the places that were asked for, of those not in force why not, and what kept all of
    them from being read."""

    of: dict[Place, Correction] = field(default_factory=dict)
    refused: dict[Place, NotACorrection] = field(default_factory=dict)
    obstacle: str | None = None

    def correction(self, digest: str, tenant: str | None) -> Correction | None:
        """The one that decides: a tenant's own goes before the one for all."""
        return self.of.get(Place(digest, tenant)) or self.of.get(Place(digest, None))


async def inspect_corrections(
    kafka: KafkaSettings, places: Iterable[Place], taxonomy: Taxonomy, prefix: str
) -> InspectedCorrections:
    """Read the corrections of these places; `prefix` is what today's digests begin with."""
    asked = {key_of(place): place for place in places}
    try:
        async with asyncio.timeout(READ_S):
            values = await _values(kafka, asked)
    except OperatorFault as fault:
        return InspectedCorrections(obstacle=fault.sentence)
    except TimeoutError:
        return InspectedCorrections(
            obstacle=f"{kafka.overrides_topic} was not read within {READ_S:g} s: `stream-classifier override "
            "--list` waits longer, and `doctor` looks at the brokers."
        )
    return judged({asked[key]: value for key, value in values.items()}, taxonomy, prefix)


def judged(values: Mapping[Place, bytes], taxonomy: Taxonomy, prefix: str) -> InspectedCorrections:
    """Which of these records are in force."""
    found = InspectedCorrections()
    for place, value in values.items():
        try:
            found.of[place] = read_correction(place, value, taxonomy, prefix)
        except NotACorrection as fault:
            found.refused[place] = fault
    return found


async def _values(kafka: KafkaSettings, keys: Collection[bytes]) -> dict[bytes, bytes]:
    """Of these keys, the last value that was not taken back. Raises `OperatorFault`."""
    topic = await find_overrides_topic(kafka, Operation.READ)
    if topic is None:
        return {}
    latest = await read_latest(kafka, topic, keys)
    return {key: value for key, value in latest.items() if key is not None}
