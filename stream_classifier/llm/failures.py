"""A failure of the network below HTTP, read into a Signal and a sentence with its remedy.

Sentences are ours throughout: an exception's own text may hold an address with credentials in it.
"""

import socket
import ssl

import httpx

from stream_classifier.core.call import Signal
from stream_classifier.core.faults import chain_of

KINDS: tuple[tuple[type[httpx.HTTPError], Signal, str], ...] = (
    (httpx.ConnectTimeout, Signal.UNREACHABLE, "No connection to the provider came about in time."),
    (httpx.ConnectError, Signal.UNREACHABLE, "The provider cannot be reached: check llm.base_url."),
    (httpx.ProxyError, Signal.UNREACHABLE, "The proxy refused: check HTTPS_PROXY and NO_PROXY."),
    (httpx.UnsupportedProtocol, Signal.BAD_REQUEST, "llm.base_url must begin with http:// or https://."),
    (httpx.LocalProtocolError, Signal.BAD_REQUEST, "The request cannot be sent: check llm.headers."),
    (httpx.DecodingError, Signal.MALFORMED, "The response's compression is damaged."),
)
"""The first kind that an exception is of; every other one broke a connection that had come about."""

CAUSES: tuple[tuple[type[OSError], str], ...] = (
    (socket.gaierror, "The provider's name cannot be resolved: check llm.base_url and the DNS."),
    (ConnectionRefusedError, "The provider's host refused the connection: check llm.base_url and its port."),
    (ssl.SSLCertVerificationError, "The provider's certificate is not trusted: check llm.ca_file."),
    (ssl.SSLError, "The provider does not speak TLS here: check http:// or https:// in llm.base_url."),
)
"""What lies behind a connection that did not come about, where that is known."""

BROKEN = "The connection broke before the whole response had come."


def explain(error: httpx.HTTPError) -> tuple[Signal, str]:
    """What a transport failure means, and a sentence on it."""
    for kind, signal, detail in KINDS:
        if isinstance(error, kind):
            return signal, _cause(error) or detail
    return Signal.RESET, BROKEN


def _cause(error: BaseException) -> str | None:
    return next((text for cause in chain_of(error) for kind, text in CAUSES if isinstance(cause, kind)), None)
