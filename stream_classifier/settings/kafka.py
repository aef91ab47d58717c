"""`kafka.*`: the cluster, the topics, the group and its clocks."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stream_classifier.settings.kinds import (
    AnyCase,
    Bytes,
    File,
    Group,
    RegistryUrl,
    Says,
    Seconds,
    Secret,
    Text,
    Whole,
)

# A broker's defaults: group.min.session.timeout.ms, group.max.session.timeout.ms and
# transaction.max.timeout.ms. Beyond them it refuses the join or the producer.
SESSION_MIN_S, SESSION_MAX_S = 6, 1800
TRANSACTION_MAX_S = 900
MIB = 1 << 20


def _join(value: Any) -> Any:
    whole = isinstance(value, list) and all(isinstance(part, str) for part in value)
    return ",".join(value) if whole else value


def _servers(value: str) -> str:
    servers = [server.strip() for server in value.split(",")]
    if not all(_is_server(server) for server in servers):
        raise ValueError("must be `host:port`, several parted by commas, such as `kafka-1:9092,kafka-2:9092`")
    return ",".join(servers)


def _is_server(server: str) -> bool:
    found = re.fullmatch(r"(?:\[[0-9a-fA-F:.%]+\]|[^\s:/@\[\]]+):(\d{1,5})", server)
    return bool(found) and 1 <= int(found[1]) <= 65535 if found else False


def _topic(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", value) or value in (".", ".."):
        raise ValueError("must be a topic's name: up to 249 of the characters a-z, A-Z, 0-9, `.`, `_`, `-`")
    return value


Servers = Annotated[
    str, BeforeValidator(_join), AfterValidator(_servers), Says("`host:port`, or several by commas")
]
Topic = Annotated[str, AfterValidator(_topic), Says("a topic's name")]


class Kafka(Group):
    """Where tickets come from and labels go to."""

    bootstrap_servers: Servers = "localhost:9092"
    """Brokers to begin with; the rest of the cluster is learned from them."""
    input_topic: Topic = "tickets"
    """The tickets."""
    output_topic: Topic = "ticket-labels"
    """The labelled events."""
    dead_letter_topic: Topic = "ticket-dead-letters"
    """What is not a ticket, its bytes untouched."""
    overrides_topic: Topic = "ticket-overrides"
    """People's corrections; compacted, one partition; need not exist."""
    group_id: Annotated[Text, Field(max_length=200)] = "stream-classifier"
    """The consumer group; replicas that share it share the partitions."""
    delivery: Literal["at-least-once", "exactly-once"] = "at-least-once"
    """What a crash may do: repeat what was published since the last commit, or nothing."""
    auto_offset_reset: Literal["earliest", "latest"] = "earliest"
    """Where a group without committed offsets begins."""

    security_protocol: Annotated[Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], AnyCase] = (
        "PLAINTEXT"
    )
    """As Kafka's own clients name it; upper or lower case."""
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None, AnyCase
    ] = None
    """How to log in, with `SASL_PLAINTEXT` and `SASL_SSL`."""
    sasl_username: Text | None = None
    """With `PLAIN` and `SCRAM-*`."""
    sasl_password: Secret | None = None
    """With `PLAIN` and `SCRAM-*`; with `OAUTHBEARER` the token. A secret."""
    ssl_ca_file: File | None = None
    """Certificates to trust (PEM); unset: the system's."""
    ssl_cert_file: File | None = None
    """Our own certificate (PEM), where brokers ask for one."""
    ssl_key_file: File | None = None
    """The key of our own certificate (PEM)."""

    max_in_flight_tickets: Whole = Field(default=50_000, ge=1, le=10_000_000)
    """Records read and not yet done, over all partitions; above it partitions pause."""
    max_in_flight_bytes: Bytes = Field(default=64 * MIB, ge=MIB, le=64 << 30)
    """The same by size."""
    commit_interval_s: Seconds = Field(default=0.5, le=60)
    """Time between offset commits: what a crash repeats at the most."""
    session_timeout_s: Seconds = Field(default=20, ge=SESSION_MIN_S, le=SESSION_MAX_S)
    """How long a crashed replica's partitions stand still; brokers take 6 to 1800 by default."""
    rebalance_timeout_s: Seconds = Field(default=30, le=3600)
    """How long the group waits for its slowest member to hand its partitions over."""
    drain_s: Seconds = Field(default=5, le=600)
    """Time to publish and commit what is answered when partitions go; longer calls run on into the cache."""
    transaction_timeout_s: Seconds = Field(default=10, ge=1, le=TRANSACTION_MAX_S)
    """With `exactly-once`: how long a dead replica's open transaction can hold readers back."""
    schema_registry_url: RegistryUrl | None = None
    """Where schemas of Avro and JSON Schema values are looked up. User and password in it are secrets."""
    key_order: bool = True
    """Publish two events of one key in the order in which they came."""
