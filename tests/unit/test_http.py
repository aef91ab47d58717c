from collections.abc import AsyncIterator

import httpx
import pytest

from stream_classifier.core.tally import Tally
from stream_classifier.observe.health import Health
from stream_classifier.observe.http import build_app
from stream_classifier.observe.metrics import new_registry
from tests.browser.pages import Shown


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
    app = build_app(probes.health(), new_registry(Tally()), Shown().feed)
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
