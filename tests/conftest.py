"""The brokers, started once a process when its first test asks, and what is said of those that were not had.

`STREAM_CLASSIFIER_TEST_KAFKA` (bootstrap servers) and `STREAM_CLASSIFIER_TEST_REDIS` (a URL) point the
tests at brokers that run elsewhere. `STREAM_CLASSIFIER_TEST_REQUIRE=kafka,redis` makes a missing one a
failure instead of a skip.
"""

import logging
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol, TypeVar

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.brokers import Unavailable
from tests.brokers.class_archive import make_class_archive
from tests.brokers.client import admin_of, create_topic
from tests.brokers.installation import Installation, find_kafka
from tests.brokers.kafka import Kafka, RealKafka, RunningKafka
from tests.brokers.redis import RealRedis, Redis, RunningRedis, find_redis
from tests.browser.finding import find_chromium

MARK_BY_FIXTURE = {
    "kafka": "real_kafka",
    "kafka_installation": "real_kafka",
    "redis": "real_redis",
    "redis_server": "real_redis",
    "chromium": "real_program",
    "jq": "real_program",
    "kustomize": "real_program",
    "prometheus": "real_program",
    "promtool": "real_program",
}

# These take a minute each, the next of `tests/broker` half of that.
LONGEST = ("test_chaos.py", "test_broker_loss.py", "test_guides.py")
FOLDERS = ("broker", "browser", "journey")  # then the rest, of which few files take two seconds

_Found = TypeVar("_Found")


class MakeTopic(Protocol):
    """Creates a topic that only this test knows, and returns its name."""

    def __call__(self, partitions: int = 1, config: dict[str, str] | None = None) -> Awaitable[str]: ...


class StartKafka(Protocol):
    """Starts a cluster of the test's own; it ends with the test."""

    def __call__(self, node_count: int = 1) -> RealKafka: ...


class StartRedis(Protocol):
    """Starts a Redis of the test's own; it ends with the test."""

    def __call__(self) -> RealRedis: ...


class NotRun:
    """Says, as the last line of all, what could not be tested for want of a broker. Where tests run in
    several processes it stands in the one that the others report to."""

    def __init__(self) -> None:
        self._tests: set[str] = set()
        self._program_tests: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and "real_program" in report.keywords:
            self._program_tests.add(report.nodeid)
        elif report.skipped and set(MARK_BY_FIXTURE.values()) & report.keywords.keys():
            self._tests.add(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        writer = config.get_terminal_writer()
        if self._program_tests:
            writer.line(f"{len(self._program_tests)} tests NOT RUN for want of a program")
        if self._tests:
            writer.line(f"{len(self._tests)} real-broker tests NOT RUN")


class LongestFirst:
    """Has the files that take longest begun first: where files run side by side, the last to end is then a
    short one."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: (_rank(LONGEST, item.path.name), _rank(FOLDERS, item.path.parent.name)))


def _rank(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LongestFirst())
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(NotRun())
    # How fast examples are made and run says something of the machine, and nothing of the claim.
    settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks a test by the fixtures that it asks for, so that `-m "not real_kafka"` is never wrong."""
    for item in items:
        for fixture in MARK_BY_FIXTURE.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARK_BY_FIXTURE[fixture])


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that is called in this process sets the logging of all of it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    return _had("chromium", find_chromium)


@pytest.fixture(scope="session")
def jq() -> str:
    """The path of jq."""
    return _had("jq", lambda: _program("jq"))


@pytest.fixture(scope="session")
def kafka_installation() -> Installation:
    """A Kafka that can be started here."""
    installation = _had("kafka", find_kafka)
    make_class_archive(installation)
    return installation


@pytest.fixture(scope="session")
def redis_server() -> str:
    """The path of a redis-server that can be started here."""
    return _had("redis", find_redis)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One Apache Kafka for the whole run. Tests share it: topics and groups are to be their own."""
    elsewhere = os.environ.get("STREAM_CLASSIFIER_TEST_KAFKA")
    if elsewhere:
        yield RunningKafka(bootstrap_servers=elsewhere)
        return
    installation: Installation = request.getfixturevalue("kafka_installation")
    with RealKafka(tmp_path_factory.mktemp("kafka"), installation) as started:
        yield started


@pytest.fixture(scope="session")
def redis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis for the whole run. Tests share it: keys are to be their own, and nothing flushes it."""
    elsewhere = os.environ.get("STREAM_CLASSIFIER_TEST_REDIS")
    if elsewhere:
        yield RunningRedis(url=elsewhere)
        return
    server: str = request.getfixturevalue("redis_server")
    with RealRedis(tmp_path_factory.mktemp("redis"), server) as started:
        yield started


@pytest.fixture
def start_kafka(
    kafka_installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartKafka]:
    """Clusters to kill and freeze. An async test starts one in a thread: `to_thread(start_kafka, 3)`."""
    with ExitStack() as started:

        def start(node_count: int = 1) -> RealKafka:
            directory = tmp_path_factory.mktemp("kafka")
            return started.enter_context(RealKafka(directory, kafka_installation, node_count))

        yield start


@pytest.fixture
def start_redis(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRedis]:
    """Redis servers to kill and freeze."""
    with ExitStack() as started:
        yield lambda: started.enter_context(RealRedis(tmp_path_factory.mktemp("redis"), redis_server))


@pytest.fixture
async def make_topic(kafka: Kafka) -> AsyncIterator[MakeTopic]:
    """Topics on the shared Kafka. On one that runs elsewhere they are deleted after the test."""
    made: list[str] = []

    async def make(partitions: int = 1, config: dict[str, str] | None = None) -> str:
        made.append(f"test-{uuid.uuid4().hex[:12]}")
        await create_topic(kafka.bootstrap_servers, made[-1], partitions, config)
        return made[-1]

    yield make
    if made and isinstance(kafka, RunningKafka):
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_topics(made)


@pytest.fixture(scope="session")
def kustomize() -> list[str]:
    """The command that builds an overlay: kustomize's own, or kubectl's."""
    return _had("kustomize", _kustomize)


@pytest.fixture(scope="session")
def promtool() -> str:
    """The path of promtool, which comes with Prometheus."""
    return _had("promtool", lambda: _program("promtool"))


@pytest.fixture(scope="session")
def prometheus() -> str:
    """The path of Prometheus."""
    return _had("prometheus", lambda: _program("prometheus"))


def _kustomize() -> list[str]:
    if path := shutil.which("kustomize"):
        return [path, "build"]
    return [_program("kubectl"), "kustomize"]


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path


def _had(broker: str, find: Callable[[], _Found]) -> _Found:
    """What `find` finds; where it finds nothing, a skip, or a failure where that broker is required."""
    try:
        return find()
    except Unavailable as exc:
        if broker in os.environ.get("STREAM_CLASSIFIER_TEST_REQUIRE", "").split(","):
            pytest.fail(f"{exc} (and STREAM_CLASSIFIER_TEST_REQUIRE asks for it)")
        pytest.skip(str(exc))
