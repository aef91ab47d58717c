"""Settings that are each in order and cannot hold together, as a table.

A rule is looked at only where none of the settings that it reads is at fault by itself; the first of its
paths is where the fault is shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from stream_classifier.settings.reach import is_exposed
from stream_classifier.settings.root import Settings


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold between settings, and the sentence where it does not."""

    paths: tuple[str, ...]
    holds: Callable[[Settings], bool]
    sentence: str


def _distinct(one: str, other: str) -> Rule:
    return Rule(
        (f"kafka.{other}", f"kafka.{one}"),
        lambda s: getattr(s.kafka, one) != getattr(s.kafka, other),
        f"is the same topic as kafka.{one}; each needs a topic of its own",
    )


def _with_tls(name: str) -> Rule:
    return Rule(
        (f"kafka.{name}", "kafka.security_protocol"),
        lambda s: getattr(s.kafka, name) is None or s.kafka.security_protocol.endswith("SSL"),
        "is set, but nothing is encrypted; take it out, or set kafka.security_protocol to SSL or SASL_SSL",
    )


def _with_login(name: str) -> Rule:
    return Rule(
        (f"kafka.{name}", "kafka.security_protocol"),
        lambda s: getattr(s.kafka, name) is None or s.kafka.security_protocol.startswith("SASL"),
        "is set, but nobody logs in; take it out, or set kafka.security_protocol to SASL_SSL",
    )


def _login_needs(name: str, *mechanisms: str) -> Rule:
    return Rule(
        (f"kafka.{name}", "kafka.sasl_mechanism"),
        lambda s: s.kafka.sasl_mechanism not in mechanisms or getattr(s.kafka, name) is not None,
        f"is missing; kafka.sasl_mechanism {' and '.join(mechanisms)} log in with it",
    )


def _priced(group: str, model: str) -> Rule:
    return Rule(
        (f"{group}.budget_usd_per_day", "llm.prices", f"llm.{model}"),
        lambda s: getattr(s, group).budget_usd_per_day is None or getattr(s.llm, model) in s.llm.prices,
        f"is set, but the model that llm.{model} names has no price; put its prices into llm.prices",
    )


def _fallbacks_priced(group: str) -> Rule:
    return Rule(
        (f"{group}.budget_usd_per_day", "llm.prices", "llm.fallback_models"),
        lambda s: (
            getattr(s, group).budget_usd_per_day is None or set(s.llm.fallback_models) <= s.llm.prices.keys()
        ),
        "is set, but llm.fallback_models names a model that has no price; put its prices into llm.prices",
    )


TOPICS = ("input_topic", "output_topic", "dead_letter_topic", "overrides_topic")
PASSWORDS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def _registry(settings: Settings) -> str:
    url = settings.kafka.schema_registry_url
    return "" if url is None else url.get_secret_value()


KAFKA_RULES = (
    *(_distinct(one, other) for one, other in combinations(TOPICS, 2)),
    Rule(
        ("kafka.drain_s", "kafka.rebalance_timeout_s"),
        lambda s: s.kafka.drain_s < s.kafka.rebalance_timeout_s,
        "must be below kafka.rebalance_timeout_s: a drain that takes longer loses the partitions it drains",
    ),
    Rule(
        ("kafka.rebalance_timeout_s", "kafka.session_timeout_s"),
        lambda s: s.kafka.rebalance_timeout_s >= s.kafka.session_timeout_s,
        "must be kafka.session_timeout_s or more: a member may not be given up before it counts as dead",
    ),
    Rule(
        ("kafka.commit_interval_s", "kafka.session_timeout_s"),
        lambda s: s.kafka.commit_interval_s < s.kafka.session_timeout_s,
        "must be below kafka.session_timeout_s: else a partition may move before it was ever committed",
    ),
    Rule(
        ("kafka.max_in_flight_bytes", "ticket.max_bytes"),
        lambda s: s.kafka.max_in_flight_bytes >= s.ticket.max_bytes,
        "must be ticket.max_bytes or more: else the largest ticket would never be read",
    ),
    Rule(
        ("kafka.max_in_flight_tickets", "llm.concurrency", "batch.max_tickets"),
        lambda s: s.kafka.max_in_flight_tickets >= 2 * s.llm.concurrency * s.batch.max_tickets,
        "must be 2 * llm.concurrency * batch.max_tickets or more: else calls wait for tickets to be read",
    ),
    Rule(
        ("kafka.sasl_mechanism", "kafka.security_protocol"),
        lambda s: s.kafka.sasl_mechanism is not None or not s.kafka.security_protocol.startswith("SASL"),
        "is missing; set how to log in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
    ),
    Rule(
        ("kafka.schema_registry_url",),
        lambda s: not ("@" in _registry(s) and is_exposed(_registry(s))),
        "begins with http:// and leads out of your network: whoever is on the way could read the password;"
        " begin it with https://",
    ),
    _with_login("sasl_mechanism"),
    _with_login("sasl_username"),
    _with_login("sasl_password"),
    _login_needs("sasl_username", *PASSWORDS),
    _login_needs("sasl_password", *PASSWORDS, "OAUTHBEARER"),
    Rule(
        ("kafka.ssl_ca_file", "kafka.security_protocol", "kafka.schema_registry_url"),
        lambda s: (
            s.kafka.ssl_ca_file is None
            or s.kafka.security_protocol.endswith("SSL")
            or s.kafka.schema_registry_url is not None
        ),
        "is set, but nothing is encrypted; take it out, or set kafka.security_protocol to SSL or SASL_SSL",
    ),
    _with_tls("ssl_cert_file"),
    _with_tls("ssl_key_file"),
    Rule(
        ("kafka.ssl_key_file", "kafka.ssl_cert_file"),
        lambda s: (s.kafka.ssl_key_file is None) == (s.kafka.ssl_cert_file is None),
        "must be set together with kafka.ssl_cert_file (to the same path where one file holds both)",
    ),
)

LANE_RULES = (
    Rule(
        ("urgent.timeout_s", "urgent.deadline_s"),
        lambda s: s.urgent.timeout_s <= s.urgent.deadline_s,
        "must be urgent.deadline_s or less: the ticket is published at the deadline, answered or not",
    ),
    Rule(
        ("batch.max_tokens", "llm.context_tokens"),
        lambda s: s.batch.max_tokens < s.llm.context_tokens,
        "must be below llm.context_tokens: the model reads the system message besides",
    ),
    Rule(
        ("llm.headers", "llm.api_key"),
        lambda s: s.llm.api_key is None or "authorization" not in map(str.lower, s.llm.headers),
        "holds Authorization, which llm.api_key sets; keep one of the two",
    ),
    Rule(
        ("llm.base_url",),
        lambda s: not is_exposed(s.llm.base_url),
        "begins with http:// and leads out of your network: whoever is on the way could read the key and the"
        " tickets; begin it with https://",
    ),
    Rule(
        ("llm.fallback_models", "llm.model"),
        lambda s: s.llm.model not in s.llm.fallback_models,
        "holds llm.model itself; name other models, or none",
    ),
    _priced("llm", "model"),
    _priced("urgent", "urgent_model"),
    _fallbacks_priced("llm"),
    _fallbacks_priced("urgent"),
)

SERVICE_RULES = (
    Rule(
        ("cache.url", "cache.backend"),
        lambda s: s.cache.backend != "redis" or s.cache.url is not None,
        "is missing; cache.backend redis needs a URL such as `redis://redis:6379/0`",
    ),
    Rule(
        ("cache.url", "cache.backend"),
        lambda s: s.cache.backend == "redis" or s.cache.url is None,
        "is set, but cache.backend is not redis; set it so, or take the URL out",
    ),
    Rule(
        ("health.stall_s", "llm.timeout_s"),
        lambda s: s.health.stall_s >= 4 * s.llm.timeout_s,
        "must be 4 * llm.timeout_s or more: slow calls and their retries are not a stall",
    ),
    Rule(
        ("health.stall_s", "batch.max_wait_s", "llm.timeout_s"),
        lambda s: s.health.stall_s > s.batch.max_wait_s + s.llm.timeout_s,
        "must be above batch.max_wait_s + llm.timeout_s: a batch that gathers is not a stall",
    ),
    Rule(
        ("health.stall_s", "urgent.deadline_s"),
        lambda s: s.health.stall_s > s.urgent.deadline_s,
        "must be above urgent.deadline_s: an urgent ticket may take that long",
    ),
)


def contradictions(settings: Settings, faulty: frozenset[str]) -> Iterator[Rule]:
    """Every rule that does not hold, leaving out those that read a setting at fault by itself."""
    rules = (*KAFKA_RULES, *LANE_RULES, *SERVICE_RULES)
    return (rule for rule in rules if faulty.isdisjoint(rule.paths) and not rule.holds(settings))
