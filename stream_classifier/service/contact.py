"""The way to the brokers while the service runs: credentials that are renewed, and why nothing comes.

aiokafka's clients look for their brokers on and on, with the login that they were made with, and wait in
silence for a topic that was deleted. So this looks beside them: a renewed login is taken on, and where no
broker is connected or the input is gone, it is told.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.connection import reachable
from stream_classifier.kafka.consumer import is_connected
from stream_classifier.kafka.credentials import Credentials
from stream_classifier.kafka.session import Session

log = structlog.get_logger(__name__)

LOOK_S = 5.0  # a renewed secret serves within this, on top of what Kubernetes takes to mount it


class Renewed(Protocol):
    """What sends with connections of its own."""

    async def renew(self) -> None:
        """Send by new connections from now on."""


@dataclass(slots=True)
class Contact:
    """Looks every `LOOK_S`. `session` gives the current one, None before the first."""

    credentials: Credentials
    producer: Renewed
    session: Callable[[], Session | None]
    _taken_on: int = 0
    _input_is_gone: bool = False

    async def run(self) -> None:
        """Look, for as long as the process lives."""
        self._taken_on = self.credentials.changes
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
            except OperatorFault as fault:
                log.warning("waiting_for_kafka", detail=fault.sentence, retry_after_s=LOOK_S)

    async def _look(self) -> None:
        kafka = self.credentials.now()
        session = self.session()
        if self.credentials.changes != self._taken_on:
            self._taken_on = self.credentials.changes
            log.info("credentials_renewed", username=kafka.sasl_username)
            await self._take_on(session)
        elif session is not None and not is_connected(session.consumer):
            await reachable(kafka)
        elif session is not None and session.assignment.taking:
            self._see_input(session, kafka.input_topic)

    def _see_input(self, session: Session, topic: str) -> None:
        """Tell, once, when the topic is gone; when it is there again its partitions are assigned."""
        gone = session.consumer.partitions_for_topic(topic) is None
        if gone and not self._input_is_gone:
            log.error("input_topic_missing", topic=topic)
        self._input_is_gone = gone

    async def _take_on(self, session: Session | None) -> None:
        """New connections: the producer's first, since it brings out what the session hands over."""
        await self.producer.renew()
        if session is not None:
            session.stop()
            await session.drain()
            session.end()
