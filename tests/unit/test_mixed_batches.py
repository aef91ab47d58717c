"""Over hundreds of batches of mixed scripts and lengths no call overflows a context that is small enough to
matter, and hardly a reply is cut, whichever way the provider counts tokens, and from the first call on."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from string import ascii_letters
from typing import Any

import orjson
import pytest

from stream_classifier.core.call import Order, Outcome, Signal, Usage
from stream_classifier.core.tokens import CALL_TOKENS
from stream_classifier.lab.made_texts import read_texts
from stream_classifier.lab.simulator.contract import parse_records
from stream_classifier.lab.simulator.tokens import count_tokens
from tests.unit.lane_fakes import MODEL, Record, label_of, ticket
from tests.unit.lane_world import world

TICKETS, BATCHES = 6_000, 500
CONTEXT_TOKENS = 4_000
SETTINGS: dict[str, Any] = {
    "llm": {"model": MODEL, "concurrency": 4, "context_tokens": CONTEXT_TOKENS},
    "batch": {"max_tickets": 40, "max_tokens": CONTEXT_TOKENS - 1, "max_wait_s": 2},
}
CJK = ("ja", "zh", "ko")
CJK_CHARACTERS = re.compile("[\u3000-\ud7ff]")
MEDIAN_CHARS, SPREAD, MAX_CHARS = 450, 1.0, 2_500  # lognormal: one in twenty is cut to the longest
SCRIPTS = (("latin", 0.55), ("cjk", 0.15), ("other", 0.1), ("code", 0.2))
CODE = (
    "Traceback (most recent call last):",
    '  File "/srv/app/export/jobs.py", line {n}, in run_{n}',
    '    raise KeyError(f"row[{n}] = 0x{n:08x}")',
    "for (let i = 0; i < rows.length; ++i) {{ out[i] = fmt(rows[i].id, {n}); }}",
    '{{"id": {n}, "state": "FAILED", "at": "2026-01-{n:02d}T08:15:00Z", "tags": ["a-{n}", "b/{n}"]}}',
    "2026-01-05 08:15:{n:02d},{n:03d} ERROR [worker-{n}] db.pool - timeout=30s conn=10.0.{n}.7:5432",
    "SELECT id, sum(amount_{n}) FROM ledger WHERE ts >= '2026-01-01' GROUP BY 1;",
)


def dense(text: str) -> int:
    """As an older tokenizer may count: short pieces of words, more than a token for a CJK character."""
    letters = sum(map(text.count, f"{ascii_letters} "))
    others = len(text.encode("ascii", "ignore")) - letters
    cjk = len(text) - len(CJK_CHARACTERS.sub("", text))
    abroad = len(text) - letters - others - cjk
    return round(letters * 0.26 + (others + abroad) * 0.75 + cjk * 1.2)


@dataclass(slots=True, kw_only=True)
class CountingProvider:
    """Labels rightly, counts tokens by a rule of its own, refuses what its context does not hold, and cuts
    a reply at its budget."""

    count: Callable[[str], int]
    signals: list[Signal] = field(default_factory=list)
    fullest: int = 0

    async def ask(self, order: Order) -> Outcome:
        await asyncio.sleep(1.0)
        outcome = self._outcome(order)
        self.signals.append(outcome.signal)
        return outcome

    def _outcome(self, order: Order) -> Outcome:
        prompt = (order.system, orjson.dumps(order.schema).decode(), order.user)
        tokens_in = sum(map(self.count, prompt)) + CALL_TOKENS
        if tokens_in + order.reply_tokens > CONTEXT_TOKENS:
            return Outcome(signal=Signal.OVERFLOW, status=400)
        self.fullest = max(self.fullest, tokens_in)
        records = parse_records(order.user)
        content = orjson.dumps({r.key: f"{r.check} {label_of(r.text)}" for r in records}).decode()
        tokens_out = self.count(content)
        if tokens_out <= order.reply_tokens:
            usage = Usage(tokens_in=tokens_in, tokens_out=tokens_out)
            return Outcome(signal=Signal.ANSWERED, content=content, usage=usage, status=200)
        cut = content[: len(content) * order.reply_tokens // tokens_out]
        usage = Usage(tokens_in=tokens_in, tokens_out=order.reply_tokens)
        return Outcome(signal=Signal.LENGTH, content=cut, usage=usage, status=200)


def mixed(number: int, seed: int) -> list[Record]:
    """So many tickets; scripts come in runs, so that whole batches are of one, and the next of another."""
    rng, tickets = Random(seed), []
    script = "latin"
    for place in range(number):
        if rng.random() < 0.05:
            script = rng.choices([name for name, _ in SCRIPTS], [share for _, share in SCRIPTS])[0]
        chars = min(round(rng.lognormvariate(0, SPREAD) * MEDIAN_CHARS), MAX_CHARS)
        tickets.append(ticket(f"{place} {text_of(script, chars, rng)}"))
    return tickets


def text_of(script: str, chars: int, rng: Random) -> str:
    """A text in this script with about so many characters."""
    texts = read_texts()
    abroad = [
        template for template in texts.other_languages if (template.language in CJK) == (script == "cjk")
    ]
    text = ""
    while len(text) < chars:
        if script == "code":
            text += rng.choice(CODE).format(n=rng.randrange(1, 1000)) + "\n"
        else:
            text += rng.choice(texts.english if script == "latin" else abroad).body + " "
    return text[:chars]


@pytest.mark.parametrize("count", [count_tokens, dense], ids=["fewer than we think", "more than we think"])
async def test_no_call_overflows_and_fewer_than_one_in_a_hundred_is_cut(count: Callable[[str], int]) -> None:
    provider = CountingProvider(count=count)
    async with world(**SETTINGS) as w:
        w.pipeline.lanes.bulk.answering.caller.provider = provider
        w.read(*mixed(TICKETS, seed=11))
        events = await w.events(TICKETS)
    assert {event["status"] for event in events} == {"labelled"}
    assert len(provider.signals) >= BATCHES
    assert provider.signals.count(Signal.OVERFLOW) == 0
    assert provider.signals.count(Signal.LENGTH) < 0.01 * len(provider.signals)
    assert provider.fullest > 0.8 * CONTEXT_TOKENS  # else the context would not have mattered
