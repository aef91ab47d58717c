"""How we show the brokers who we are, read again while the service runs: a mounted secret may be renewed.

Rules
-----
* All clients are made from one dict, which is renewed in place: whoever makes one later takes what holds now.
* A client that runs keeps the login that it was made with, and needs it again at every new connection. So a
  change is a reason to make new clients (`changes` counts them); a token alone is none, since clients ask for
  it at each connection.
* What cannot be used (a certificate that is being swapped, and does not fit its key yet) changes nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from stream_classifier.kafka.connection import GivenToken, client_kwargs
from stream_classifier.settings.kafka import Kafka

TOKEN = "OAUTHBEARER"

Shown = tuple[str | None, SecretStr | None, tuple[bytes | None, ...]]
"""The login and the contents of the certificate files."""


class Credentials:
    """What to show, as `read` gives the settings now. Raises `OperatorFault` where it cannot be used."""

    def __init__(self, read: Callable[[], Kafka]) -> None:
        self._read = read
        self.changes = 0
        self.settings = read()
        self.client: dict[str, Any] = {}  # what aiokafka's clients take
        self._renew(_shown(self.settings))

    def now(self) -> Kafka:
        """Read again, and return the settings as they are now. Raises `OperatorFault` as above."""
        self.settings = self._read()
        shown = _shown(self.settings)
        if shown != self._last:
            self._renew(shown)
            self.changes += 1
        return self.settings

    def _renew(self, shown: Shown) -> None:
        self.client.update(client_kwargs(self.settings))
        if self.settings.sasl_mechanism == TOKEN:
            self.client["sasl_oauth_token_provider"] = GivenToken(lambda: _text(self._read().sasl_password))
        self._last = shown


def _shown(kafka: Kafka) -> Shown:
    password = None if kafka.sasl_mechanism == TOKEN else kafka.sasl_password
    files = (kafka.ssl_ca_file, kafka.ssl_cert_file, kafka.ssl_key_file)
    return kafka.sasl_username, password, tuple(_content(file) for file in files)


def _content(file: Path | None) -> bytes | None:
    """What is in the file; one that cannot be read is complained of by whoever uses it."""
    try:
        return None if file is None else file.read_bytes()
    except OSError:
        return None


def _text(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
