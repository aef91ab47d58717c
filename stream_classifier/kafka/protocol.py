"""What the client lacks of Kafka's protocol, or has otherwise than we need it."""

from collections.abc import Mapping, Sequence

from aiokafka import errors
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

UNSETTLED = 88  # the protocol's UNSTABLE_OFFSET_COMMIT, which the client does not know
NOT_TOLD = -(2**31)  # the protocol's value where rights were not asked for or are not known


class InvalidRecord(errors.BrokerResponseError):  # type: ignore[misc]
    """A topic refuses a record: a compacted one takes none without a key."""

    errno = 87
    message = "INVALID_RECORD"


errors.kafka_errors[InvalidRecord.errno] = InvalidRecord


class Looking(MetadataRequest):  # type: ignore[misc]
    """The client's own request for metadata, but for this: it makes no topic by asking for it."""

    def __init__(self, topics: Sequence[str] | None = None) -> None:
        super().__init__(topics, allow_auto_topic_creation=False)


class MetadataResponse8(Response):  # type: ignore[misc]
    """The first version that tells the rights on a topic."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class MetadataRequest8(RequestStruct):  # type: ignore[misc]
    """Topics by name, and what to tell of them."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = MetadataResponse8
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class RightsOnTopics(Request[MetadataRequest8]):  # type: ignore[misc]
    """Metadata with the rights on topics, which the client's own request does not ask for."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: type[MetadataRequest8]) -> MetadataRequest8:
        return request_struct_class(self._topics, False, False, True)


class DescribeGroupsRequest3(DescribeGroupsRequest_v3):  # type: ignore[misc]
    """As the client has it, with the answer's last field, which it leaves unread."""

    RESPONSE_TYPE = DescribeGroupsResponse_v3


class RightsOnGroup(Request[DescribeGroupsRequest3]):  # type: ignore[misc]
    """A group with our rights on it."""

    API_KEY = 15

    def __init__(self, group_id: str) -> None:
        self._group_id = group_id

    def build(self, request_struct_class: type[DescribeGroupsRequest3]) -> DescribeGroupsRequest3:
        return request_struct_class([self._group_id], True)


class OffsetFetchResponse7(Response):  # type: ignore[misc]
    """The first version that can be asked for what is settled only."""

    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class OffsetFetchRequest7(RequestStruct):  # type: ignore[misc]
    """As above."""

    FLEXIBLE_VERSION = True
    API_KEY = 9
    API_VERSION = 7
    RESPONSE_TYPE = OffsetFetchResponse7
    SCHEMA = Schema(
        ("group_id", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                ("partitions", CompactArray(Int32)),
                ("tags", TaggedFields),
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class SettledOffsets(Request[OffsetFetchRequest7]):  # type: ignore[misc]
    """Asks for offsets of which no transaction is pending."""

    API_KEY = 9

    def __init__(self, group_id: str, partitions: Mapping[str, list[int]]) -> None:
        self._group_id = group_id
        self._partitions = partitions

    def build(self, request_struct_class: type[OffsetFetchRequest7]) -> OffsetFetchRequest7:
        topics: list[tuple[str, list[int], dict[int, bytes]]] = [
            (topic, numbers, {}) for topic, numbers in self._partitions.items()
        ]
        return request_struct_class(self._group_id, topics, True, {})
