"""Where tokens go: what was sent and received, call by call, taken apart. Pure arithmetic.

Rules
-----
* Only what a model reads or writes is counted: the schema, the messages, what a chat puts around them, and
  the reply. The names in the request's body are not for the model.
* Each part is what the whole has more with it than without: a record's framing is the user message less the
  texts as JSON strings without their quotes; the reply's frame is the reply less its labels and checks.
* The constant part (schema, then system message) counts as cached where it stood in an earlier call to the
  byte. One for another number of records is another one, although both begin alike: no more is claimed.
* The floor counts a text once, however often it was asked. A text's own tokens are those that were sent, cut
  and stripped: what the service leaves out of a ticket is no saving here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import orjson

from stream_classifier.core.prices import PREFIX_CACHE_FROM_TOKENS
from stream_classifier.core.prompt import CONSTANT_RECORD
from stream_classifier.core.text import normalise
from stream_classifier.core.tokens import CALL_TOKENS
from stream_classifier.lab.simulator.contract import parse_records

Count = Callable[[str], int]

CACHED_PRICE = 0.1  # of the price of input: what the cheapest large providers ask
CACHED_STEP_TOKENS = 128  # in which a prefix cache counts
CONSTANT_PARTS = 64  # of a run: one for each size of batch that occurred


@dataclass(slots=True)
class Parts:
    """Tokens of a run by what they are for."""

    schema: int = 0
    system: int = 0
    chat: int = 0  # what a chat wraps around messages
    framing: int = 0  # a record's key, check, quotes and line end
    text: int = 0
    escapes: int = 0  # what a text takes more as a JSON string
    frame: int = 0  # the reply's keys, quotes, commas and braces
    check: int = 0
    label: int = 0

    @property
    def sent(self) -> int:
        """Tokens of input."""
        return self.constant + self.chat + self.framing + self.text + self.escapes

    @property
    def received(self) -> int:
        """Tokens of output."""
        return self.frame + self.check + self.label

    @property
    def constant(self) -> int:
        """Tokens of what is the same in every call of a size."""
        return self.schema + self.system

    def __iadd__(self, other: "Parts") -> "Parts":
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))
        return self


@dataclass(slots=True)
class Account:
    """What a run took. `count` gives a text's tokens, `price_ratio` an output token's price over an input
    token's."""

    count: Count
    price_ratio: float
    parts: Parts = field(default_factory=Parts)
    calls: int = 0
    answers: int = 0
    cached: int = 0  # of the input, from a cache that keeps beginnings of any length
    cached_long: int = 0  # from one that keeps those of at least 1,024 tokens, by steps
    largest_constant: int = 0
    _texts: dict[str, int] = field(default_factory=dict)  # tokens by what makes it the same text
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _constant: Count = field(init=False)

    def __post_init__(self) -> None:
        self._constant = lru_cache(CONSTANT_PARTS)(self.count)

    def add(self, sent: bytes, received: bytes) -> None:
        """One call: the body of the request, and that of the completion."""
        body = orjson.loads(sent)
        system, user = (message["content"] for message in body["messages"])
        schema = _schema_text(body)
        parts = self._sent(schema, system, user)
        parts += self._received(orjson.loads(received)["choices"][0]["message"]["content"])
        self.parts += parts
        self.calls += 1
        self._cache((schema, system), parts.constant)

    @property
    def texts(self) -> int:
        """Distinct ones."""
        return len(self._texts)

    @property
    def text_tokens(self) -> float:
        """Of a distinct text, on average."""
        return sum(self._texts.values()) / self.texts

    @property
    def floor(self) -> float:
        """What no prompt can go below, in tokens of input: each distinct text once, and a token of label."""
        return sum(self._texts.values()) + self.price_ratio * self.texts

    def multiple(self, cached: int = 0) -> float:
        """The cost over the floor, where `cached` tokens of the input are charged at `CACHED_PRICE`."""
        cost = self.parts.sent - (1 - CACHED_PRICE) * cached + self.price_ratio * self.parts.received
        return cost / self.floor

    def shares(self) -> Iterator[tuple[str, float]]:
        """Each part's tokens a distinct text, weighted by its price, in the order of `Parts`."""
        for part in fields(self.parts):
            weight = self.price_ratio if part.name in ("frame", "check", "label") else 1
            yield part.name, weight * getattr(self.parts, part.name) / self.texts

    def _sent(self, schema: str, system: str, user: str) -> Parts:
        records = parse_records(user)
        escaped = sum(self.count(orjson.dumps(record.text).decode()[1:-1]) for record in records)
        tokens = [self.count(record.text) for record in records]
        for record, size in zip(records, tokens, strict=True):
            if record.text != CONSTANT_RECORD:  # asked at the start, and nobody's ticket
                self._texts.setdefault(normalise(record.text), size)
        return Parts(
            schema=self._constant(schema),
            system=self._constant(system),
            chat=CALL_TOKENS,
            framing=self.count(user) - escaped,
            text=sum(tokens),
            escapes=escaped - sum(tokens),
        )

    def _received(self, content: str) -> Parts:
        checks, labels = 0, 0
        for value in orjson.loads(content).values():
            check, _, label = value.partition(" ")
            checks += self._constant(check)
            labels += self._constant(f" {label}")
            self.answers += 1
        return Parts(frame=self.count(content) - checks - labels, check=checks, label=labels)

    def _cache(self, constant: tuple[str, str], tokens: int) -> None:
        self.largest_constant = max(self.largest_constant, tokens)
        if constant in self._seen:
            self.cached += tokens
            if tokens >= PREFIX_CACHE_FROM_TOKENS:
                self.cached_long += tokens - tokens % CACHED_STEP_TOKENS
        self._seen.add(constant)


def _schema_text(body: Mapping[str, Any]) -> str:
    schema = body["response_format"].get("json_schema", {}).get("schema")
    return "" if schema is None else orjson.dumps(schema).decode()
