"""All checks in their order, made from the settings."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.tally import Tally
from stream_classifier.lab.doctor.backlog import Backlog
from stream_classifier.lab.doctor.cache import CacheCheck
from stream_classifier.lab.doctor.checks import Line, examine, fault, ok
from stream_classifier.lab.doctor.holdings import Holdings
from stream_classifier.lab.doctor.passage import Passage
from stream_classifier.lab.doctor.provider import PROVIDER, Provider
from stream_classifier.lab.doctor.registry import RegistryCheck
from stream_classifier.lab.doctor.trip import Agree, Trip
from stream_classifier.lab.doctor.way import Way
from stream_classifier.service.building import Builder
from stream_classifier.settings import Settings, kafka_now

SETTINGS = "settings"


async def examination(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    agree: Agree,
    trying: Callable[[str], None],
    publish: bool = False,
) -> AsyncIterator[Line]:
    """Every line, as it is found. `agree` is asked before each ticket that costs a call; one is sent through
    the stream itself only with `publish`."""
    kafka = kafka_now(settings, environ)
    holdings = Holdings(kafka)
    backlog = Backlog(kafka, holdings)
    yield ok(SETTINGS, f"They hold together (digest {settings.digest}).")
    brokers = [*Way(kafka).checks(), *holdings.checks(), *backlog.checks()]
    good: set[str] = set()
    stores = [*RegistryCheck(settings, environ).checks(), *CacheCheck(settings).checks()]
    async for line in examine([*brokers, *stores], trying, good):
        yield line
    async with AsyncExitStack() as stack:
        try:
            builder = Builder(settings, Tally())
            clients = builder.clients(environ)
        except OperatorFault as found:
            yield fault(PROVIDER, found.sentence)
            return
        for client in clients.values():
            await stack.enter_async_context(client)
        provider = Provider(builder, clients)
        trip = Trip(builder, environ, backlog, agree)
        passage = Passage(builder, kafka, holdings, agree, wanted=publish)
        last = [*provider.checks(), *trip.checks(), *passage.checks()]
        async for line in examine(last, trying, good):
            yield line
