"""Attempts in doubt: those that calls took from a text which may have failed by the provider's fault.

Rules
-----
* An attempt counts from the moment in which its call has failed. It is in doubt until a sound reply of the
  model, or the constant record, shows that the model works: then it stays.
* If the model's breaker opens meanwhile, it was an outage: the text gets back what is in doubt.
* A call that was under way when the breaker opened, and fails while it is open, belongs to that outage.
"""

from dataclasses import dataclass, field

from stream_classifier.core.breaker import Breaker


@dataclass(slots=True)
class Doubt:
    """What calls to one model took. `ended`: so many openings of its breaker were over at the first."""

    ended: int
    attempts: int = 0
    flaws: int = 0


@dataclass(slots=True)
class Doubts:
    """One text's, by model."""

    by_model: dict[str, Doubt] = field(default_factory=dict)

    def add(self, model: str, breaker: Breaker, *, attempts: int, flaws: int) -> None:
        """A call failed and took so much. Tell it before the breaker hears of that call."""
        doubt = self.by_model.setdefault(model, Doubt(breaker.ended))
        doubt.attempts += attempts
        doubt.flaws += flaws

    def suffered(self, model: str, breaker: Breaker) -> bool:
        """Whether the model's breaker has opened over what is in doubt."""
        return model in self.by_model and breaker.openings > self.by_model[model].ended
