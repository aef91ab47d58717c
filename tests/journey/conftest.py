"""The embedded broker, one for each test: it starts in milliseconds."""

from collections.abc import Iterator

import pytest

from stream_classifier.lab.broker import EmbeddedBroker


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """An empty broker; a test creates its topics."""
    with EmbeddedBroker() as broker:
        yield broker
