"""What is shown to the brokers, read again: what counts as a change, and what changes nothing."""

from pathlib import Path
from typing import Any

import certifi
import pytest
from pydantic import SecretStr

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.credentials import Credentials
from stream_classifier.settings import Settings, kafka_now
from stream_classifier.settings.environment import SECRETS_DIR
from stream_classifier.settings.kafka import Kafka
from tests.unit.settings_cases import from_variables

LOGIN: dict[str, Any] = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "alice",
    "sasl_password": SecretStr("first"),
}


class Mounted:
    """Settings that somebody changes outside."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def read(self) -> Kafka:
        return Kafka(**self.settings)


def test_a_changed_password_is_a_change_and_stands_in_the_same_dict() -> None:
    mounted = Mounted(**LOGIN)
    credentials = Credentials(mounted.read)
    client = credentials.client
    mounted.settings["sasl_password"] = SecretStr("second")
    credentials.now()
    assert credentials.changes == 1
    assert client["sasl_plain_password"] == "second"


def test_what_is_as_it_was_is_no_change() -> None:
    credentials = Credentials(Mounted(**LOGIN).read)
    for _ in range(3):
        credentials.now()
    assert credentials.changes == 0


async def test_a_renewed_token_is_no_change_and_is_asked_for_at_each_connection() -> None:
    mounted = Mounted(**LOGIN | {"sasl_mechanism": "OAUTHBEARER"})
    credentials = Credentials(mounted.read)
    provider = credentials.client["sasl_oauth_token_provider"]
    mounted.settings["sasl_password"] = SecretStr("second")
    credentials.now()
    assert (credentials.changes, await provider.token()) == (0, "second")


def test_a_renewed_certificate_file_is_a_change(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(Path(certifi.where()).read_bytes())
    credentials = Credentials(Mounted(security_protocol="SSL", ssl_ca_file=file).read)
    before = credentials.client["ssl_context"]
    file.write_bytes(file.read_bytes() + b"\n")
    credentials.now()
    assert credentials.changes == 1
    assert credentials.client["ssl_context"] is not before


def test_a_certificate_that_cannot_be_used_changes_nothing_and_is_told_until_it_can(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(Path(certifi.where()).read_bytes())
    credentials = Credentials(Mounted(security_protocol="SSL", ssl_ca_file=file).read)
    before = credentials.client["ssl_context"]
    file.write_text("half of it")
    for _ in range(2):
        with pytest.raises(OperatorFault, match=r"kafka\.ssl_ca_file"):
            credentials.now()
    assert (credentials.changes, credentials.client["ssl_context"]) == (0, before)


def from_the_start() -> Settings:
    return from_variables(
        KAFKA__SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA__SASL_MECHANISM="PLAIN",
        KAFKA__SASL_USERNAME="alice",
        KAFKA__SASL_PASSWORD="first",
    )


def test_the_login_is_read_again_where_it_is_mounted(tmp_path: Path) -> None:
    settings, environ = from_the_start(), {SECRETS_DIR: str(tmp_path)}
    (tmp_path / "kafka__sasl_password").write_text("second\n")
    kafka = kafka_now(settings, environ)
    assert kafka.sasl_password == SecretStr("second")
    assert kafka.sasl_username == "alice"


def test_a_login_that_is_not_mounted_at_this_moment_is_that_of_the_start(tmp_path: Path) -> None:
    settings = from_the_start()
    assert kafka_now(settings, {SECRETS_DIR: str(tmp_path)}) == settings.kafka
    assert kafka_now(settings, {}) == settings.kafka
