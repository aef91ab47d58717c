"""Real brokers: the fixtures stand in tests/conftest.py; here a test may take longer."""

import pytest

TEST_WAIT_S = 120  # groups form, nodes fail over, sessions time out; on two busy cores


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "broker" and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_WAIT_S))
