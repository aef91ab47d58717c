"""`llm.*`: the provider, the models, and what their tokens cost."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, SecretStr

from stream_classifier.core.ladder import OWN_NAMES
from stream_classifier.settings.kinds import (
    File,
    Group,
    HttpUrl,
    Says,
    Seconds,
    Secret,
    Text,
    Texts,
    Usd,
    Whole,
)
from stream_classifier.settings.prices import KNOWN_PRICES, ModelPrice

# Set by hand, these would break what prompt and reply rely on.
OUR_PARAMS = OWN_NAMES | {"stream_options", "tools", "tool_choice", "functions", "function_call"}
OUR_HEADERS = frozenset(
    ("host", "content-type", "content-length", "transfer-encoding", "connection", "accept-encoding")
)


def _params(params: dict[str, Any]) -> dict[str, Any]:
    taken = sorted(OUR_PARAMS.intersection(params))
    if taken:
        raise ValueError(f"holds {', '.join(taken)}, which every call sets by itself; take it out")
    return params


def _api_key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", key.get_secret_value()):
        raise ValueError("must be one line of ASCII without blanks: it goes into an HTTP header")
    return key


def _headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ValueError("holds a name that is not an HTTP header's: letters, digits and `-` make one")
        if name.lower() in OUR_HEADERS:
            raise ValueError(f"holds {name.lower()}, which every call sets by itself; take it out")
        if not re.fullmatch(r"[\x20-\x7e\t]*", value.get_secret_value()):
            raise ValueError(
                "holds a value with characters that HTTP headers cannot carry; use ASCII on one line"
            )
    return headers


def _with_known(prices: dict[str, ModelPrice]) -> dict[str, ModelPrice]:
    return KNOWN_PRICES | prices


def is_openai(base_url: str) -> bool:
    """True for OpenAI's own hosts, the regional ones too: only there does `OPENAI_API_KEY` belong."""
    host = urlsplit(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def _same_as_model(given: Mapping[str, Any]) -> str:
    return str(given["model"])


ApiKey = Annotated[Secret, AfterValidator(_api_key)]
Params = Annotated[
    dict[str, JsonValue], AfterValidator(_params), Says("a mapping of parameters to JSON values")
]
Headers = Annotated[
    dict[str, SecretStr], AfterValidator(_headers), Says("a mapping of header names to texts")
]
PriceTable = Annotated[
    dict[str, ModelPrice],
    AfterValidator(_with_known),
    Says("a mapping of models to `input`, `cached_input`, `output`"),
]


class Llm(Group):
    """The provider and its models."""

    base_url: HttpUrl = "https://api.openai.com/v1"
    """Any OpenAI-compatible endpoint, up to but without `/chat/completions`."""
    api_key: ApiKey | None = None
    """A secret. With OpenAI's `base_url` `OPENAI_API_KEY` stands in for it."""
    model: Text = "gpt-4o-mini"
    """The bulk lane's model."""
    urgent_model: Text = Field(default_factory=_same_as_model)
    """The urgent lane's model."""
    fallback_models: Texts = ()
    """What is asked, in this order, while a model cannot answer."""
    concurrency: Whole = Field(default=8, ge=1, le=1000)
    """Bulk calls side by side."""
    timeout_s: Seconds = Field(default=60, le=3600)
    """Time limit of one bulk call."""
    max_attempts: Whole = Field(default=5, ge=1, le=20)
    """Attempts a ticket; then it is published as `needs_review`."""
    context_tokens: Whole = Field(default=128_000, ge=1000, le=100_000_000)
    """What the model can read at once."""
    params: Params = Field(default_factory=dict)
    """Sent with every call: `temperature`, `seed`, ...; part of the cache key."""
    reply_format: Literal["json_schema", "json_object"] = "json_schema"
    """`json_object` sends no schema: cheaper by some 16 tokens a ticket; checks are the same."""
    headers: Headers = Field(default_factory=dict)
    """Sent with every call. Their values are secrets."""
    ca_file: File | None = None
    """Certificates to trust (PEM); unset: the system's."""
    trace_context: bool = False
    """Requests carry `traceparent`, so that an endpoint of your own can go on with the trace."""
    requests_per_minute: Whole | None = Field(default=None, ge=1)
    """The account's limit; a replica uses the fraction that its partitions are of all."""
    tokens_per_minute: Whole | None = Field(default=None, ge=1000)
    """The same in tokens."""
    budget_usd_per_day: Usd | None = Field(default=None, gt=0)
    """What the bulk lane may spend per UTC day; then it waits for the next. A replica uses its fraction."""
    prices: PriceTable = Field(default_factory=lambda: dict(KNOWN_PRICES))
    """USD per million tokens by model; yours are laid over the known ones. Unknown: `cost_usd` is null."""
