"""The client of an OpenAI-compatible endpoint: one order in, one outcome out, never an exception.

Rules:

* Whatever a network or a provider does becomes an `Outcome`. Only cancellation passes through; the
  connection is closed with it (one in the middle of its TLS handshake is left to the garbage collector
  by httpcore 1.0.9).
* The whole call is under `timeout_s`, reaching the server also under `CONNECT_S`. Nothing is tried again
  here: what a failure costs, and whether it is worth it, is decided above.
* No more than `connections` calls are under way; the next waits before its time starts to run. None waits
  in httpx' own pool, where httpcore 1.0.9 loses a slot for good when a call is cancelled (httpcore issue
  1093): each call has a client to itself (`connections`).
* One instance has its own connections: urgent and bulk get one each, so neither waits for the other.
* `HTTPS_PROXY`, `NO_PROXY` and `SSL_CERT_FILE` are honoured, as by curl and the providers' own clients:
  in many companies they are the only way out.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from stream_classifier.core.call import Order, Outcome, Signal
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.ladder import Ladder, Ladders
from stream_classifier.core.rate_headers import read_rate_headers
from stream_classifier.llm.connections import KEEPALIVE_S, Connections
from stream_classifier.llm.errors import describe, read_error
from stream_classifier.llm.failures import explain
from stream_classifier.llm.reply import read_reply
from stream_classifier.llm.visit import Visit, clock_ahead_s, owners_in

CONNECT_S = 5.0
"""DNS, TCP and TLS take well under a second; longer means that the endpoint cannot be reached."""
MAX_RESPONSE_BYTES = 4 << 20
"""Ninety labels take under 10 KB; the rest is for a reasoning trace that some endpoints send along."""

VISIT_S = 10.0
"""To see whether the endpoint is there; it has nothing to work out."""

TOO_LARGE = "The response is larger than any chat completion: check llm.base_url."
TIMED_OUT = "The provider did not answer within the time limit."
KEY_UNUSABLE = "llm.api_key holds characters that no HTTP header can carry: check the secret's file."


class OpenAIClient:
    """Chat completions at `base_url`. Use as `async with client:`.

    `api_key` is asked before every call, so that a mounted secret can change; `headers` and `params` go
    into every request; `ca_file` is trusted besides the public authorities; `ladders` holds, by model, what
    the endpoint takes, where several clients of one endpoint share what they learn; `transport` replaces the
    network. Raises `OperatorFault` for a `ca_file` or proxy setting that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: Callable[[], str | None],
        timeout_s: float,
        connections: int,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        ca_file: Path | None = None,
        ladders: Ladders | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = _completions_url(base_url)
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._params = params or {}
        self._ladders = Ladders(Ladder) if ladders is None else ladders
        self._free = asyncio.Semaphore(connections)
        new_client = partial(
            _http_client,
            headers={"accept-encoding": "identity", "content-type": "application/json", **(headers or {})},
            timeout=httpx.Timeout(None, connect=min(CONNECT_S, timeout_s)),
            limits=httpx.Limits(max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_S),
            verify=_trust(ca_file),  # shared: it holds the certificates of all authorities
            follow_redirects=False,  # the key would go along, and the tickets
            transport=transport,
        )
        self._connections = Connections(new_client)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connections.close()

    async def ask(self, order: Order) -> Outcome:
        """Make one call. FORMAT_REFUSED means that the same order will be asked for differently next
        time; where nothing is left to change the signal is BAD_REQUEST."""
        authorization = _authorization(self._url, self._api_key())
        if authorization is None:
            return Outcome(signal=Signal.KEY_REFUSED, detail=KEY_UNUSABLE)
        async with self._free:
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._post(order, authorization, began)
            except TimeoutError:
                signal, detail = Signal.TIMEOUT, TIMED_OUT
            except httpx.HTTPError as error:
                signal, detail = explain(error)
            return Outcome(signal=signal, detail=detail, latency_s=time.monotonic() - began)

    async def visit(self) -> Visit:
        """Ask for the list of models, which costs nothing. Whatever is answered, an error too, shows that the
        endpoint is there; not all of them have such a list."""
        began = time.time()
        try:
            async with asyncio.timeout(min(VISIT_S, self._timeout_s)):
                authorization = _authorization(self._url, self._api_key()) or {}
                async with self._connections.one() as http:
                    response = await http.get(_models_url(self._url), headers=authorization)
        except TimeoutError:
            return Visit(detail=TIMED_OUT)
        except httpx.HTTPError as error:
            return Visit(detail=explain(error)[1])
        return Visit(
            status=response.status_code,
            ahead_s=clock_ahead_s(response.headers, (began + time.time()) / 2),
            owners=owners_in(response.content),
        )

    async def _post(self, order: Order, authorization: Mapping[str, str], began: float) -> Outcome:
        ladder = self._ladders[order.model]
        body = ladder.body(order, self._params)
        content = orjson.dumps(body, default=dict)
        headers = {**order.headers, **authorization}
        async with (
            self._connections.one() as http,
            http.stream("POST", self._url, content=content, headers=headers) as response,
        ):
            received = await _read(response)
        return replace(
            _outcome(response.status_code, received, ladder, body),
            status=response.status_code,
            rate=read_rate_headers(response.headers, time.time()),
            latency_s=time.monotonic() - began,
        )


def _outcome(status: int, received: bytes | None, ladder: Ladder, body: Mapping[str, Any]) -> Outcome:
    if received is None:
        return Outcome(signal=Signal.MALFORMED, detail=TOO_LARGE)
    if 200 <= status < 300:
        reply = read_reply(received, body)
        return Outcome(signal=reply.signal, content=reply.content, usage=reply.usage, detail=reply.detail)
    refusal = read_error(status, received, body)
    if refusal.signal is Signal.FORMAT_REFUSED and not ladder.refused(refusal.parameter, body):
        return Outcome(signal=Signal.BAD_REQUEST, detail=describe(Signal.BAD_REQUEST, status))
    return Outcome(signal=refusal.signal, detail=refusal.detail)


async def _read(response: httpx.Response) -> bytes | None:
    """The body, or None where it is larger than `MAX_RESPONSE_BYTES`; the rest is not read then."""
    received = bytearray()
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > MAX_RESPONSE_BYTES:
            return None
    return bytes(received)


def _models_url(completions: httpx.URL) -> httpx.URL:
    return completions.copy_with(path=f"{completions.path.removesuffix('/chat/completions')}/models")


def _completions_url(base_url: str) -> httpx.URL:
    """`base_url` with the path of chat completions; its query (Azure's `api-version`) stays."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise OperatorFault("llm.base_url is not a URL: give it as https://host/v1.") from error
    return url.copy_with(path=f"{url.path.rstrip('/')}/chat/completions")


def _authorization(url: httpx.URL, api_key: str | None) -> dict[str, str] | None:
    """The header that carries the key (Azure has its own); None where no header can."""
    key = (api_key or "").strip()  # a mounted secret ends with a line end more often than not
    if not key:
        return {}
    if not (key.isascii() and key.isprintable()):
        return None
    return {"api-key": key} if url.host.endswith(".azure.com") else {"authorization": f"Bearer {key}"}


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise OperatorFault(
                f"llm.ca_file {ca_file} cannot be read as certificates."
                " Name a PEM file that this process may read."
            ) from error
    return context


def _http_client(**options: Any) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(**options)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise OperatorFault(
            "The proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used: give it as"
            " http://host:port, or unset it."
        ) from error
