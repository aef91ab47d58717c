"""What was asked of the simulator and what it gave, for tests and benchmarks to read.

Times are seconds of the monotonic clock, which all processes of one machine share. A text is known by its
hash, so that a long run stays small.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

MAX_TEXTS = 1_000_000  # distinct texts remembered (about 100 MB); further ones are counted as asked only
NO_RESPONSE = "none"  # the status of a call that was broken off


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One call, from its arrival to the moment its response was ready."""

    start_s: float
    end_s: float = 0.0
    model: str = ""
    records: int = 0
    status: int | None = None  # None where no response was given
    fault: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_counted: int = 0  # against the limit of tokens a minute; 0 where it was turned away


@dataclass(slots=True, kw_only=True)
class ModelTotals:
    """What one model was used for; tokens of completed calls only, as they are billed."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0


@dataclass(slots=True, kw_only=True)
class Stats:
    """Counts since the start, or since the last `reset`."""

    log_size: int = 10_000
    calls: int = 0
    records_asked: int = 0
    concurrent: int = 0
    max_concurrent: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_fault: Counter[str] = field(default_factory=Counter)
    by_model: dict[str, ModelTotals] = field(default_factory=dict)
    log: deque[CallRecord] = field(default_factory=deque)
    _asked: dict[int, int] = field(default_factory=dict)
    _answered: dict[int, int] = field(default_factory=dict)

    def reset(self) -> None:
        """Forget all but the calls that are under way."""
        fresh = Stats(log_size=self.log_size, concurrent=self.concurrent, max_concurrent=self.concurrent)
        for count in fields(self):
            setattr(self, count.name, getattr(fresh, count.name))

    def begin(self) -> None:
        """A call has arrived."""
        self.calls += 1
        self.concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self.concurrent)

    def asked(self, texts: Sequence[str]) -> None:
        """The call asks for these texts' labels."""
        self.records_asked += len(texts)
        _count(self._asked, texts)

    def answered(self, texts: Sequence[str]) -> None:
        """These texts were labelled, in a reply that no fault struck."""
        _count(self._answered, texts)

    def end(self, call: CallRecord) -> None:
        """The call is over."""
        self.concurrent -= 1
        self.by_status[str(call.status or NO_RESPONSE)] += 1
        if call.fault:
            self.by_fault[call.fault] += 1
        totals = self.by_model.setdefault(call.model, ModelTotals())
        totals.calls += 1
        totals.tokens_in += call.tokens_in
        totals.tokens_out += call.tokens_out
        totals.tokens_cached += call.tokens_cached
        self.log.append(call)
        while len(self.log) > self.log_size:
            self.log.popleft()

    def times_asked(self, text: str) -> int:
        """How often this very text was sent."""
        return self._asked.get(hash(text), 0)

    def times_answered(self, text: str) -> int:
        """How often it was labelled in a sound reply."""
        return self._answered.get(hash(text), 0)

    def totals(self) -> dict[str, Any]:
        """All counts, without the log of calls."""
        models = self.by_model.values()
        return {
            "calls": self.calls,
            "by_status": dict(self.by_status),
            "by_fault": dict(self.by_fault),
            "by_model": {name: asdict(totals) for name, totals in self.by_model.items()},
            "tokens_in": sum(model.tokens_in for model in models),
            "tokens_out": sum(model.tokens_out for model in models),
            "tokens_cached": sum(model.tokens_cached for model in models),
            "records_asked": self.records_asked,
            "distinct_texts": len(self._asked),
            "texts_asked_again": _repeated(self._asked),
            "texts_answered_again": _repeated(self._answered),
            "concurrent": self.concurrent,
            "max_concurrent": self.max_concurrent,
        }

    def snapshot(self) -> dict[str, Any]:
        """The totals and the log: the newest `log_size` calls, in the order in which they ended."""
        return self.totals() | {"call_log": [asdict(call) for call in self.log]}


def _count(counts: dict[int, int], texts: Sequence[str]) -> None:
    for key in map(hash, texts):
        if key in counts or len(counts) < MAX_TEXTS:
            counts[key] = counts.get(key, 0) + 1


def _repeated(counts: dict[int, int]) -> int:
    return sum(times > 1 for times in counts.values())
