"""Before the start, and between two consumers: wait for a broker.

A broker that is away is waited for, as in an outage later on: it may be starting at the same time as we
are. What no waiting mends (a login refused, a certificate, a topic that is missing) ends the start. Once we
have worked it does not: a password that is changed on one side first is right again in a moment.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.broker_faults import Unreachable, broker_faults
from stream_classifier.kafka.connection import ConnectionSettings, reachable

log = structlog.get_logger(__name__)

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 15.0  # a broker that is back is noticed within this
BEGIN_S = 30.0  # what is done first takes milliseconds; the client's own steps may wait without an end


async def _nothing() -> None:
    """What is done first with a broker, where there is nothing to do."""


async def wait_for_broker(
    read: Callable[[], ConnectionSettings],
    begin: Callable[[], Awaitable[None]] = _nothing,
    *,
    passing: type[OperatorFault] = Unreachable,
) -> None:
    """Return once a broker lets us in and `begin` has gone well; where the broker goes away in the middle
    of it, from the start. `read` gives the settings, anew for each try. Raises `OperatorFault` for what is
    not `passing`: waiting does not mend it."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            kafka = read()
            await reachable(kafka)
            with broker_faults(kafka):
                async with asyncio.timeout(BEGIN_S):
                    await begin()
        except passing as fault:
            log.warning("waiting_for_kafka", detail=fault.sentence, retry_after_s=wait_s)
        else:
            return
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
