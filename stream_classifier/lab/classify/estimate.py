"""What labelling a backlog would take, found out without a call, by the service's own parts.

Rules
-----
* Texts, keys, lanes, batches, tokens and prices are made as the service makes them; the cache is only read.
* Tokens are estimated before anything is learned of the provider's count, and every text is taken to be
  answered at its first call.
* A distinct text takes some 100 bytes of memory.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from stream_classifier.cache.inspection import inspect
from stream_classifier.core.answer import Lane
from stream_classifier.core.batch import BatchPolicy, Gathering
from stream_classifier.core.call import Usage
from stream_classifier.core.call_size import CallSizes
from stream_classifier.core.orders import gives_orders
from stream_classifier.core.prices import SingleCalls
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import NotATicket
from stream_classifier.lab.labelling import ReadRow
from stream_classifier.pipeline.preparing import Prepared
from stream_classifier.service.building import Builder
from stream_classifier.settings import Settings

ROWS_A_LOOK = 2_000  # whose keys are looked up in the cache together
KEY_BYTES = 8  # kept of a text's key: of a million texts two are taken for one in 1 of 37 million files


@dataclass(slots=True, kw_only=True)
class Estimate:
    """What was counted; USD are None where a model has no price."""

    rows: int = 0
    rejected: int = 0
    tickets: int = 0
    no_text: int = 0
    repeated: int = 0  # tickets whose text came before
    known: int = 0  # distinct texts that the cache knows
    asked: int = 0  # distinct texts that the model would be asked for
    urgent_calls: int = 0
    bulk_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = 0.0
    single_usd: float | None = 0.0
    single_cached_usd: float | None = 0.0
    obstacle: str | None = None  # why the cache may know more than could be seen


class _Text(NamedTuple):
    number: int
    tokens: int


class Estimator:
    """Counts a backlog into `estimate`."""

    def __init__(self, settings: Settings) -> None:
        self.estimate = Estimate()
        self._settings = settings
        self._builder = builder = Builder(settings, Tally())
        self._triage = builder.triage()
        self._reader = builder.reader()
        self._preparer = builder.preparer(self._triage)
        self._single = SingleCalls.of(
            builder.prices, builder.models[Lane.BULK], builder.prompt, builder.estimate
        )
        self._sizes = {
            lane: CallSizes(
                prompt=builder.prompt, tokens=builder.estimators[model], replies=builder.replies()
            )
            for lane, model in builder.models.items()
        }
        self._seen: set[bytes] = set()
        self._gathering: Gathering[_Text] = Gathering(_policy(settings))

    async def count(self, rows: Iterable[ReadRow]) -> Estimate:
        """Count all of these rows."""
        left = iter(rows)
        while some := list(islice(left, ROWS_A_LOOK)):
            fresh = list(self._fresh(some))
            for lane, prepared in await self._unknown(fresh):
                self._ask(lane, prepared)
        while len(self._gathering):
            self._call(Lane.BULK, [text.tokens for text in self._gathering.take()])
        return self.estimate

    def _fresh(self, rows: Iterable[ReadRow]) -> Iterator[tuple[Lane, Prepared]]:
        """The texts that did not come before, with the lane of the first ticket that has each."""
        for row in rows:
            self.estimate.rows += 1
            for lane, prepared in self._texts(row):
                key = prepared.bulk_key[:KEY_BYTES]
                self._compare(prepared)
                if not prepared.utf8:
                    self.estimate.no_text += 1
                elif key in self._seen:
                    self.estimate.repeated += 1
                else:
                    self._seen.add(key)
                    yield lane, prepared

    def _texts(self, row: ReadRow) -> Sequence[tuple[Lane, Prepared]]:
        """The lane and the text of each ticket of a row; none where it is rejected."""
        try:
            tickets = () if row.value is None else self._reader.read(row.value)
        except NotATicket:
            tickets = ()
        self.estimate.rejected += not tickets
        self.estimate.tickets += len(tickets)
        prepared = [self._preparer(ticket) for ticket in tickets]
        rules = (self._triage.rule(t, p.keyword) for t, p in zip(tickets, prepared, strict=True))
        lane = Lane.BULK if all(rule is None for rule in rules) else Lane.URGENT
        return [(lane, ready) for ready in prepared]

    def _compare(self, prepared: Prepared) -> None:
        """Count what one call for this ticket would cost."""
        estimate, single = self.estimate, self._single
        estimate.single_usd = _sum(estimate.single_usd, single.cost_usd(prepared.tokens))
        estimate.single_cached_usd = _sum(estimate.single_cached_usd, single.cached_cost_usd(prepared.tokens))

    async def _unknown(self, texts: Sequence[tuple[Lane, Prepared]]) -> list[tuple[Lane, Prepared]]:
        """Those that the cache does not know; an urgent one takes an answer of either model."""
        if self._settings.cache.backend == "memory":  # it begins empty
            return list(texts)
        keys = {p.bulk_key for _, p in texts} | {p.urgent_key for lane, p in texts if lane is Lane.URGENT}
        inspected = await inspect(self._settings.cache, list(keys), time.time())
        self.estimate.obstacle = self.estimate.obstacle or inspected.obstacle
        known = inspected.known
        unknown = [
            (lane, p)
            for lane, p in texts
            if p.bulk_key not in known and (lane is Lane.BULK or p.urgent_key not in known)
        ]
        self.estimate.known += len(texts) - len(unknown)
        return unknown

    def _ask(self, lane: Lane, prepared: Prepared) -> None:
        self.estimate.asked += 1
        if lane is Lane.URGENT or gives_orders(prepared.utf8.decode()):
            self._call(lane, [prepared.tokens])
            return
        self._gathering.add(_Text(self.estimate.asked, prepared.tokens), prepared.tokens, 0.0)
        if self._gathering.full is not None:
            self._call(Lane.BULK, [text.tokens for text in self._gathering.take()])

    def _call(self, lane: Lane, tokens: Sequence[int]) -> None:
        estimate, size = self.estimate, self._sizes[lane].of(tokens)
        estimate.urgent_calls += lane is Lane.URGENT
        estimate.bulk_calls += lane is Lane.BULK
        estimate.tokens_in += size.prompt
        estimate.tokens_out += size.reply
        usage = Usage(tokens_in=size.prompt, tokens_out=size.reply)
        usd = self._builder.prices.cost_usd(self._builder.models[lane], usage)
        estimate.usd = _sum(estimate.usd, usd)


def _policy(settings: Settings) -> BatchPolicy:
    batch = settings.batch
    return BatchPolicy(
        max_tickets=batch.max_tickets, max_tokens=batch.max_tokens, max_wait_s=batch.max_wait_s
    )


def _sum(one: float | None, other: float | None) -> float | None:
    """None where either is not known."""
    return None if one is None or other is None else one + other
