"""What can be set on a simulated provider."""

from dataclasses import dataclass

from stream_classifier.lab.simulator.armed_fault import ArmedFault
from stream_classifier.lab.simulator.errors import Dialect
from stream_classifier.lab.simulator.rule import Rule, rule_label


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """How a simulated provider behaves. By default it is prompt, unlimited and faultless.

    Raises ValueError, with a sentence, where a value makes no sense.
    """

    labels: tuple[str, ...] = ("bug", "feature", "other")  # where the request itself names none
    rule: Rule = rule_label  # (text, labels) -> label; must give one of the labels
    models: tuple[str, ...] = ()  # the models that exist; () means any
    api_key: str | None = None  # the only key taken; None: no key is asked for
    dialect: Dialect = Dialect.OPENAI

    latency_s: float = 0.0  # until the first token
    tokens_per_s: float | None = None  # of output; None: all at once
    jitter: float = 0.0  # sigma of the lognormal factor (median 1) on a call's time
    max_concurrency: int | None = None  # calls worked on at once; others wait in line

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    burst_s: float = 1.0  # seconds' worth of a limit that can be spent at once
    context_tokens: int = 128_000  # prompt and reply budget together
    max_body_bytes: int = 10 * 2**20  # beyond: 413
    cached_prefix_tokens: int = 1024  # shortest beginning of a prompt that the prefix cache counts; 0: off
    prefix_ttl_s: float = 300.0  # how long it keeps one that is not used

    faults: tuple[ArmedFault, ...] = ()  # armed from the start
    seed: int = 0  # of all chance: faults and jitter
    call_log_size: int = 10_000  # calls that `GET /stats` lists one by one

    def __post_init__(self) -> None:
        if not self.labels:
            raise ValueError("labels must name at least one label.")
        for name in ("latency_s", "jitter", "cached_prefix_tokens", "call_log_size"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}.")
        for name in _ABOVE_ZERO:
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ValueError(f"{name} must be above 0, not {value}.")


_ABOVE_ZERO = (
    "tokens_per_s",
    "max_concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "burst_s",
    "context_tokens",
    "max_body_bytes",
    "prefix_ttl_s",
)
