"""Which fault strikes which call.

1. Faults are tried in the order in which they were armed; the first that strikes is the only one.
2. A fault strikes a call if it can (`Fault.applies`), if the call has the model and the text that were asked
   for, while it has strikes left (`count`), and if chance agrees (`probability`).
3. Each armed fault has a random stream of its own, seeded by its name: arming another changes nothing in
   what this one does.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from stream_classifier.lab.simulator.armed_fault import ArmedFault
from stream_classifier.lab.simulator.contract import ChatRequest
from stream_classifier.lab.simulator.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A fault that has chosen its call."""

    armed: ArmedFault
    param: str | None
    delay_s: float
    hit: tuple[int, ...]  # the places of the records whose answers it spoils

    @property
    def fault(self) -> Fault:
        """The fault that strikes."""
        return self.armed.fault


class Arsenal:
    """The faults that are armed. `seed` makes the course of events repeatable."""

    def __init__(self, faults: Iterable[ArmedFault] = (), *, seed: int = 0) -> None:
        self._seed = seed
        self._armed: list[_Live] = []
        self.replace(faults)

    def arm(self, name: str, **settings: Any) -> None:
        """Add one fault behind those that are armed: `arm("http_503", count=2)`. Raises ValueError."""
        self._add(ArmedFault.from_json({"name": name, **settings}))

    def replace(self, faults: Iterable[ArmedFault]) -> None:
        """Arm these and no others, their counts and chances from the start."""
        self._armed.clear()
        for fault in faults:
            self._add(fault)

    def clear(self) -> None:
        """Disarm everything."""
        self._armed.clear()

    def is_armed(self, name: str) -> bool:
        """True while this fault can still strike."""
        return any(live.armed.name == name and not live.spent for live in self._armed)

    def strike(self, request: ChatRequest, *, at_the_door: bool) -> Strike | None:
        """The fault that strikes this call before, or after, the model is asked; None where none does."""
        for live in self._armed:
            if live.armed.fault.at_the_door is at_the_door and (strike := live.strike(request)):
                return strike
        return None

    def state(self) -> list[dict[str, Any]]:
        """What is armed, in order, with the strikes made so far."""
        return [asdict(live.armed) | {"struck": live.struck} for live in self._armed]

    def _add(self, armed: ArmedFault) -> None:
        twins = sum(live.armed.name == armed.name for live in self._armed)
        self._armed.append(_Live(armed, Random(f"{self._seed}/{armed.name}/{twins}")))


@dataclass(slots=True)
class _Live:
    """An armed fault with what has become of it."""

    armed: ArmedFault
    rng: Random
    struck: int = 0

    @property
    def spent(self) -> bool:
        return self.armed.count is not None and self.struck >= self.armed.count

    def strike(self, request: ChatRequest) -> Strike | None:
        armed, fault = self.armed, self.armed.fault
        param = armed.param or fault.param
        if self.spent or not self._wants(request) or not fault.applies(request, param):
            return None
        if armed.probability < 1 and self.rng.random() >= armed.probability:
            return None
        self.struck += 1
        delay_s = fault.delay_s if armed.delay_s is None else armed.delay_s
        return Strike(armed=armed, param=param, delay_s=delay_s, hit=self._hit(request))

    def _wants(self, request: ChatRequest) -> bool:
        if self.armed.model not in (None, request.model):
            return False
        return self.armed.text is None or any(map(self._has_text, _texts(request)))

    def _has_text(self, text: str) -> bool:
        return self.armed.text is not None and self.armed.text in text

    def _hit(self, request: ChatRequest) -> tuple[int, ...]:
        places = range(len(request.records))
        if self.armed.text is not None:
            return tuple(place for place in places if self._has_text(request.records[place].text))
        return tuple(sorted(self.rng.sample(places, min(self.armed.amount, len(places)))))


def _texts(request: ChatRequest) -> list[str]:
    """What a fault may look for: the records' texts, or an ordinary message."""
    return [record.text for record in request.records] or [request.user]
