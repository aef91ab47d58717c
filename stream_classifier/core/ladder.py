"""What an endpoint can do, found out by trying: the ladder of reply formats, and refused parameters.

One `Ladder` for each endpoint and model. Rules:

* Begin with the most that the settings want: a strict JSON Schema (or less, by `llm.reply_format`),
  `max_tokens`, every parameter that they name.
* What the endpoint refuses is left out from then on: the format goes one rung down (`json_schema`,
  `json_object`, plain), the reply's limit changes its name and then goes, a parameter goes.
* Each refusal names what was *sent*. Several calls may be under way when the first is refused; the
  others' refusals of the same thing teach nothing new and take nothing more away.
* The messages are the same on every rung, so that a provider's prefix cache survives a step down. The
  system message states the reply's contract by itself.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stream_classifier.core.call import Order

FORMAT = "response_format"
LIMIT_NAMES = ("max_tokens", "max_completion_tokens")
"""The reply's limit under its two names, in the order in which they are tried: nearly all endpoints know
the older one, and those that do not say so; the newer one is ignored in silence by some."""

OWN_NAMES = frozenset({"model", "messages", "stream", "n", FORMAT, *LIMIT_NAMES})
"""Fields of the body that are ours to set: settings may not give them as parameters."""

ESSENTIAL = frozenset({"model", "messages"})


class Rung(StrEnum):
    """How the reply's shape is asked for; the value is the API's name of the format."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    PLAIN = "text"


NEXT_RUNG = {Rung.JSON_SCHEMA: Rung.JSON_OBJECT, Rung.JSON_OBJECT: Rung.PLAIN}


@dataclass(slots=True)
class Ladder:
    """What one endpoint and model has taken so far, and the request body that follows from it."""

    rung: Rung = Rung.JSON_SCHEMA
    limit_names: tuple[str, ...] = LIMIT_NAMES  # those not refused; the first is used
    left_out: set[str] = field(default_factory=set)

    def body(self, order: Order, params: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON body of a chat completion for this order, keys always in the same order."""
        body: dict[str, Any] = {
            "model": order.model,
            "messages": [
                {"role": "system", "content": order.system},
                {"role": "user", "content": order.user},
            ],
        }
        body |= {name: params[name] for name in sorted(params.keys() - OWN_NAMES - self.left_out)}
        body |= self._format(order)
        body |= dict.fromkeys(self.limit_names[:1], order.reply_tokens)
        return body

    def refused(self, parameter: str | None, sent: Mapping[str, Any]) -> bool:
        """Learn that `sent` was refused for `parameter` (dotted path, or None where the endpoint did
        not say). True if the next body leaves it out; False if there is nothing left to leave out."""
        name = FORMAT if parameter is None else parameter.partition(".")[0]
        if name not in sent or name in ESSENTIAL:
            return False
        if name == FORMAT:
            self._step_down(sent[FORMAT]["type"])
        elif name in LIMIT_NAMES:
            self.limit_names = tuple(limit for limit in self.limit_names if limit != name)
        else:
            self.left_out.add(name)
        return True

    def _step_down(self, sent_type: str) -> None:
        if sent_type == self.rung:
            self.rung = NEXT_RUNG[self.rung]

    def _format(self, order: Order) -> dict[str, Any]:
        if self.rung is Rung.PLAIN:
            return {}
        if self.rung is Rung.JSON_OBJECT:
            return {FORMAT: {"type": self.rung}}
        schema = {"name": "labels", "strict": True, "schema": order.schema}
        return {FORMAT: {"type": self.rung, self.rung.value: schema}}


class Ladders(defaultdict[str, Ladder]):
    """One endpoint's ladders, by model: made with the factory where a model is met first."""
