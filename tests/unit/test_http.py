from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest

from stream_classifier.core.tally import Tally
from stream_classifier.observe.health import Health, Report
from stream_classifier.observe.http import build_app
from stream_classifier.observe.metrics import new_registry
from stream_classifier.observe.page import page
from stream_classifier.observe.summary import Snapshot

WELL = Report(ok=True, reasons=())


class Probes:
    """Checks whose answers a test sets."""

    alive: str | None = None
    ready: str | None = None

    def health(self) -> Health:
        return Health(alive=[lambda: self.alive], ready=[lambda: self.ready])


@pytest.fixture
def probes() -> Probes:
    return Probes()


@pytest.fixture
async def client(probes: Probes) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(probes.health(), new_registry(Tally()), Snapshot)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield client


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_probe_that_is_well_answers_200(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()) == (200, {"status": "ok", "reasons": []})


async def test_a_probe_that_fails_answers_503_and_says_why(client: httpx.AsyncClient, probes: Probes) -> None:
    probes.ready = "Not in the group yet."
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "failing", "reasons": ["Not in the group yet."]}
    assert (await client.get("/healthz")).status_code == 200


async def test_metrics_are_served_with_their_content_type(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics", headers={"Accept": "text/plain"})
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "stream_classifier_records_total 0.0" in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_reading_is_allowed(client: httpx.AsyncClient, method: str) -> None:
    assert (await client.request(method, "/healthz")).status_code == 405


async def test_an_unknown_path_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/admin")).status_code == 404


async def test_the_page_says_that_something_is_wrong_before_its_numbers(
    client: httpx.AsyncClient, probes: Probes
) -> None:
    probes.alive = "Partition 3 stands still."
    text = (await client.get("/")).text
    assert text.index("Stuck") < text.index("Partition 3 stands still.") < text.index("Records in")


def test_the_page_says_that_it_is_paused_and_why() -> None:
    assert "Paused: quota" in page(WELL, WELL, Snapshot(paused=("quota",)))


def test_an_unknown_price_is_said_and_not_shown_as_zero() -> None:
    assert "not known" in page(WELL, WELL, Snapshot(calls=5))


def test_the_page_escapes_what_it_shows() -> None:
    text = page(Report(ok=False, reasons=("<script>x</script>",)), WELL, Snapshot())
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    open_tags: list[str] = []
    loaded: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            loaded.extend(name for name, _ in attrs if name in {"src", "style", "onclick"})
            if tag != "meta":
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Reader().feed(page(WELL, WELL, Snapshot()))
    assert (open_tags, loaded) == ([], [])
