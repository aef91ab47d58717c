"""From the settings to what aiokafka takes, and from what goes wrong to a sentence with the remedy."""

import errno
import socket
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import certifi
import pytest
from aiokafka import errors
from pydantic import SecretStr

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.broker_faults import CAUSES, broker_fault, broker_faults
from stream_classifier.kafka.connection import addresses, client_kwargs
from stream_classifier.kafka.protocol import InvalidRecord
from stream_classifier.kafka.rights import Operation, Right, RightsMissing
from stream_classifier.settings.kafka import Kafka

PASSWORD = "hunter2-should-never-show"


@dataclass(frozen=True, kw_only=True)
class Access:
    """The settings that say how to reach the brokers, as a group of their own would."""

    bootstrap_servers: str = "kafka-1:9092"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_file: Path | None = None
    ssl_cert_file: Path | None = None
    ssl_key_file: Path | None = None


LOGIN = Access(
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
    sasl_username="alice",
    sasl_password=SecretStr(PASSWORD),
)


def sentence(error: BaseException, access: Access = LOGIN) -> str:
    fault = broker_fault(error, access)
    assert fault is not None
    return fault.sentence


def test_the_settings_group_is_taken_as_it_is() -> None:
    assert client_kwargs(Kafka())["bootstrap_servers"] == "localhost:9092"


def test_plaintext_sends_neither_login_nor_tls() -> None:
    assert client_kwargs(Access()).keys() == {"bootstrap_servers", "client_id", "security_protocol"}


def test_a_login_carries_the_mechanism_the_name_and_the_password() -> None:
    kwargs = client_kwargs(LOGIN)
    assert kwargs["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (kwargs["sasl_plain_username"], kwargs["sasl_plain_password"]) == ("alice", PASSWORD)


async def test_a_token_is_handed_over_as_it_was_given() -> None:
    access = Access(
        security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", sasl_password=SecretStr("a.b.c")
    )
    provider = client_kwargs(access)["sasl_oauth_token_provider"]
    assert await provider.token() == "a.b.c"


def test_tls_checks_the_brokers_certificate_and_its_name() -> None:
    context = client_kwargs(Access(security_protocol="SSL", ssl_ca_file=Path(certifi.where())))["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("setting", ["ssl_ca_file", "ssl_cert_file", "ssl_key_file"])
def test_a_missing_certificate_file_names_the_setting_and_the_path(setting: str, tmp_path: Path) -> None:
    here: dict[str, Any] = {"ssl_cert_file": Path(certifi.where()), setting: tmp_path / "gone.pem"}
    with pytest.raises(OperatorFault, match=rf"kafka\.{setting}: .*gone\.pem cannot be read"):
        client_kwargs(Access(security_protocol="SSL", **here))


def test_a_ca_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(OperatorFault, match="BEGIN CERTIFICATE"):
        client_kwargs(Access(security_protocol="SSL", ssl_ca_file=tmp_path / "ca.pem"))


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(OperatorFault, match="cannot be used together"):
        client_kwargs(Access(security_protocol="SSL", ssl_cert_file=Path(certifi.where())))


def test_every_bootstrap_server_has_an_address() -> None:
    servers = Access(bootstrap_servers="a:1, b ,[::1]:3")
    assert addresses(servers) == [("a", 1), ("b", 9092), ("::1", 3)]


def test_bootstrap_servers_that_cannot_be_read_are_a_sentence() -> None:
    with pytest.raises(OperatorFault, match="host:port"):
        addresses(Access(bootstrap_servers="kafka:port"))


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "Nothing listens at kafka-1:9092"),
        (socket.gaierror(-2, "Name or service not known"), "not known to the name service"),
        (TimeoutError(), "did not answer in time"),
        (ConnectionResetError(), "does not speak SASL_PLAINTEXT"),
        (errors.KafkaConnectionError("closed"), "does not speak SASL_PLAINTEXT"),
        (errors.SaslAuthenticationFailed("x"), "refused the login of alice by SCRAM-SHA-512"),
        (errors.UnsupportedSaslMechanismError(), "does not offer the SASL mechanism SCRAM-SHA-512"),
        (errors.IllegalSaslStateError(), "asks for no login"),
        (errors.TopicAuthorizationFailedError("tickets"), "User:alice lacks a right on a topic"),
        (errors.GroupAuthorizationFailedError("g"), "kafka.group_id"),
        (errors.ClusterAuthorizationFailedError(), "CREATE"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
        (RightsMissing([Right(Operation.READ, "topic", "tickets")]), "User:alice lacks rights"),
        (InvalidRecord(), "cleanup.policy"),
        (errors.UnknownError(), "refused a request (UnknownError)"),
    ],
)
def test_each_cause_has_its_sentence(error: BaseException, remedy: str) -> None:
    assert remedy in sentence(error)


@pytest.mark.parametrize(
    ("shown", "remedy"), [(None, "was shown none"), (Path("own.pem"), "refused the certificate")]
)
def test_a_certificate_problem_that_aiokafka_wraps_is_found(shown: Path | None, remedy: str) -> None:
    error = errors.KafkaConnectionError("closed")
    error.__cause__ = alert = ssl.SSLError(1, "[SSL: SSLV3_ALERT_BAD_CERTIFICATE] bad certificate")
    alert.reason = "SSLV3_ALERT_BAD_CERTIFICATE"
    assert remedy in sentence(error, Access(security_protocol="SSL", ssl_cert_file=shown))


def test_tls_that_fails_for_another_reason_is_not_put_down_to_a_certificate() -> None:
    alert = ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version")
    alert.reason = "TLSV1_ALERT_PROTOCOL_VERSION"
    assert "in common" in sentence(alert)


def test_a_refused_token_is_not_put_down_to_a_password() -> None:
    told = sentence(errors.SaslAuthenticationFailed("x"), replace(LOGIN, sasl_mechanism="OAUTHBEARER"))
    assert "token in kafka.sasl_password" in told


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("unable to get local issuer certificate", "kafka.ssl_ca_file"),
        (
            "Hostname mismatch, certificate is not valid for 'kafka-1'.",
            "the name that its certificate carries",
        ),
        ("certificate has expired", "renew the broker's certificate"),
        ("certificate is not yet valid", "clock"),
    ],
)
def test_what_is_wrong_with_the_brokers_certificate_decides_the_remedy(said: str, remedy: str) -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_message = said
    assert remedy in sentence(error)


@pytest.mark.parametrize("kind", [kind for kind, _ in CAUSES if issubclass(kind, errors.KafkaError)])
def test_no_sentence_quotes_the_broker_or_holds_the_password(kind: type[BaseException]) -> None:
    told = sentence(kind(f"{PASSWORD} said the broker"))
    assert PASSWORD not in told
    assert told.endswith((".", ")."))


def test_a_mistake_of_our_own_is_not_taken_for_the_brokers() -> None:
    with pytest.raises(errors.IllegalStateError), broker_faults(LOGIN):
        raise errors.IllegalStateError("not assigned")


def test_a_fault_keeps_its_cause() -> None:
    cause = errors.SaslAuthenticationFailed("x")
    with pytest.raises(OperatorFault) as caught, broker_faults(LOGIN):
        raise cause
    assert caught.value.__cause__ is cause
