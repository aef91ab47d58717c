"""A Kafka-protocol broker inside this process, for the demo and for tests of a single service.

It is the mock cluster of librdkafka, which the confluent-kafka wheel carries: real sockets on 127.0.0.1,
served by a C thread of its own, without Java, Docker or a download. confluent-kafka's own settings can
start one but not say how many partitions a topic has, so we call the library's public C functions
(`rdkafka_mock.h`) through the extension module that is loaded anyway.

What it does not do, measured with librdkafka 2.16 and aiokafka 0.14:

- A partition keeps its newest `RETAINED_BYTES` only. Older records vanish, read or not.
- A group has one member; a second one's SyncGroup is refused. One that comes after another has left waits
  for nearly the other's session timeout.
- Transactions answer as if all were well, but the offsets sent to one are dropped.
- CreateTopics, DescribeConfigs and the group listings are unknown. Topics come by `create_topic`, or at
  first use with `DEFAULT_PARTITIONS`. OffsetFetch must name its partitions.
- `RecordMetadata.timestamp` is a constant, and metadata above 4,096 bytes is accepted.
"""

import ctypes
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Self

RETAINED_BYTES = 5 * 1024 * 1024  # of record sets a partition; librdkafka's constant
DEFAULT_PARTITIONS = 4  # of a topic that appears at first use; librdkafka's constant

_PRODUCER = 0  # rd_kafka_type_t; the mock cluster needs a client to live in, of either kind
_BROKER_ID = 1  # ids count from 1
_TOPIC_ALREADY_EXISTS = 36  # rd_kafka_resp_err_t, the protocol's own error code
_ERROR_TEXT_BYTES = 512
_LOG_LEVEL = b"2"  # syslog's "critical": a client without bootstrap servers is what we want here


class EmbeddedBrokerMissingError(RuntimeError):
    """confluent-kafka is not installed, or its build has no mock cluster."""


class EmbeddedBrokerError(RuntimeError):
    """The embedded broker refused what was asked of it."""


class EmbeddedBroker:
    """One broker with the given topics: `with EmbeddedBroker({"tickets": 4}) as broker: ...`.

    `topics` maps a topic's name to its number of partitions. Everything in it ends with the block.
    Raises `EmbeddedBrokerMissingError` where confluent-kafka is not installed.
    """

    def __init__(self, topics: Mapping[str, int] = MappingProxyType({})) -> None:
        self._library = _load_librdkafka()
        self._client = _new_client(self._library)
        self._cluster: int | None = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if self._cluster is None:
            raise EmbeddedBrokerError("librdkafka could not start its mock cluster on 127.0.0.1.")
        self.bootstrap_servers: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        for name, partitions in topics.items():
            self.create_topic(name, partitions)

    def create_topic(self, name: str, partitions: int = DEFAULT_PARTITIONS) -> None:
        """Creates a topic; one that exists already keeps the partitions it has."""
        if partitions < 1:  # the library would take it, and clients would wait for ever
            raise EmbeddedBrokerError(f"The topic {name!r} needs at least one partition, not {partitions}.")
        error = self._library.rd_kafka_mock_topic_create(self._running(), name.encode(), partitions, 1)
        if error not in (0, _TOPIC_ALREADY_EXISTS):
            raise EmbeddedBrokerError(f"The topic {name!r} was refused (error {error} of Kafka's protocol).")

    def go_down(self) -> None:
        """Closes every connection and refuses new ones; what the topics hold stays."""
        self._library.rd_kafka_mock_broker_set_down(self._running(), _BROKER_ID)

    def come_up(self) -> None:
        """Ends `go_down`, at the same address."""
        self._library.rd_kafka_mock_broker_set_up(self._running(), _BROKER_ID)

    def delay_responses(self, delay_ms: int) -> None:
        """Holds every response back by `delay_ms` (0: no longer)."""
        self._library.rd_kafka_mock_broker_set_rtt(self._running(), _BROKER_ID, delay_ms)

    def close(self) -> None:
        """Stops the broker and forgets its records. A second call does nothing."""
        if self._cluster is not None:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None

    def _running(self) -> int:
        """The cluster's handle; after `close` it points nowhere, and C would not forgive its use."""
        if self._cluster is None:
            raise EmbeddedBrokerError("The embedded broker is closed; start another one.")
        return self._cluster

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _load_librdkafka() -> ctypes.CDLL:
    """The librdkafka that confluent-kafka's extension module is linked to, with its signatures."""
    try:
        from confluent_kafka import cimpl

        return _declare(ctypes.CDLL(cimpl.__file__))
    except (ImportError, AttributeError) as exc:
        raise EmbeddedBrokerMissingError(
            "The embedded broker needs confluent-kafka with its bundled librdkafka: "
            "pip install 'stream-classifier[demo]', or name a real broker in kafka.bootstrap_servers."
        ) from exc


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Gives the functions their C types: a pointer taken for an int would lose its upper half.

    Raises AttributeError where the library has no such function.
    """
    handle, text, number, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (handle, []),
        "rd_kafka_conf_set": (number, [handle, text, text, text, size]),
        "rd_kafka_new": (handle, [number, handle, text, size]),
        "rd_kafka_destroy": (None, [handle]),
        "rd_kafka_mock_cluster_new": (handle, [handle, number]),
        "rd_kafka_mock_cluster_destroy": (None, [handle]),
        "rd_kafka_mock_cluster_bootstraps": (text, [handle]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [handle, ctypes.c_int32]),
        "rd_kafka_mock_topic_create": (number, [handle, text, number, number]),
        "rd_kafka_mock_broker_set_down": (number, [handle, ctypes.c_int32]),
        "rd_kafka_mock_broker_set_up": (number, [handle, ctypes.c_int32]),
        "rd_kafka_mock_broker_set_rtt": (number, [handle, ctypes.c_int32, number]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _new_client(library: ctypes.CDLL) -> int:
    """A silent client for the mock cluster to live in; it never connects anywhere."""
    complaint = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
    configuration = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(configuration, b"log_level", _LOG_LEVEL, complaint, _ERROR_TEXT_BYTES)
    client: int | None = library.rd_kafka_new(_PRODUCER, configuration, complaint, _ERROR_TEXT_BYTES)
    if client is None:
        raise EmbeddedBrokerError(f"librdkafka could not start: {complaint.value.decode()}")
    return client
