"""The live page in a real Chromium."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize, expect

from stream_classifier.core.answer import Lane
from tests.brokers.ports import free_ports
from tests.browser.chromium import a_browser
from tests.browser.pages import BUSY, IDENTITY, IDLE, MODEL, NOON, OUTAGE, STATES, STUCK, Shown, a_line
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
expect.set_options(timeout=PATIENCE_S * 1000)

PHONE = ViewportSize(width=360, height=780)
DESK = ViewportSize(width=1280, height=900)
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
LONG = "w" * 300
TURN_AWAY = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with a_browser(chromium) as started:
        yield started


class Opened:
    """A page, and whatever went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def text(self, name: str) -> Any:
        """The place of a text."""
        return self.page.locator(f'[data-text="{name}"]').first


@asynccontextmanager
async def opened(browser: Browser, shown: Shown, **context: Any) -> AsyncIterator[Opened]:
    """The page, live."""
    async with shown.served() as address:
        page = await browser.new_page(**context)
        try:
            found = Opened(page)
            await page.goto(address)
            if context.get("java_script_enabled", True):
                await expect(page.locator("#connection")).to_have_text("Live")
            yield found
        finally:
            await page.close()


@pytest.mark.parametrize("state", STATES)
async def test_every_state_renders_without_an_error_or_a_breach_of_the_policy(
    browser: Browser, state: str
) -> None:
    async with opened(browser, Shown(STATES[state])) as it:
        await expect(it.page.locator("h1")).to_be_visible()
        assert it.complaints == []


async def test_the_policy_would_stop_what_it_does_not_know(browser: Browser) -> None:
    async with opened(browser, Shown()) as it:
        await it.page.evaluate(
            "() => document.body.append(Object.assign(document.createElement('img'), {src: '/metrics'}))"
        )
        await expect(it.page.locator("img")).to_be_attached()
        refused = await it.page.evaluate(
            "() => { try { document.body.innerHTML = 'x'; return false } catch { return true } }"
        )
        assert refused
        assert any("Content Security Policy" in complaint for complaint in it.complaints)


async def test_it_is_renewed_by_itself(browser: Browser) -> None:
    shown = Shown(IDLE)
    async with opened(browser, shown) as it:
        await expect(it.text("state")).to_have_text("Idle")
        shown.now = replace(OUTAGE, unix_s=NOON + 61)
        await expect(it.text("state")).to_have_text("Paused")
        await expect(it.text("taken-at")).to_have_text("12:04:05")
        await expect(it.page).to_have_title("Paused · stream-classifier")
        await expect(it.page.locator('[data-rows="models"] tr')).to_have_attribute("data-is", "bad")
        assert it.complaints == []


async def test_rows_come_go_and_change_in_place(browser: Browser) -> None:
    shown = Shown(BUSY)
    async with opened(browser, shown) as it:
        rows = it.page.locator('[data-rows="partitions"] tr')
        await expect(rows).to_have_count(6)
        shown.now = replace(BUSY, partitions=BUSY.partitions[:2])
        await expect(rows).to_have_count(2)
        shown.now = STUCK
        await expect(rows).to_have_count(6)
        await expect(rows.nth(3)).to_contain_text("stands still for 11")
        await expect(rows.nth(3).locator("th")).to_have_attribute("scope", "row")


async def test_a_lost_connection_is_said_with_the_time_of_the_figures_and_mended_by_itself(
    browser: Browser,
) -> None:
    shown, [port] = Shown(BUSY), free_ports(1)
    page = await browser.new_page()
    async with shown.served(port) as address:
        await page.goto(address)
        await expect(page.locator("#connection")).to_have_text("Live")
    lost = page.locator(".connection")
    await expect(lost).to_have_text("Connection lost: the figures are of 12:03:04 UTC")
    await expect(page.locator('[data-text="state"]')).to_have_text("Working")
    await expect(page).to_have_title("Connection lost · stream-classifier")
    again = Shown(replace(IDLE, unix_s=NOON + 3600))
    async with again.served(port):
        await expect(lost).to_have_text("Live 13:03:04 UTC")
        await expect(page.locator('[data-text="state"]')).to_have_text("Idle")
        await expect(page).to_have_title("Idle · stream-classifier")
        await page.close()


async def test_a_server_that_falls_silent_is_noticed(browser: Browser) -> None:
    shown = Shown(BUSY)
    async with opened(browser, shown) as it:
        await it.page.context.set_offline(True)
        shown.feed.over.set()
        await expect(it.page.locator("#connection")).to_contain_text("Connection lost")


async def test_nothing_is_asked_for_while_nobody_sees_it(browser: Browser) -> None:
    shown = Shown(BUSY)
    async with opened(browser, shown) as it:
        assert shown.feed.clients == 1
        await it.page.evaluate(TURN_AWAY, True)
        await until(lambda: shown.feed.clients == 0)
        await it.page.evaluate(TURN_AWAY, False)
        await until(lambda: shown.feed.clients == 1)


async def test_without_a_script_it_says_as_much(browser: Browser) -> None:
    async with opened(browser, Shown(OUTAGE), java_script_enabled=False) as it:
        await expect(it.text("state")).to_have_text("Paused")
        await expect(it.page.locator(".connection")).to_have_text("As of 12:03:04 UTC")
        await expect(it.page.locator('[data-rows="partitions"] tr')).to_have_count(6)


@pytest.mark.parametrize("state", STATES)
async def test_on_a_telephone_nothing_stands_out_to_the_side(browser: Browser, state: str) -> None:
    shown = a_full_page(STATES[state])
    async with opened(browser, shown, viewport=PHONE) as it:
        width = await it.page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= PHONE["width"]


async def test_hostile_strings_stay_text(browser: Browser) -> None:
    shown = a_full_page(BUSY)
    async with opened(browser, shown) as it:
        shown.now = replace(
            BUSY,
            models=[replace(MODEL, name=HOSTILE)],
            identity=replace(IDENTITY, host=HOSTILE),
            unix_s=NOON + 1,
        )
        shown.recent(
            None, "", a_line("needs_review", "info", event_id="t:0:1", ticket_id=HOSTILE, reason="x")
        )
        await expect(it.page.locator('[data-rows="models"] th').first).to_have_text(HOSTILE)
        await expect(it.page.locator('[data-rows="reviews"] td').first).to_have_text(HOSTILE)
        assert await it.page.locator("img").count() == 0
        assert it.complaints == []


@pytest.mark.parametrize(
    ("scheme", "viewport"), [("light", DESK), ("dark", PHONE)], ids=["light desk", "dark telephone"]
)
@pytest.mark.parametrize("state", STATES)
async def test_axe_finds_nothing_to_object_to(
    browser: Browser, state: str, scheme: str, viewport: ViewportSize
) -> None:
    """WCAG 2.2 A and AA, contrast among them, and its best practices."""
    context = {"color_scheme": scheme, "viewport": viewport, "bypass_csp": True}
    async with opened(browser, a_full_page(STATES[state]), **context) as it:
        results = await Axe().run(it.page)
        assert results.violations_count == 0, results.generate_report()


async def test_axe_would_find_what_cannot_be_read(browser: Browser) -> None:
    async with opened(browser, Shown(), bypass_csp=True) as it:
        await it.page.add_style_tag(content=".answer dt { color: #ccc !important }")
        results = await Axe().run(it.page)
        assert [found["id"] for found in results.response["violations"]] == ["color-contrast"]


async def test_the_connection_lost_has_contrast_too(browser: Browser) -> None:
    for scheme in ("light", "dark"):
        shown = Shown(OUTAGE)
        async with opened(browser, shown, color_scheme=scheme, bypass_csp=True) as it:
            await it.page.context.set_offline(True)
            shown.feed.over.set()
            await expect(it.page.locator(".connection")).to_have_class("connection lost")
            results = await Axe().run(it.page)
            assert results.violations_count == 0, results.generate_report()


async def test_by_keyboard_all_that_scrolls_or_leads_on_is_reached_and_is_seen_to_be(
    browser: Browser,
) -> None:
    async with opened(browser, Shown(BUSY)) as it:
        wanted = await it.page.locator("a, [tabindex='0']").count()
        reached = set()
        for _ in range(wanted):
            await it.page.keyboard.press("Tab")
            reached.add(await it.page.evaluate("() => document.activeElement.outerHTML.slice(0, 120)"))
            outline = await it.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
        assert len(reached) == wanted


async def test_a_reader_is_told_of_the_state_and_of_no_figure(browser: Browser) -> None:
    async with opened(browser, Shown(BUSY)) as it:
        live = it.page.locator("[aria-live], [role='status'], [role='alert'], [role='log']")
        assert await live.evaluate_all("nodes => nodes.map(node => node.textContent)") == ["Live", "Working"]
        await expect(it.page.get_by_role("main")).to_have_count(1)
        await expect(it.page.get_by_role("heading", level=1)).to_have_count(1)
        assert await it.page.locator("table:not(:has(caption))").count() == 0


async def test_what_does_not_change_is_not_announced_again(browser: Browser) -> None:
    shown = Shown(BUSY)
    async with opened(browser, shown) as it:
        await it.page.evaluate(
            """() => {
                window.announced = 0;
                const told = new MutationObserver(changes => { window.announced += changes.length });
                for (const node of document.querySelectorAll("[role='status']"))
                    told.observe(node, {childList: true, characterData: true, subtree: true});
            }"""
        )
        for n in range(1, 4):
            shown.now = replace(BUSY, unix_s=NOON + n, left=BUSY.left + n)
            await expect(it.text("taken-at")).to_have_text(f"12:03:0{4 + n}")
        assert await it.page.evaluate("() => window.announced") == 0


async def test_who_wants_no_motion_gets_none(browser: Browser) -> None:
    async with opened(browser, Shown(BUSY), reduced_motion="reduce") as it:
        moving = await it.page.evaluate(
            "() => [...document.querySelectorAll('*')].filter("
            "node => getComputedStyle(node).transitionDuration !== '0s').length"
        )
        assert moving == 0


def a_full_page(now: Any) -> Shown:
    """Every table has rows, with strings that are long and without a place to break."""
    lanes = {**now.lanes, Lane.URGENT: replace(now.lanes[Lane.URGENT], waiting=1_234_567, calling=1_234)}
    partitions = [
        replace(partition, committed=1_234_567_890, unfinished=50_000, done_ahead=49_999, lag=1_234_567)
        for partition in now.partitions
    ]
    shown = Shown(
        replace(
            now,
            lanes=lanes,
            partitions=partitions,
            models=[*now.models, replace(MODEL, name=LONG)],
            budgets={Lane.BULK: 1.2, Lane.URGENT: 0.3},
            identity=replace(IDENTITY, host=LONG),
        )
    )
    for line in (
        a_line("provider_paused", "error", remedy="Raise it.", detail=LONG),
        a_line("library", "warning", message="Unable to connect"),
        a_line("needs_review", "info", event_id=f"{LONG}:0:1", ticket_id=LONG, reason="not_in_taxonomy"),
        a_line("dead_letter", "warning", partition=f"{LONG}:0", offset=1, reason="not_a_ticket"),
    ):
        shown.recent(None, "", line)
    return shown
