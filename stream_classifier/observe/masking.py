"""The last guard between a secret and the log.

No call is meant to log a secret; this masks the ones that come along by accident: a field whose name
says that it is one, and the shapes of credentials inside a sentence that a library or a provider wrote.
Counts such as `tokens_in` or `max_tokens` are not secrets and pass.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from structlog.typing import EventDict, WrappedLogger

MASK = "***"

_SECRET_NAME = re.compile(
    r"(^|_)(api_?key|password|passwd|secret|token|authorization|credentials?|cookie|private_key)$"
)
_SECRET_SHAPES = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{16,}"), rf"\1 {MASK}"),
    (re.compile(r"\bsk-[\w-]{8,}"), MASK),  # keys of OpenAI and of those that copied its form
    (re.compile(r"(://)[^/\s@]+@"), rf"\1{MASK}@"),  # the user and password of a URL
)


def mask_secrets(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """A structlog processor: the same fields, with secrets replaced by `***`, at any depth."""
    return {name: _masked(name, value) for name, value in event_dict.items()}


def _masked(name: object, value: Any) -> Any:
    if isinstance(name, str) and is_secret_name(name):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {key: _masked(key, entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(None, entry) for entry in value]
    return value


@lru_cache(maxsize=1024)  # field names are few, and the same in every line
def is_secret_name(name: str) -> bool:
    """True for `api_key`, `sasl_password`, `X-Api-Key`, `authorization`, …"""
    return _SECRET_NAME.search(name.lower().replace("-", "_")) is not None


def mask_text(text: str) -> str:
    """The text with whatever has the shape of a credential replaced by `***`."""
    for shape, replacement in _SECRET_SHAPES:
        text = shape.sub(replacement, text)
    return text
