"""What a listener speaks, found by trying: asked where a connection was closed without a word.

A broker that is starting closes connections too, so a listener is called wrong only where it has answered
in another way than the one that is configured.
"""

import asyncio
import ssl

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import IllegalSaslStateError, IncompatibleBrokerVersion, KafkaError
from aiokafka.protocol.admin import SaslHandShakeRequest

ANSWER_WAIT_S = 3.0  # for a listener that has just answered, if only by closing
TAKES_NO_LOGIN = IllegalSaslStateError.errno


async def spoken_by(host: str, port: int) -> str | None:
    """The security protocol of the listener, as `kafka.security_protocol` names it; None where it does
    not show."""
    for encrypted in (False, True):
        try:
            async with asyncio.timeout(ANSWER_WAIT_S):
                return await _ask(host, port, encrypted=encrypted)
        except (KafkaError, OSError) as error:
            if encrypted and _is_alert(error):  # it speaks TLS, and wants a certificate that we do not show
                return "SSL"
    return None


async def _ask(host: str, port: int, *, encrypted: bool) -> str:
    """What it speaks, if it answers a client that does not log in."""
    context = _unchecked() if encrypted else None
    way = "SSL" if encrypted else "PLAINTEXT"
    timeout_ms = round(ANSWER_WAIT_S * 1000)
    connection = await create_conn(
        host, port, security_protocol=way, ssl_context=context, request_timeout_ms=timeout_ms
    )
    try:
        login = await _takes_logins(connection)
    finally:
        connection.close()
    return f"SASL_{way}" if login else way


async def _takes_logins(connection: AIOKafkaConnection) -> bool:
    try:
        answer = await connection.send(SaslHandShakeRequest("PLAIN"))
    except IncompatibleBrokerVersion:  # a stand-in for Kafka, which knows no logins
        return False
    return bool(answer.error_code != TAKES_NO_LOGIN)


def _is_alert(error: BaseException) -> bool:
    """Whether the other side has said in TLS what it does not like; aiokafka wraps it."""
    said = error.__cause__ or error
    return isinstance(said, ssl.SSLError) and "ALERT" in (said.reason or "")


def _unchecked() -> ssl.SSLContext:
    """TLS with whoever answers: nothing is sent to it that anybody might not know."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
