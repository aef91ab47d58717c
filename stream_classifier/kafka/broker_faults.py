"""What went wrong between us and a broker, as one sentence with the remedy.

Rules:
- The first row of `CAUSES` whose error type fits gives the sentence; narrower types stand above wider.
- The causes are those that a connection raises when it is tried by itself, as seen against Apache Kafka
  4.1. aiokafka's own clients log the cause and raise a bare "Unable to bootstrap", so
  `connection.reachable` comes before any client.
- A sentence names the address and the user, never a password, and quotes no text from the broker:
  what a broker says of a refused login is its own affair.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from aiokafka import errors

from stream_classifier.core.faults import OperatorFault


class Identity(Protocol):
    """The part of the `kafka` settings that a sentence may name."""

    @property
    def bootstrap_servers(self) -> str: ...
    @property
    def security_protocol(self) -> str: ...
    @property
    def sasl_mechanism(self) -> str | None: ...
    @property
    def sasl_username(self) -> str | None: ...


WRONG_NAME = (
    "The certificate of {server} was issued for another name ({reason}): write the broker in "
    "kafka.bootstrap_servers by the name that its certificate carries."
)
WRONG_LISTENER = (
    "{server} closed the connection at once: that listener probably does not speak {protocol}; set "
    "kafka.security_protocol to what it speaks, or use the port of another listener."
)


class Unreachable(OperatorFault):
    """A broker that is away, and may come back without anybody's doing."""


CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (
        ssl.SSLCertVerificationError,
        "The certificate of {server} is not trusted here ({reason}): set kafka.ssl_ca_file to the PEM file "
        "of the authority that signed it.",
    ),
    (
        ssl.SSLError,
        "{server} broke off the TLS handshake ({reason}): if it asks for a client certificate, set "
        "kafka.ssl_cert_file and kafka.ssl_key_file; if it speaks no TLS, change kafka.security_protocol.",
    ),
    (
        socket.gaierror,
        "The host of {server} is not known to the name service: check kafka.bootstrap_servers and the DNS "
        "of this machine.",
    ),
    (
        ConnectionRefusedError,
        "Nothing listens at {server}: start the broker, or set kafka.bootstrap_servers to where it listens.",
    ),
    (
        TimeoutError,
        "{server} did not answer in time: check that it is a Kafka broker, that no firewall stands between, "
        "and that kafka.security_protocol is what it speaks.",
    ),
    (ConnectionError, WRONG_LISTENER),
    (errors.KafkaConnectionError, WRONG_LISTENER),
    (
        errors.UnsupportedSaslMechanismError,
        "{server} does not offer the SASL mechanism {mechanism}: set kafka.sasl_mechanism to one that its "
        "listener has enabled.",
    ),
    (
        errors.IllegalSaslStateError,
        "{server} asks for no login on this listener: set kafka.security_protocol to PLAINTEXT or SSL, or "
        "use the port of its SASL listener.",
    ),
    (
        errors.SaslAuthenticationFailed,
        "{server} refused the login of {login} by {mechanism}: check kafka.sasl_username and "
        "kafka.sasl_password.",
    ),
    (
        errors.TopicAuthorizationFailedError,
        "{user} lacks a right on a topic at {server}: grant READ and DESCRIBE on the input and the overrides "
        "topic, WRITE and DESCRIBE on the others, CREATE where --create is to make them.",
    ),
    (
        errors.GroupAuthorizationFailedError,
        "{user} may not use the consumer group at {server}: grant READ on the group kafka.group_id.",
    ),
    (
        errors.ClusterAuthorizationFailedError,
        "{user} lacks a right on the cluster at {server}: grant CREATE to make topics, IDEMPOTENT_WRITE to "
        "write on brokers before Kafka 2.8.",
    ),
    (
        errors.TransactionalIdAuthorizationFailed,
        "{user} may not use transactions at {server}: grant WRITE and DESCRIBE on the transactional ids "
        "that begin with kafka.group_id.",
    ),
    (
        errors.MessageSizeTooLargeError,
        "A record is larger than its topic at {server} takes: raise the topic's max.message.bytes.",
    ),
    (
        errors.NotEnoughReplicasError,
        "{server} has too few replicas in sync to take a record: bring the other brokers back, or lower "
        "min.insync.replicas of the topic.",
    ),
    (
        errors.IncompatibleBrokerVersion,
        "{server} does not know a request that is needed: use Apache Kafka 2.1 or newer.",
    ),
    (OSError, "{server} cannot be reached ({reason}): check the network between it and this machine."),
    (
        errors.BrokerResponseError,
        "{server} refused a request ({reason}): the broker's own log says more.",
    ),
)


def broker_fault(error: BaseException, kafka: Identity, server: str | None = None) -> OperatorFault | None:
    """The sentence for an error that came of talking to `server` (`host:port`; else the bootstrap
    servers), or None where the error does not come from a broker or the way to it."""
    cause = _first_cause(error)
    template = next((sentence for kind, sentence in CAUSES if isinstance(cause, kind)), None)
    if template is None:
        return None
    if isinstance(cause, ssl.SSLCertVerificationError) and "mismatch" in cause.verify_message:
        template = WRONG_NAME
    away = isinstance(cause, OSError | errors.KafkaConnectionError) and not isinstance(cause, ssl.SSLError)
    return (Unreachable if away else OperatorFault)(
        template.format(
            server=server or kafka.bootstrap_servers,
            protocol=kafka.security_protocol,
            mechanism=kafka.sasl_mechanism,
            login=kafka.sasl_username or "this client",
            user=f"User {kafka.sasl_username}" if kafka.sasl_username else "This client",
            reason=_reason(cause),
        )
    )


@contextmanager
def broker_faults(kafka: Identity) -> Iterator[None]:
    """Turn what a broker, or the way to it, raises in this block into an `OperatorFault`.

    Only for blocks that talk to Kafka and open no files: an `OSError` is taken for the network's.
    """
    try:
        yield
    except (errors.KafkaError, OSError) as error:
        fault = broker_fault(error, kafka)
        if fault is None:
            raise
        raise fault from error


def _first_cause(error: BaseException) -> BaseException:
    """What lies under: aiokafka wraps what TLS says after the handshake, such as a certificate asked for."""
    return error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error


def _reason(error: BaseException) -> str:
    """A few words from the operating system, OpenSSL or the error code's own text."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no reason given").lower().replace("_", " ")
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
