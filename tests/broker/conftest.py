"""Real brokers: the fixtures stand in tests/conftest.py; here a test may take longer."""

from collections.abc import Iterator

import pytest

from tests.brokers.installation import Installation
from tests.brokers.secured import SecuredKafka, secured_kafka

TEST_WAIT_S = 120  # groups form, nodes fail over, sessions time out; on two busy cores


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "broker" and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_WAIT_S))


@pytest.fixture(scope="session")
def secured(
    kafka_installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecuredKafka]:
    """One node with all its doors, for the whole run: topics and rights are to be a test's own."""
    cluster, doors = secured_kafka(tmp_path_factory.mktemp("secured"), kafka_installation)
    with cluster:
        yield doors
