"""An order for a fault, as a flag, as JSON or in Python."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Any

from stream_classifier.lab.simulator.fault_table import FAULTS
from stream_classifier.lab.simulator.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmedFault:
    """An order for a fault. Raises ValueError, with a sentence, where it makes no sense."""

    name: str
    probability: float = 1.0  # of striking a call that it can strike
    count: int | None = None  # strikes before it is spent; None: no end
    text: str | None = None  # only calls with a record that contains this; then those records are hit
    model: str | None = None  # only calls to this model
    amount: int = 1  # how many of a reply's answers are hit, where `text` does not say which
    param: str | None = None  # the parameter that `parameter_refused` refuses
    delay_s: float | None = None  # wait so long first; None: as the fault has it
    retry_after_s: float | None = None  # sent as retry-after with an error

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(_unknown("fault", self.name, FAULTS))
        if not 0 < self.probability <= 1:
            raise ValueError(f"{self.name}: probability must be above 0, at most 1, not {self.probability}.")
        for setting, least in _LEAST.items():
            number = getattr(self, setting)
            if number is not None and not (isfinite(number) and number >= least):
                raise ValueError(f"{self.name}: {setting} must be at least {least}, not {number}.")

    @property
    def fault(self) -> Fault:
        """The fault that this orders."""
        return FAULTS[self.name]

    @classmethod
    def from_json(cls, value: object) -> "ArmedFault":
        """Read `{"name": "missing", "probability": 0.1}`; null is as if left out. Raises ValueError."""
        if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
            raise ValueError('A fault must be an object with a name, as in {"name": "http_503", "count": 2}.')
        given = {setting: given for setting, given in value.items() if given is not None}
        return cls(**{setting: _checked(setting, value) for setting, value in given.items()})

    @classmethod
    def from_flag(cls, flag: str) -> "ArmedFault":
        """Read `http_503:probability=0.1,count=3` or `refusal:text=all to the end`. Raises ValueError."""
        name, _, rest = flag.partition(":")
        settings, text_follows, text = rest.partition("text=")
        read: dict[str, Any] = {"text": text} if text_follows else {}
        for pair in filter(None, settings.split(",")):
            setting, _, value = pair.partition("=")
            read[setting] = _read(setting, value)
        return cls.from_json({"name": name, **read})


_LEAST = {"count": 1, "amount": 1, "delay_s": 0, "retry_after_s": 0}

_KINDS: Mapping[str, type[str] | type[int] | type[float]] = {
    "name": str,
    "probability": float,
    "count": int,
    "text": str,
    "model": str,
    "amount": int,
    "param": str,
    "delay_s": float,
    "retry_after_s": float,
}


def _checked(setting: str, value: object) -> Any:
    if setting not in _KINDS:
        raise ValueError(_unknown("setting of a fault", setting, _KINDS))
    kind = _KINDS[setting]
    allowed = (int, float) if kind is float else kind
    if isinstance(value, bool) or not isinstance(value, allowed):
        wanted = {str: "text", int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"The setting {setting} of a fault must be {wanted}, not {value!r}.")
    return value


def _read(setting: str, value: str) -> str | int | float:
    """A flag's text as what the setting wants, if it can be; if not, `_checked` has a sentence for it."""
    try:
        return _KINDS.get(setting, str)(value)
    except ValueError:
        return value


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}."
    return f"There is no {what} named {name!r}: {hint}"
