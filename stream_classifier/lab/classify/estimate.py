"""What labelling a backlog would take, found out without a call, by the service's own parts.

Rules
-----
* Texts, keys and lanes are made as the service makes them; the cache is only read. Which texts share a call
  is `lab/profile/simulation.py`'s to say, and what calls take `lab/profile/costing.py`'s.
* Rows are taken as fast as the run itself would take them: as there is room for them (`lab/labelling.py`).
* Every text is taken to be answered at its first call, and a call to take as long as a usual provider's.
* A distinct text takes some 100 bytes of memory.
"""

import time
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import NamedTuple

from stream_classifier.cache.inspection import inspect
from stream_classifier.core.answer import Lane
from stream_classifier.core.batch import BatchPolicy
from stream_classifier.core.orders import gives_orders
from stream_classifier.core.prices import SingleCalls
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import NotATicket, PassedOver, Ticket
from stream_classifier.lab.labelling import ROW_OVERHEAD_BYTES, ReadRow, bounds
from stream_classifier.lab.profile.costing import CallTimes, Costing
from stream_classifier.lab.profile.simulation import Flight, SimulatedLanes
from stream_classifier.pipeline.preparing import Prepared
from stream_classifier.service.building import Builder
from stream_classifier.settings import Settings

ROWS_A_LOOK = 2_000  # whose keys are looked up in the cache together
KEY_BYTES = 8  # kept of a text's key: of a million texts two are taken for one in 1 of 37 million files
MINUTE_S = 60.0


@dataclass(slots=True, kw_only=True)
class Estimate:
    """What was counted; USD are None where a model has no price. `seconds` are those of a good day."""

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
    seconds: float = 0.0
    obstacle: str | None = None  # why the cache may know more than could be seen


class _Text(NamedTuple):
    """A ticket's text, and how far the file was read with its row: rows, and what they take in work."""

    lane: Lane
    prepared: Prepared
    utf8: bytes
    group: Hashable
    rows: int
    row_bytes: int


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
        self._costing = Costing(builder=builder, times=CallTimes())
        self._lanes = _lanes(self._costing)
        self._bounds = bounds(settings)
        self._line: deque[tuple[_Text, Flight]] = (
            deque()
        )  # what is asked, from the first that is not answered
        self._row_bytes = 0
        self._seen: set[bytes] = set()

    async def count(self, rows: Iterable[ReadRow]) -> Estimate:
        """Count all of these rows."""
        left = iter(rows)
        while some := list(islice(left, ROWS_A_LOOK)):
            for text in await self._unknown(list(self._fresh(some))):
                self._ask(text)
        self._lanes.until(inf)
        self._conclude()
        return self.estimate

    def _fresh(self, rows: Iterable[ReadRow]) -> Iterator[_Text]:
        """The texts that nothing before them answers."""
        for row in rows:
            self.estimate.rows += 1
            self._row_bytes += ROW_OVERHEAD_BYTES + len(row.value or b"")
            for text in self._texts(row):
                self._compare(text.prepared)
                if not text.utf8:
                    self.estimate.no_text += 1
                elif any(key[:KEY_BYTES] in self._seen for key in _keys(text)):
                    self.estimate.repeated += 1
                else:
                    self._seen.add(_own_key(text)[:KEY_BYTES])
                    yield text

    def _texts(self, row: ReadRow) -> Sequence[_Text]:
        """The text of each ticket of a row, all in one lane; none where it is rejected."""
        try:
            tickets = () if row.value is None else self._reader.read(row.value)
        except NotATicket:
            tickets = ()
        except PassedOver as passed:
            tickets = passed.tickets
        self.estimate.rejected += not tickets
        self.estimate.tickets += len(tickets)
        prepared = [self._preparer(ticket) for ticket in tickets]
        rules = (self._triage.rule(t, p.keyword) for t, p in zip(tickets, prepared, strict=True))
        lane = Lane.BULK if all(rule is None for rule in rules) else Lane.URGENT
        read = self.estimate.rows, self._row_bytes
        return [
            _Text(lane, ready, self._preparer.utf8_of(t), self._group(t), *read)
            for t, ready in zip(tickets, prepared, strict=True)
        ]

    def _group(self, ticket: Ticket) -> Hashable:
        return ticket.tenant if self._settings.batch.isolate_tenants else None

    def _compare(self, prepared: Prepared) -> None:
        """Count what one call for this ticket would cost."""
        estimate, single = self.estimate, self._single
        estimate.single_usd = _sum(estimate.single_usd, single.cost_usd(prepared.tokens))
        estimate.single_cached_usd = _sum(estimate.single_cached_usd, single.cached_cost_usd(prepared.tokens))

    async def _unknown(self, texts: Sequence[_Text]) -> list[_Text]:
        """Those that the cache does not know."""
        if self._settings.cache.backend == "memory":  # it begins empty
            return list(texts)
        keys = dict.fromkeys(key for text in texts for key in _keys(text))
        inspected = await inspect(self._settings.cache, list(keys), time.time())
        self.estimate.obstacle = self.estimate.obstacle or inspected.obstacle
        unknown = [text for text in texts if not any(key in inspected.known for key in _keys(text))]
        self.estimate.known += len(texts) - len(unknown)
        return unknown

    def _ask(self, text: _Text) -> None:
        self.estimate.asked += 1
        while self._full(text):
            self._lanes.until(self._lanes.next_at())
        flight = Flight(
            key=_own_key(text),
            lane=text.lane,
            tokens=text.prepared.tokens,
            waiting=[self._lanes.now],
            group=text.group,
            alone=gives_orders(text.utf8.decode()),
        )
        self._lanes.ask(flight, self._lanes.now)
        self._line.append((text, flight))

    def _full(self, text: _Text) -> bool:
        """Whether this row would not be read yet, for all that is read and not written."""
        while self._line and self._line[0][1].landed:
            self._line.popleft()
        first = self._line[0][0] if self._line else text
        return self._bounds.update(text.rows - first.rows, text.row_bytes - first.row_bytes)

    def _conclude(self) -> None:
        """From the calls that there would be to what they take."""
        estimate, played, llm = self.estimate, self._lanes.played, self._settings.llm
        usage = {lane: self._costing.usage(played, lane, 1.0) for lane in Lane if played.calls[lane]}
        estimate.urgent_calls = played.calls[Lane.URGENT].total()
        estimate.bulk_calls = played.calls[Lane.BULK].total()
        estimate.tokens_in = sum(use.tokens_in for use in usage.values())
        estimate.tokens_out = sum(use.tokens_out for use in usage.values())
        estimate.usd = self._costing.usd(usage, prefix_cache=False)
        requests, tokens = (
            estimate.urgent_calls + estimate.bulk_calls,
            estimate.tokens_in + estimate.tokens_out,
        )
        minutes = [
            amount / limit
            for amount, limit in ((requests, llm.requests_per_minute), (tokens, llm.tokens_per_minute))
            if limit
        ]
        estimate.seconds = max(self._lanes.now, *(minute * MINUTE_S for minute in minutes), 0.0)


def _lanes(costing: Costing) -> SimulatedLanes:
    settings, models = costing.builder.settings, costing.builder.models
    batch = settings.batch
    return SimulatedLanes(
        policy=BatchPolicy(
            max_tickets=batch.max_tickets, max_tokens=batch.max_tokens, max_wait_s=batch.max_wait_s
        ),
        slots={Lane.BULK: settings.llm.concurrency, Lane.URGENT: settings.urgent.concurrency},
        call_s=costing.call_s,
        one_model=models[Lane.BULK] == models[Lane.URGENT],
    )


def _own_key(text: _Text) -> bytes:
    """Under which its answer is kept."""
    return text.prepared.urgent_key if text.lane is Lane.URGENT else text.prepared.bulk_key


def _keys(text: _Text) -> Sequence[bytes]:
    """What answers it: an urgent ticket takes the answer of either model."""
    prepared = text.prepared
    return (prepared.bulk_key, prepared.urgent_key) if text.lane is Lane.URGENT else (prepared.bulk_key,)


def _sum(one: float | None, other: float | None) -> float | None:
    """None where either is not known."""
    return None if one is None or other is None else one + other
