"""How an account's limits were used, from the provider's own log of calls. Pure arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REQUESTS, TOKENS = 120, 60_000  # a minute
FROM_S, UNTIL_S = 10.0, 130.0  # after the backlog came: what was saved up before is used by then
LIMITED = 429

Call = Mapping[str, Any]
"""A call, as `GET /stats` of the simulated provider lists it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Shares of what the limits allow between `FROM_S` and `UNTIL_S`; `refused` of all calls until then."""

    requests: float
    tokens: float
    calls: int
    refused: float

    @property
    def scarcer(self) -> float:
        """The share used of the limit that was nearer to its end."""
        return max(self.requests, self.tokens)

    @property
    def other(self) -> float:
        """The share used of the limit that was not."""
        return min(self.requests, self.tokens)


def use_of(log: Sequence[Call], began_s: float) -> Use:
    """The use since `began_s`, in seconds of the clock that the log has. What the provider let in is used,
    whatever became of it. Raises ValueError where there was no call."""
    calls = [call for call in log if 0 <= call["start_s"] - began_s < UNTIL_S]
    if not calls:
        raise ValueError("nothing was called, so there is no use to measure")
    let_in = [call for call in calls if call["status"] != LIMITED and call["start_s"] - began_s >= FROM_S]
    minutes = (UNTIL_S - FROM_S) / 60
    return Use(
        requests=len(let_in) / (REQUESTS * minutes),
        tokens=sum(call["tokens_counted"] for call in let_in) / (TOKENS * minutes),
        calls=len(calls),
        refused=sum(call["status"] == LIMITED for call in calls) / len(calls),
    )
