"""Before the start: wait for a broker, then see that the topics are there.

A broker that is away is waited for, as in an outage later on: it may be starting at the same time as we
are. What no waiting mends (a login refused, a certificate, a topic that is missing) ends the start.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.broker_faults import Unreachable, broker_faults
from stream_classifier.kafka.connection import ConnectionSettings, admin_client, reachable
from stream_classifier.kafka.topics import missing_sentence, missing_topics

log = structlog.get_logger(__name__)

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 15.0  # a broker that is back is noticed within this


async def _nothing() -> None:
    """What is done first with a broker, where there is nothing to do."""


async def wait_for_broker(kafka: ConnectionSettings, begin: Callable[[], Awaitable[None]] = _nothing) -> None:
    """Return once a broker lets us in and `begin` has gone well; where the broker goes away in the middle
    of it, from the start. Raises `OperatorFault` for what waiting does not mend."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            await reachable(kafka)
            with broker_faults(kafka):
                await begin()
        except Unreachable as fault:
            log.warning("waiting_for_kafka", detail=fault.sentence, retry_after_s=wait_s)
        else:
            return
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


async def require_topics(kafka: ConnectionSettings, names: Iterable[str]) -> None:
    """Raises `OperatorFault` with one sentence where a topic is missing."""
    async with admin_client(kafka) as admin:
        if missing := await missing_topics(admin, names):
            raise OperatorFault(missing_sentence(missing))
