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
from pathlib import Path
from typing import Protocol

from aiokafka import errors

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.protocol import InvalidRecord
from stream_classifier.kafka.rights import RightsMissing


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
    @property
    def ssl_cert_file(self) -> Path | str | None: ...


WRONG_NAME = (
    "The certificate of {server} was issued for another name ({reason}): write the broker in "
    "kafka.bootstrap_servers by the name that its certificate carries."
)
EXPIRED = (
    "The certificate of {server} is not valid now ({reason}): renew the broker's certificate, or set this "
    "machine's clock."
)
NO_CERTIFICATE = (
    "{server} wants a client certificate and was shown none ({reason}): set kafka.ssl_cert_file and "
    "kafka.ssl_key_file."
)
REFUSED_CERTIFICATE = (
    "{server} refused the certificate in kafka.ssl_cert_file ({reason}): use one that has not expired, and "
    "is signed by an authority that the broker trusts."
)
NO_TLS = (
    "{server} answers without TLS: set kafka.security_protocol to what that listener speaks, or use the port "
    "of another listener."
)
WRONG_TOKEN = (
    "{server} refused the token in kafka.sasl_password: see that it has not expired, and that the broker "
    "trusts its issuer."
)
CLOSED = (
    "{server} closed the connection at once: either it is only starting, or that listener does not speak "
    "{protocol}; then set kafka.security_protocol to what it speaks, or use the port of another listener."
)
NO_ANSWER = "{server} gave no answer that can be used ({reason}): it may be starting, or short of replicas."
WRONG_PROTOCOL = (
    "{server} speaks {spoken}, not {protocol}: set kafka.security_protocol to {spoken}, or use the port of "
    "another listener."
)

FORBIDDEN = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)
"""What only a grant mends."""

OF_OUR_CERTIFICATE = ("certificate", "unknown ca")  # in the alerts by which TLS refuses the client's


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
        "{server} broke off the TLS handshake ({reason}): the broker's own log says why; both sides need a "
        "TLS version and a cipher in common.",
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
    (ConnectionError, CLOSED),
    (errors.KafkaConnectionError, CLOSED),
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
    (RightsMissing, "{user} lacks rights at {server}: grant {reason}."),
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
        InvalidRecord,
        "A topic at {server} refused a record as invalid: one that is compacted takes none without a key; "
        "set its cleanup.policy to delete, or give every ticket a key.",
    ),
    (errors.RequestTimedOutError, NO_ANSWER),
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
    otherwise = NO_ANSWER if _may_pass(cause) else None
    template = next((sentence for kind, sentence in CAUSES if isinstance(cause, kind)), otherwise)
    if template is None:
        return None
    template = _narrower(cause, kafka) or template
    return (Unreachable if _may_pass(cause) else OperatorFault)(
        template.format(
            server=server or kafka.bootstrap_servers,
            protocol=kafka.security_protocol,
            mechanism=kafka.sasl_mechanism,
            login=kafka.sasl_username or "this client",
            user=_user(kafka),
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


def _narrower(cause: BaseException, kafka: Identity) -> str | None:
    """The sentence where the error's type does not tell enough."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        told = cause.verify_message
        return (
            WRONG_NAME if "mismatch" in told else EXPIRED if "expired" in told or "not yet" in told else None
        )
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return NO_TLS
    if isinstance(cause, ssl.SSLError) and any(said in _reason(cause) for said in OF_OUR_CERTIFICATE):
        return REFUSED_CERTIFICATE if kafka.ssl_cert_file else NO_CERTIFICATE
    if isinstance(cause, errors.SaslAuthenticationFailed) and kafka.sasl_mechanism == "OAUTHBEARER":
        return WRONG_TOKEN
    return None


def _may_pass(error: BaseException) -> bool:
    """Whether waiting may mend it: a broker that is away, starting, or looking for a leader."""
    if isinstance(error, errors.KafkaError):
        return bool(error.retriable) or type(error) is errors.KafkaError
    return isinstance(error, OSError) and not isinstance(error, ssl.SSLError)


def _first_cause(error: BaseException) -> BaseException:
    """What lies under: aiokafka wraps what TLS says after the handshake, such as a certificate asked for."""
    return error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error


def _user(kafka: Identity) -> str:
    """Who we are to the broker, as its rights name us where we can know it."""
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return "The user of the token in kafka.sasl_password"
    if kafka.sasl_username:
        return f"User:{kafka.sasl_username}"
    return "The user of kafka.ssl_cert_file" if kafka.ssl_cert_file else "User:ANONYMOUS"


def _reason(error: BaseException) -> str:
    """A few words from the operating system, OpenSSL or the error code's own text."""
    if isinstance(error, RightsMissing):
        return str(error.args[0])
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no reason given").lower().replace("_", " ")
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
