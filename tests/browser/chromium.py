"""A headless Chromium: the machine's own, driven by Playwright. Nothing is downloaded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

START_MS = 60_000  # on two cores that others use, too
FLAGS = (
    "--no-sandbox",  # it shows our own page, and CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # a container's is too small for a page
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def a_browser(path: str) -> AsyncIterator[Browser]:
    """A browser for the length of the block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=START_MS)
        try:
            yield browser
        finally:
            await browser.close()
