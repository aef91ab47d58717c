"""One cluster for the runs that stand in `make test`."""

from collections.abc import Iterator

import pytest

from tests.brokers.installation import Installation
from tests.brokers.kafka import RealKafka
from tests.chaos.cluster import three_nodes


@pytest.fixture(scope="module")
def nodes(kafka_installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """Three nodes; each run leaves them whole."""
    with three_nodes(tmp_path_factory.mktemp("kafka"), kafka_installation) as kafka:
        yield kafka
