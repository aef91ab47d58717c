"""The way to Kafka: from the settings to what aiokafka's clients take, and a first look at the broker.

A listener can be wrong in many ways (address, TLS, login, the address that it sends clients on to), and
aiokafka retries or logs most of them. So whoever talks to Kafka asks `reachable` first, and a person
gets one sentence with the remedy instead of a stack of retries.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiokafka.client
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed
from pydantic import SecretStr

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.broker_faults import (
    WRONG_PROTOCOL,
    Identity,
    Unreachable,
    broker_fault,
    broker_faults,
)
from stream_classifier.kafka.listeners import spoken_by
from stream_classifier.kafka.protocol import Looking

CLIENT_ID = "stream-classifier"
"""Shown in the brokers' logs, quotas and metrics."""

REACH_TIMEOUT_S = 10.0
"""For one broker: a name look-up, a TLS handshake and a login take far less."""

BROKEN_OFF = (ConnectionError, KafkaConnectionError, ssl.SSLError)
TOLD_WHY = (ConnectionRefusedError, ssl.SSLCertVerificationError)


class ConnectionSettings(Identity, Protocol):
    """The part of the `kafka` settings that says how to reach the brokers."""

    @property
    def sasl_password(self) -> SecretStr | None: ...
    @property
    def ssl_ca_file(self) -> Path | str | None: ...
    @property
    def ssl_cert_file(self) -> Path | str | None: ...
    @property
    def ssl_key_file(self) -> Path | str | None: ...


def client_kwargs(kafka: ConnectionSettings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's consumer, producer and admin client.

    Raises `OperatorFault` for a certificate file that cannot be used.
    """
    kwargs: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "client_id": CLIENT_ID,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol in ("SSL", "SASL_SSL"):
        kwargs["ssl_context"] = ssl_context(kafka)
    if kafka.security_protocol.startswith("SASL_"):
        kwargs |= _sasl_kwargs(kafka)
    return kwargs


def ssl_context(kafka: ConnectionSettings) -> ssl.SSLContext:
    """TLS that checks the broker's certificate and name, and shows ours where one is set.

    Raises `OperatorFault` for a file that is missing, not readable or not what it should be.
    """
    context = _trusting(kafka.ssl_ca_file)
    if kafka.ssl_cert_file is not None:
        _show(context, kafka.ssl_cert_file, kafka.ssl_key_file)
    return context


async def reachable(kafka: ConnectionSettings, timeout_s: float = REACH_TIMEOUT_S) -> None:
    """Return once a bootstrap server has let us in and a broker it names lets us in too.

    Each address gets `timeout_s`. Raises `OperatorFault` with a sentence an address where none works:
    `Unreachable` where waiting may help.
    """
    options = client_kwargs(kafka)
    del options["bootstrap_servers"]
    advertised, refusals = await _first_open(addresses(kafka), kafka, options, timeout_s)
    if advertised is None:
        raise _joined(refusals)
    if set(advertised) & set(addresses(kafka)):
        return
    onward, refusals = await _first_open(advertised, kafka, options, timeout_s)
    if advertised and onward is None:
        raise OperatorFault(
            f"{kafka.bootstrap_servers} answers, but sends its clients on to an address that cannot be used "
            f"from here: set advertised.listeners of the broker to one that can. {_joined(refusals).sentence}"
        )


@asynccontextmanager
async def admin_client(
    kafka: ConnectionSettings, timeout_s: float = REACH_TIMEOUT_S
) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client; what the broker refuses in the block is raised as `OperatorFault`."""
    await reachable(kafka, timeout_s)
    admin = AIOKafkaAdminClient(**client_kwargs(kafka), request_timeout_ms=int(timeout_s * 1000))
    with broker_faults(kafka):
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()


@asynccontextmanager
async def asking(client: Mapping[str, Any]) -> AsyncIterator[aiokafka.client.AIOKafkaClient]:
    """A client for a few questions, from what `client_kwargs` gives: one that is kept would lose its
    brokers."""
    asker = aiokafka.client.AIOKafkaClient(**client)
    try:
        await asker.bootstrap()
        yield asker
    finally:
        await asker.close()


def addresses(kafka: Identity) -> list[tuple[str, int]]:
    """Host and port of each bootstrap server, 9092 where no port is given."""
    try:
        return [(host, port) for host, port, _ in collect_hosts(kafka.bootstrap_servers, randomize=False)]
    except ValueError as error:
        raise OperatorFault(
            "kafka.bootstrap_servers cannot be read: write host:port, several of them parted by commas."
        ) from error


async def let_in(
    kafka: ConnectionSettings, host: str, port: int, timeout_s: float = REACH_TIMEOUT_S
) -> list[tuple[str, int]]:
    """Log in at this address alone, and return the addresses of all brokers, as it tells them. Raises
    `OperatorFault`."""
    options = client_kwargs(kafka)
    del options["bootstrap_servers"]
    async with listener_faults(kafka, host, port):
        return await _ask_for_brokers(host, port, options, timeout_s)


@asynccontextmanager
async def listener_faults(kafka: Identity, host: str, port: int) -> AsyncIterator[None]:
    """Turn what one listener, or the way to it, raises in this block into an `OperatorFault`; it is tried
    once more where that can tell that it speaks something else than is configured."""
    try:
        yield
    except (KafkaError, OSError) as error:
        fault = broker_fault(error, kafka, f"{host}:{port}")
        if fault is None:
            raise
        raise (await _wrong_protocol(error, kafka, host, port) or fault) from error


async def _first_open(
    servers: list[tuple[str, int]], kafka: Identity, options: dict[str, Any], timeout_s: float
) -> tuple[list[tuple[str, int]] | None, list[OperatorFault]]:
    """The brokers that the first open server names (None where none is open), and why others are not."""
    refusals: list[OperatorFault] = []
    for host, port in servers:
        try:
            async with listener_faults(kafka, host, port):
                return await _ask_for_brokers(host, port, options, timeout_s), refusals
        except OperatorFault as fault:
            refusals.append(fault)
    return None, refusals


async def _wrong_protocol(error: Exception, kafka: Identity, host: str, port: int) -> OperatorFault | None:
    """A sentence where a listener broke off because it speaks something else than is configured."""
    if not isinstance(error, BROKEN_OFF) or isinstance(error, TOLD_WHY):
        return None
    spoken = await spoken_by(host, port)
    if spoken in (None, kafka.security_protocol):
        return None
    return OperatorFault(
        WRONG_PROTOCOL.format(server=f"{host}:{port}", spoken=spoken, protocol=kafka.security_protocol)
    )


def _joined(refusals: list[OperatorFault]) -> OperatorFault:
    """All sentences as one fault; a broker that is merely away is one to wait for."""
    away = all(isinstance(refusal, Unreachable) for refusal in refusals)
    return (Unreachable if away else OperatorFault)(" ".join(refusal.sentence for refusal in refusals))


async def _ask_for_brokers(
    host: str, port: int, options: dict[str, Any], timeout_s: float
) -> list[tuple[str, int]]:
    """Log in at one address and ask it for the addresses of all brokers; names no topic, makes none."""
    async with asyncio.timeout(timeout_s):
        connection = await create_conn(host, port, request_timeout_ms=int(timeout_s * 1000), **options)
        try:
            metadata = (await connection.send(Looking([]))).to_object()
        finally:
            connection.close()
    if not metadata["brokers"]:  # what a broker says to a refused token; the client takes it for let in
        oauth = options.get("sasl_mechanism") == "OAUTHBEARER"
        raise SaslAuthenticationFailed if oauth else KafkaConnectionError("no brokers are named")
    return [(broker["host"], broker["port"]) for broker in metadata["brokers"]]


def _sasl_kwargs(kafka: ConnectionSettings) -> dict[str, Any]:
    password = kafka.sasl_password.get_secret_value() if kafka.sasl_password else ""
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": GivenToken(lambda: password)}
    return {
        "sasl_mechanism": kafka.sasl_mechanism or "PLAIN",
        "sasl_plain_username": kafka.sasl_username or "",
        "sasl_plain_password": password,
    }


class GivenToken:
    """OAUTHBEARER with a token that somebody else fetched and renews: `kafka.sasl_password` holds it."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    async def token(self) -> str:
        """The token, as aiokafka asks for it at each new connection."""
        return self._read()

    def extensions(self) -> dict[str, str]:
        """No SASL extensions."""
        return {}


# A client asks for its topics' metadata again and again, and a broker that makes topics by itself would make
# one that was deleted. aiokafka has no setting for that.
aiokafka.client.MetadataRequest = Looking

# aiokafka asks for an instance of its own abstract class; to be registered is enough.
AbstractTokenProvider.register(GivenToken)


def _trusting(ca_file: Path | str | None) -> ssl.SSLContext:
    """A context that trusts the authorities of this file, or the machine's own."""
    _check_readable("kafka.ssl_ca_file", ca_file)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise OperatorFault(
            f"kafka.ssl_ca_file: {ca_file} holds no certificate that can be read; it must be a PEM file, "
            "with lines of -----BEGIN CERTIFICATE-----."
        ) from error


def _show(context: ssl.SSLContext, cert_file: Path | str, key_file: Path | str | None) -> None:
    _check_readable("kafka.ssl_cert_file", cert_file)
    _check_readable("kafka.ssl_key_file", key_file)
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except ssl.SSLError as error:
        raise OperatorFault(
            f"kafka.ssl_cert_file: {cert_file} and its key in {key_file or 'the same file'} cannot be used "
            "together; both must be PEM, and the key the one that the certificate was made for."
        ) from error


def _no_passphrase() -> str:
    """Called for a locked key, where OpenSSL would stop and ask the terminal."""
    raise OperatorFault(
        "kafka.ssl_key_file: the key is locked with a passphrase; write it without one, for example by "
        "`openssl pkey -in locked.key -out open.key`, and guard the file by its rights."
    )


def _check_readable(setting: str, path: Path | str | None) -> None:
    if path is None:
        return
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise OperatorFault(
            f"{setting}: {path} cannot be read ({error.strerror}); it must be a PEM file that this process "
            "may read."
        ) from error
