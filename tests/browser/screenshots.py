"""Pictures of the page to be looked at by people: `python -m tests.browser.screenshots OUT`.

Idle, busy and outage are the real service's, between an embedded broker and a simulated provider; stuck is
made up, since a service that stands still for no reason is what all else is built to prevent. Each in light,
in dark, and on a telephone.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, ViewportSize, expect

from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.demo_config import PARTITIONS, TOPICS, provider_options, write_config
from stream_classifier.lab.demo_stream import Rhythm, made_stream
from stream_classifier.lab.load import Pace, Played, open_sender, play
from stream_classifier.lab.simulator import ArmedFault, Simulator
from stream_classifier.observe import logs
from stream_classifier.observe.live.recent import Recent
from stream_classifier.service import Service
from tests.browser.chromium import a_browser
from tests.browser.finding import find_chromium
from tests.browser.pages import STUCK, Shown, a_line
from tests.patience import until

LIGHT = ViewportSize(width=1200, height=900)
PHONE = ViewportSize(width=360, height=780)
BUSY_S = 60.0  # long enough for a line to be seen in the drawings
OUTAGE_S = 40.0


async def take_all(folder: Path) -> None:
    """Take every picture."""
    async with a_browser(find_chromium()) as browser:
        shown = Shown(STUCK)
        shown.recent(None, "", a_line("library", "error", library="aiokafka", message="Unable to commit"))
        async with shown.served() as address:
            await picture(browser, address, folder, "stuck")
        with tempfile.TemporaryDirectory() as scratch:
            await _of_the_service(browser, folder, Path(scratch))


async def _of_the_service(browser: Browser, folder: Path, scratch: Path) -> None:
    async with a_service(scratch) as (service, simulator):
        assert service.http_address is not None
        streaming = asyncio.create_task(_stream(service, 1_800, BUSY_S))
        await asyncio.sleep(BUSY_S * 0.73)  # in the second burst
        await picture(browser, service.http_address, folder, "busy")
        await streaming
        await asyncio.sleep(12)
        await picture(browser, service.http_address, folder, "idle")
        simulator.faults.replace([ArmedFault(name="quota")])
        streaming = asyncio.create_task(_stream(service, 1_200, OUTAGE_S, seed=7))
        await asyncio.sleep(OUTAGE_S * 0.9)
        await picture(browser, service.http_address, folder, "outage")
        simulator.faults.replace([])
        await streaming


async def picture(browser: Browser, address: str, folder: Path, name: str) -> None:
    """The page in light, dark, and on a telephone."""
    for kind, viewport, scheme in (
        ("light", LIGHT, "light"),
        ("dark", LIGHT, "dark"),
        ("phone", PHONE, "light"),
    ):
        page = await browser.new_page(
            viewport=viewport, color_scheme="dark" if scheme == "dark" else "light", device_scale_factor=1
        )
        await page.goto(address)
        await expect(page.locator("#connection")).to_have_text("Live")
        await page.screenshot(path=folder / f"{name}-{kind}.png", full_page=True)
        await page.close()


@asynccontextmanager
async def a_service(scratch: Path) -> AsyncIterator[tuple[Service, Simulator]]:
    """The real service, working."""
    recent = Recent()
    simulator = Simulator(provider_options(seed=1))
    with EmbeddedBroker(dict.fromkeys(TOPICS, PARTITIONS)) as broker, (scratch / "log").open("w") as log:
        async with simulator.serve() as provider:
            settings = write_config(
                scratch / "stream-classifier.yaml",
                bootstrap_servers=broker.bootstrap_servers,
                base_url=provider.base_url,
            )
            logs.configure("info", "json", 50, log, recent=recent)
            service = Service(settings, {}, recent=recent)
            running = asyncio.create_task(service.run())
            await until(lambda: service.session is not None and service.session.assignment.taking)
            try:
                yield service, simulator
            finally:
                service.stop()
                await running


async def _stream(service: Service, tickets: int, seconds: float, seed: int = 1) -> None:
    kafka = service.settings.kafka
    stream = made_stream(Rhythm(tickets=tickets, seconds=seconds), seed, endless=False)
    async with open_sender(kafka, kafka.input_topic) as sender:
        await play(stream, sender, kafka.input_topic, pace=Pace(), played=Played())


if __name__ == "__main__":
    asyncio.run(take_all(Path(sys.argv[1])))
