"""The code that this project starts from: batches of ten, one after another, and a dict of what is known.

Rules
-----
* A text that is known, by its words without case, is not asked. What is on its way counts as not known.
* Answers are taken in the order in which they stand, and a call that fails loses those of its batch.
* Of what the article's code did beside, its pause between two batches is left out, in its favour. It asks in
  the form that the simulated provider reads, without a schema.

With more calls at once, and with one ticket a call and no dict, it makes the baselines.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from stream_classifier.core.prompt import CHECKS, Prompt
from stream_classifier.core.taxonomy import Taxonomy

MODEL = "gpt-4o-mini"
CALL_WAIT_S = 60.0


@dataclass(slots=True, kw_only=True)
class ArticleCode:
    """Labels texts by calls to `url`. `answered` has, by a text's place, when its answer was there, in
    seconds since the start."""

    url: str
    texts: Sequence[str]
    taxonomy: Taxonomy
    batch_tickets: int
    concurrency: int
    remembers: bool
    answered: dict[int, float] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _began_s: float = 0.0
    _prompt: Prompt = field(init=False)

    def __post_init__(self) -> None:
        self._prompt = Prompt(self.taxonomy, schema_sent=False)

    async def run(self) -> float:
        """Ask for all texts; how long it took, in seconds."""
        self._began_s = time.monotonic()
        places = iter(range(len(self.texts)))
        async with (
            httpx.AsyncClient(timeout=CALL_WAIT_S, trust_env=False) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(self.concurrency):
                group.create_task(self._work(http, places))
        return time.monotonic() - self._began_s

    async def _work(self, http: httpx.AsyncClient, places: Iterator[int]) -> None:
        while batch := self._next_batch(places):
            for place, label in zip(batch, await self._ask(http, batch), strict=False):
                self._answer(place, label)

    def _next_batch(self, places: Iterator[int]) -> list[int]:
        """The next texts that are not known; those that are have their answer."""
        batch: list[int] = []
        while len(batch) < self.batch_tickets and (place := next(places, None)) is not None:
            known = self._known.get(_words(self.texts[place])) if self.remembers else None
            if known is None:
                batch.append(place)
            else:
                self._answer(place, known)
        return batch

    def _answer(self, place: int, label: str) -> None:
        self.answered[place] = time.monotonic() - self._began_s
        self.labels[place] = label
        self._known[_words(self.texts[place])] = label

    async def _ask(self, http: httpx.AsyncClient, batch: Sequence[int]) -> list[str]:
        """The labels as they stand in the reply; none where the call fails."""
        response = await http.post(f"{self.url}/v1/chat/completions", content=self._body(batch))
        if response.is_error:
            return []
        reply = orjson.loads(response.json()["choices"][0]["message"]["content"])
        return [answer.partition(" ")[2] for answer in reply.values()]

    def _body(self, batch: Sequence[int]) -> bytes:
        checks = CHECKS[: len(batch)]
        user = self._prompt.user(
            [(check, self.texts[place]) for check, place in zip(checks, batch, strict=True)]
        )
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": self._prompt.system},
            {"role": "user", "content": user},
        ]
        return orjson.dumps({"model": MODEL, "messages": messages})


def _words(text: str) -> str:
    return " ".join(text.casefold().split())
