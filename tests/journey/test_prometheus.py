"""A real Prometheus that scrapes the whole service under load, with our rules and the dashboard's queries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from stream_classifier.core import measures
from stream_classifier.core.call import Signal
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.simulator import ArmedFault
from tests.brokers.prometheus import RealPrometheus
from tests.journey.test_service import Running, a_service, ticket
from tests.patience import until
from tests.unit.test_dashboard import queries

TICKETS = 300
SAMPLES_MAX = 600  # a replica's; the labels' sets bound them


@asynccontextmanager
async def scraped(
    broker: EmbeddedBroker, program: str, directory: Path, **how: Any
) -> AsyncIterator[tuple[Running, RealPrometheus]]:
    """A service, and a Prometheus that has scraped it."""
    async with a_service(broker, **how) as running:
        await until(lambda: running.service.http_address)
        target = str(running.service.http_address).removeprefix("http://")
        with RealPrometheus(program, directory, target) as prometheus:
            await until(prometheus.ready)
            await until(lambda: is_up(prometheus))
            yield running, prometheus


async def is_up(prometheus: RealPrometheus) -> bool:
    return await prometheus.value("up") == 1


async def put_tickets(running: Running, count: int) -> None:
    await running.put(*(ticket(n, f"text number {n % 100}", priority=priority(n)) for n in range(count)))


def priority(number: int) -> str:
    return "urgent" if number % 10 == 0 else "normal"


async def rules(prometheus: RealPrometheus) -> list[dict[str, Any]]:
    return [rule for group in (await prometheus.asked("rules"))["groups"] for rule in group["rules"]]


async def firing(prometheus: RealPrometheus) -> set[str]:
    alerts = (await prometheus.asked("alerts"))["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


async def test_under_load_every_scrape_and_every_rule_goes_well(
    embedded_broker: EmbeddedBroker, prometheus: str, tmp_path: Path
) -> None:
    async with scraped(embedded_broker, prometheus, tmp_path) as (running, server):
        await put_tickets(running, TICKETS)
        await running.events(TICKETS)

        async def all_seen() -> bool:
            return await server.value("sum(stream_classifier_events_total)") == TICKETS

        await until(all_seen)

        async def all_evaluated() -> bool:
            return all(rule["health"] != "unknown" for rule in await rules(server))

        await until(all_evaluated)
        assert [rule for rule in await rules(server) if rule["health"] != "ok"] == []
        [target] = (await server.asked("targets"))["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        samples = await server.value("scrape_samples_scraped")
        assert samples is not None
        assert samples < SAMPLES_MAX
        assert await firing(server) == set()


async def test_prometheus_takes_every_query_of_the_dashboard(
    embedded_broker: EmbeddedBroker, prometheus: str, tmp_path: Path
) -> None:
    async with scraped(embedded_broker, prometheus, tmp_path) as (running, server):
        await put_tickets(running, 30)
        await running.events(30)
        for _, query in queries():
            await server.asked("query", query=query)


async def test_an_outage_is_seen_by_the_rules_while_it_lasts(
    embedded_broker: EmbeddedBroker, prometheus: str, tmp_path: Path
) -> None:
    """The alert itself needs minutes; what it is made of does not."""
    down = ArmedFault(name="key_refused")
    async with scraped(embedded_broker, prometheus, tmp_path, faults=[down]) as (running, server):
        await put_tickets(running, 30)

        async def told() -> bool:
            held = 'rate(stream_classifier_lane_held_seconds_total{lane="bulk", reason="outage"}[5s])'
            return await server.value(f"{held} > 0.9") is not None

        await until(told)
        reason = f'stream_classifier_breaker_open{{reason="{Signal.KEY_REFUSED}"}}'
        assert await server.value(reason) == 1
        running.simulator.faults.replace([])
        await running.events(30)
        assert running.service.tally.count(measures.EVENTS) == 30
