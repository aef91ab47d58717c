"""The way to one broker, a step at a time, for a person who wants to know which of them fails.

`connection.reachable` goes all of it at once. The steps are name, connection, TLS, and, as
`connection.let_in`, the login. Each raises `OperatorFault` with the remedy.
"""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka.conn import create_conn

from stream_classifier.kafka.broker_faults import Identity
from stream_classifier.kafka.connection import (
    CLIENT_ID,
    ConnectionSettings,
    listener_faults,
    ssl_context,
)

STEP_S = 5.0  # of one step with one broker; each takes milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """What TLS was agreed on: its version, and until when the broker's certificate is valid."""

    version: str
    valid_until: datetime


async def find_name(kafka: Identity, host: str, port: int) -> list[str]:
    """The IP addresses of a broker."""
    async with listener_faults(kafka, host, port), asyncio.timeout(STEP_S):
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def connect(kafka: Identity, host: str, port: int) -> None:
    """Open a connection, and close it."""
    async with listener_faults(kafka, host, port), asyncio.timeout(STEP_S):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()


async def encrypt(kafka: ConnectionSettings, host: str, port: int) -> Encryption:
    """Agree on TLS, and have the broker's first answer, without a login: what a broker says to our own
    certificate comes only then."""
    context = ssl_context(kafka)
    async with listener_faults(kafka, host, port), asyncio.timeout(STEP_S):
        connection = await create_conn(
            *(host, port),
            client_id=CLIENT_ID,
            security_protocol="SSL",
            ssl_context=context,
            request_timeout_ms=round(STEP_S * 1000),
        )
    try:
        return _encryption(connection._writer.get_extra_info("ssl_object"))  # noqa: SLF001
    finally:
        connection.close()


def _encryption(channel: ssl.SSLObject) -> Encryption:
    certificate = channel.getpeercert() or {}
    until_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return Encryption(version=channel.version() or "TLS", valid_until=datetime.fromtimestamp(until_s, UTC))
