"""Asks a schema registry, by the API that Confluent's, Redpanda's, Karapace and Apicurio share.

Rules
-----
* Three answers: the schema; that there is none; and everything else, which is `Unavailable` and may pass.
  Only the registry's own error code says that there is none: a plain 404 comes from a wrong path or a
  proxy, and would send good tickets to the dead letters.
* Redirects are not followed: the password would go along to wherever they point.
* The address is asked for before each request, so that a renewed secret is used. It may hold a user and a
  password, and is in no sentence.
* `HTTPS_PROXY`, `NO_PROXY` and `SSL_CERT_FILE` are honoured, as by the calls to the provider.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson
from pydantic import SecretStr

from stream_classifier.core.faults import OperatorFault, chain_of
from stream_classifier.registry.wire import SchemaId

REQUEST_S = 10.0
"""A schema comes in milliseconds. Longer means that the registry is not well, and it is asked again."""
MAX_RESPONSE_BYTES = 4 << 20
"""The largest schemas that registries take have 1 MiB."""
NOT_FOUND_CODES = range(40401, 40404)
"""The registry's own: no such subject, version or schema."""
ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
AVRO = "AVRO"  # where the registry names no kind


@dataclass(frozen=True, slots=True)
class Reference:
    """A schema that another one names, as a subject has it in this version."""

    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema as it is registered: its text, its kind (`AVRO`, `JSON`, `PROTOBUF`), what it names."""

    text: str
    kind: str = AVRO
    references: tuple[Reference, ...] = ()


class Unavailable(Exception):
    """The registry did not answer, or not as one does. `sentence` holds the remedy, and no address."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class RegistryClient:
    """The registry at `url`, asked for before each request. Use as `async with client:`.

    `ca_file` is trusted besides the public authorities. Raises `OperatorFault` where it cannot be read.
    """

    def __init__(
        self, url: Callable[[], SecretStr], ca_file: Path | None = None, *, request_s: float = REQUEST_S
    ) -> None:
        self._url = url
        self._request_s = request_s
        self._http = httpx.AsyncClient(
            headers={"accept": ACCEPT, "accept-encoding": "identity"},
            timeout=request_s,
            follow_redirects=False,
            verify=_trust(ca_file),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def schema(self, schema_id: SchemaId) -> Registered | None:
        """The schema; None where the registry says that it has none such. Raises `Unavailable`."""
        place = "ids" if isinstance(schema_id, int) else "guids"
        return await self._get(f"/schemas/{place}/{schema_id}")

    async def version(self, reference: Reference) -> Registered | None:
        """The same of a version of a subject."""
        subject = quote(reference.subject, safe="")
        return await self._get(f"/subjects/{subject}/versions/{reference.version}")

    async def _get(self, path: str) -> Registered | None:
        try:
            url, auth = _shown(httpx.URL(self._url().get_secret_value().rstrip("/") + path))
            async with asyncio.timeout(self._request_s), self._http.stream("GET", url, auth=auth) as response:
                return _read(response.status_code, await _body(response))
        except TimeoutError:
            raise Unavailable(f"The schema registry did not answer within {self._request_s:g} s.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(_explained(error)) from None  # its own text may hold the address


def _shown(url: httpx.URL) -> tuple[httpx.URL, httpx.BasicAuth | None]:
    """The address without the login, so that no log or error of a library has it; and the login."""
    auth = httpx.BasicAuth(url.username, url.password) if url.userinfo else None
    return url.copy_with(userinfo=b""), auth


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise Unavailable(
                "The schema registry's answer is larger than any schema: check kafka.schema_registry_url."
            )
    return bytes(body)


def _read(status: int, body: bytes) -> Registered | None:
    found = _object(body)
    if status == httpx.codes.OK:
        if (schema := _registered(found)) is not None:
            return schema
        raise Unavailable("What answers is no schema registry: check kafka.schema_registry_url and its path.")
    if status == httpx.codes.NOT_FOUND and found.get("error_code") in NOT_FOUND_CODES:
        return None
    raise Unavailable(_refused(status))


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _registered(found: dict[str, Any]) -> Registered | None:
    text, kind, named = found.get("schema"), found.get("schemaType", AVRO), found.get("references") or []
    if not (isinstance(text, str) and isinstance(kind, str) and isinstance(named, list)):
        return None
    references = [_reference(each) for each in named]
    known = tuple(each for each in references if each is not None)
    return Registered(text, kind.upper(), known) if len(known) == len(references) else None


def _reference(found: Any) -> Reference | None:
    subject, version = (
        (found.get("subject"), found.get("version")) if isinstance(found, dict) else (None, None)
    )
    return Reference(subject, version) if isinstance(subject, str) and isinstance(version, int) else None


def _refused(status: int) -> str:
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return (
            f"The schema registry refused us ({status}): check user and password in"
            " kafka.schema_registry_url, and what that user may read."
        )
    if httpx.codes.is_redirect(status):
        return (
            "The schema registry sends us on to another address, which is not followed since the password"
            " would go along: put that address into kafka.schema_registry_url."
        )
    if status == httpx.codes.NOT_FOUND:
        return "There is no schema registry at this path (404): check kafka.schema_registry_url."
    return f"The schema registry answered with status {status}: look at its log."


CAUSES: tuple[tuple[type[OSError], str], ...] = (
    (socket.gaierror, "its name cannot be resolved: check kafka.schema_registry_url and the DNS."),
    (
        ConnectionRefusedError,
        "its host refused the connection: check kafka.schema_registry_url and its port.",
    ),
    (ssl.SSLCertVerificationError, "its certificate is not trusted: check kafka.ssl_ca_file."),
    (ssl.SSLError, "it does not speak TLS here: check http:// or https:// in kafka.schema_registry_url."),
)


def _explained(error: Exception) -> str:
    causes = (text for cause in chain_of(error) for kind, text in CAUSES if isinstance(cause, kind))
    return "The schema registry cannot be reached: " + next(causes, "check kafka.schema_registry_url.")


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise OperatorFault(
                f"kafka.ssl_ca_file {ca_file} cannot be read as certificates."
                " Name a PEM file that this process may read."
            ) from error
    return context
