"""Three nodes with small heaps: they share two cores with replicas, provider and source."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from tests.brokers.installation import Installation
from tests.brokers.kafka import RealKafka

NODES = 3
HEAP = "-Xmx256m"  # a node of this size uses 150 MB


class SmallInstallation(Installation):
    """Kafka with a smaller heap than the tests' own."""

    def command(self, main_class: str, *arguments: str, name: str, directory: Path) -> list[str]:
        """As the tests' own, but for the heap."""
        command = super().command(main_class, *arguments, name=name, directory=directory)
        return [HEAP if word.startswith("-Xmx") else word for word in command]


@contextmanager
def three_nodes(directory: Path, found: Installation) -> Iterator[RealKafka]:
    """A cluster whose every partition has three copies, two of which must be in sync."""
    small = SmallInstallation(**{field.name: getattr(found, field.name) for field in fields(found)})
    with RealKafka(directory, small, NODES) as kafka:
        yield kafka
