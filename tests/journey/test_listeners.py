"""A listener that breaks off: called wrong where it has shown what it speaks, waited for where it has not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.access import require_sight
from stream_classifier.kafka.broker_faults import Unreachable
from stream_classifier.kafka.connection import reachable
from stream_classifier.kafka.listeners import spoken_by
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.settings.kafka import Kafka

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


@asynccontextmanager
async def a_server(answer: Answer) -> AsyncIterator[int]:
    """The port of a server that does this with each connection."""
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As a proxy does whose broker is away."""
    writer.close()


def answers_nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [("PLAINTEXT", closes), ("SSL", closes), ("SASL_SSL", closes), ("PLAINTEXT", answers_nonsense)],
)
async def test_a_listener_that_shows_nothing_is_waited_for(protocol: str, answer: Answer) -> None:
    async with a_server(answer) as port:
        settings = {"bootstrap_servers": f"127.0.0.1:{port}", "security_protocol": protocol}
        if protocol == "SASL_SSL":
            settings |= {"sasl_mechanism": "PLAIN", "sasl_username": "alice", "sasl_password": "x"}
        with pytest.raises(Unreachable):
            await reachable(Kafka.model_validate(settings))
        assert await spoken_by("127.0.0.1", port) is None


async def test_what_answers_tls_with_something_else_is_not_waited_for() -> None:
    async with a_server(answers_nonsense) as port:
        with pytest.raises(OperatorFault, match="answers without TLS"):
            await reachable(Kafka(bootstrap_servers=f"127.0.0.1:{port}", security_protocol="SSL"))


async def test_a_listener_without_tls_is_named_by_what_it_speaks() -> None:
    with EmbeddedBroker() as broker:
        settings = Kafka(bootstrap_servers=broker.bootstrap_servers, security_protocol="SSL")
        with pytest.raises(OperatorFault, match=r"not SSL: set kafka\.security_protocol to") as refused:
            await reachable(settings)
    assert not isinstance(refused.value, Unreachable)


async def test_topics_that_cannot_be_looked_at_because_nothing_listens_are_told_so() -> None:
    async with a_server(closes) as port:
        pass
    kafka = Kafka(bootstrap_servers=f"127.0.0.1:{port}")
    with pytest.raises(Unreachable, match=f"Nothing listens at 127.0.0.1:{port}"):
        await require_sight(kafka, ["tickets"])
