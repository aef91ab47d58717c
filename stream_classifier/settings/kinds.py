"""The kinds of value that settings are made of, each with the words that tell a person what is right.

A `Says` in a type's metadata is the noun of the sentence "must be ..."; bounds (`ge`, `le`, ...) are
read from the field and put after it (`expected.py`). So a rule is written once: pydantic enforces it,
the fault and the reference table say it. Validators here raise `ValueError` with a sentence of their
own where more can be said; no such sentence ever holds the value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
)

BYTES_PER_UNIT = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
BYTES_PER_UNIT |= {"kb": 10**3, "mb": 10**6, "gb": 10**9}
SHOWN_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
TLS_FILES = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}  # as Redis' client names them
MASK = "**********"  # what pydantic shows for a secret, for the secrets that we mask ourselves


class Group(BaseModel):
    """A group of settings: closed to unknown keys, constant once made, silent about its input."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )


@dataclass(frozen=True, slots=True)
class Says:
    """The noun for a kind of value: "must be <noun>"."""

    noun: str


def _refuse_bool(value: Any) -> Any:
    # pydantic takes true for 1: `max_tickets: yes` would be a batch of one.
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def parse_bytes(value: Any) -> Any:
    """`64 MiB`, `1MiB`, `500 kB`, `1048576`: as a number of bytes; other shapes pass on unread."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)\s*", value, re.IGNORECASE | re.ASCII)
    if not found or found[2].lower() not in BYTES_PER_UNIT:
        raise ValueError("must be a size such as `64 MiB` or `1048576` (units: B, KiB, MiB, GiB, kB, MB, GB)")
    return round(float(found[1]) * BYTES_PER_UNIT[found[2].lower()])


def format_bytes(size_bytes: int) -> str | int:
    """The size in the largest unit that divides it, so that it reads well and reads back the same."""
    for unit, factor in SHOWN_UNITS:
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor} {unit}"
    return size_bytes


def split_list(value: Any) -> Any:
    """One text parted by commas as a list, so that a list fits into an environment variable."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith(("[", "{")):
        raise ValueError("must be a list: this begins like JSON and is not; mind the quotes and brackets")
    return [part for part in (part.strip() for part in value.split(",")) if part]


def unique(values: tuple[str, ...]) -> tuple[str, ...]:
    """The same entries; raises ValueError where one stands twice."""
    if len(set(values)) < len(values):
        raise ValueError("holds the same entry twice; take one out")
    return values


def _http_url(value: str) -> str:
    parts = _split_url(value, schemes=("http", "https"))
    if parts.query or parts.fragment:
        raise ValueError("must be a URL without `?` and `#`: the path of each call is appended to it")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password: it is shown in logs; use a secret setting")
    return value.rstrip("/")


def _split_url(value: str, schemes: Sequence[str]) -> SplitResult:
    wanted = " or ".join(f"`{scheme}://`" for scheme in schemes)
    parts = _split(value)
    if parts is None or parts.scheme not in schemes or not parts.hostname or re.search(r"\s", value):
        raise ValueError(f"must be a URL that begins with {wanted} and names a host")
    return parts


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        return parts if parts.port != 0 else None  # `port` raises where it is no number
    except ValueError:
        return None


def mask_url(url: SecretStr) -> str:
    """A URL with its password and its query's values masked, for showing."""
    parts = urlsplit(url.get_secret_value())
    host = parts.netloc.rpartition("@")[2]
    user = (parts.username or "") + (f":{MASK}" if parts.password is not None else "")
    query = "&".join(f"{pair.partition('=')[0]}={MASK}" for pair in parts.query.split("&") if pair)
    return urlunsplit((parts.scheme, f"{user}@{host}" if user else host, parts.path, query, ""))


def _secret_url(*schemes: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        _split_url(value.get_secret_value(), schemes)
        return value

    return AfterValidator(check)


def _redis_url(value: SecretStr) -> SecretStr:
    parts = _split_url(value.get_secret_value(), ("redis", "rediss"))
    if not re.fullmatch(r"(/\d{0,5})?", parts.path) or parts.fragment:
        raise ValueError("must end with the host, the port or a database's number: `redis://redis:6379/0`")
    names = {pair.partition("=")[0] for pair in parts.query.split("&") if pair}
    if names - (TLS_FILES if parts.scheme == "rediss" else set()):
        raise ValueError(
            f"may hold nothing after `?` but, with `rediss://`, {', '.join(sorted(TLS_FILES))}: files' paths"
        )
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


AnyCase = BeforeValidator(_upper)
AnyCaseLower = BeforeValidator(_lower)

Whole = Annotated[int, BeforeValidator(_refuse_bool), Says("a whole number")]
Usd = Annotated[float, BeforeValidator(_refuse_bool), Says("a number of US dollars")]
Seconds = Annotated[float, BeforeValidator(_refuse_bool), Says("a number of seconds"), Field(gt=0)]
Bytes = Annotated[
    int,
    BeforeValidator(parse_bytes),
    BeforeValidator(_refuse_bool),
    PlainSerializer(format_bytes, when_used="json"),
    Says("a size such as `64 MiB`, or a number of bytes"),
]
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1),
    Says("text that is not empty (a number in quotes)"),
]
Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(split_list),
    AfterValidator(unique),
    Says("a list of texts, or one text parted by commas"),
]
File = Annotated[Path, Says("a file's path")]
Secret = Annotated[SecretStr, Field(min_length=1), Says("text that is not empty (a secret)")]
HttpUrl = Annotated[str, AfterValidator(_http_url), Says("a URL that begins with `http://` or `https://`")]
RedisUrl = Annotated[
    SecretStr,
    AfterValidator(_redis_url),
    PlainSerializer(mask_url, when_used="json"),
    Says("a URL such as `redis://redis:6379/0`"),
]
RegistryUrl = Annotated[
    SecretStr,
    _secret_url("http", "https"),
    PlainSerializer(mask_url, when_used="json"),
    Says("a URL such as `https://registry:8081`"),
]
