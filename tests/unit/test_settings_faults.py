"""All that is wrong is told at once, each with what would be right, and never with a value."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stream_classifier.core.faults import ConfigurationFaults
from stream_classifier.settings import Settings, load
from stream_classifier.settings.contradictions import contradictions
from stream_classifier.settings.expected import leaves
from tests.unit.settings_cases import NOTHING, faults_of, faults_of_variables, from_variables, write

PATHS = [path for path, _ in leaves(Settings)]
SECRET = "Xq7hushZ9"


def test_five_faults_in_one_file_are_told_together(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
kafka: {drain_s: 40}
llm: {timeout_s: soon, modle: m}
http: {port: 70000}
taxonomy: {labels: [a, a]}
""",
    )
    assert set(faults_of(path)) == {
        "kafka.drain_s",
        "llm.timeout_s",
        "llm.modle",
        "http.port",
        "taxonomy.labels[1]",
    }


def test_a_fault_says_what_would_be_right_and_where_it_was_read(tmp_path: Path) -> None:
    path = write(tmp_path, "taxonomy: {labels: [a, b]}\nbatch:\n  max_tickets: many\n")
    with pytest.raises(ConfigurationFaults) as caught:
        load(path, {})
    assert str(caught.value) == f"batch.max_tickets: must be a whole number from 1 to 90 (read from {path}:3)"


def test_a_file_at_fault_does_not_hide_what_is_wrong_with_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path, "llm: {")
    assert "STREAM_CLASSIFIER_LLM__MODLE" in faults_of(path, {"STREAM_CLASSIFIER_LLM__MODLE": "m"})


def test_no_taxonomy_is_a_fault() -> None:
    assert "labels" in faults_of(NOTHING)["taxonomy"]


@pytest.mark.parametrize(("text", "says"), [(None, "does not exist"), ("labels: [", "is not YAML")])
def test_a_taxonomys_own_file_that_cannot_be_read_is_a_fault(
    tmp_path: Path, text: str | None, says: str
) -> None:
    if text is not None:
        write(tmp_path, text, "labels.yaml")
    assert says in faults_of(write(tmp_path, "taxonomy: labels.yaml"))["taxonomy"]


def test_all_faults_of_a_taxonomys_own_file_are_told_with_their_lines(tmp_path: Path) -> None:
    write(tmp_path, "labels:\n- a\n- a\nlabel: 1\nlabels: [a]\n", "labels.yaml")
    with pytest.raises(ConfigurationFaults) as caught:
        load(write(tmp_path, "taxonomy: labels.yaml"), {})
    assert {fault.path for fault in caught.value.faults} >= {"taxonomy.label", "taxonomy.labels"}
    assert all(fault.origin.startswith("its file:") for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("kafka: {grup_id: a}", "kafka.group_id"),
        ("llm: {max_tickets: 5}", "batch.max_tickets"),
        ("kafak: {group_id: a}", None),
        ("kafka.group_id: a", "group_id"),
        ("true: a", None),
    ],
)
def test_an_unknown_key_is_a_fault_with_what_was_meant(
    tmp_path: Path, written: str, meant: str | None
) -> None:
    [(_, sentence)] = faults_of(write(tmp_path, f"{written}\ntaxonomy: {{labels: [a, b]}}")).items()
    assert meant is None or meant in sentence


def test_a_boolean_is_not_a_number(tmp_path: Path) -> None:
    path = write(tmp_path, "batch: {max_tickets: yes}\ncache: {max_bytes: on}\ntaxonomy: {labels: [a, b]}")
    assert set(faults_of(path)) == {"batch.max_tickets", "cache.max_bytes"}


CONTRADICTIONS = [
    ({"KAFKA__DRAIN_S": "30"}, "kafka.drain_s"),
    ({"KAFKA__REBALANCE_TIMEOUT_S": "10"}, "kafka.rebalance_timeout_s"),
    ({"KAFKA__COMMIT_INTERVAL_S": "30"}, "kafka.commit_interval_s"),
    ({"KAFKA__MAX_IN_FLIGHT_BYTES": "1MiB", "TICKET__MAX_BYTES": "2MiB"}, "kafka.max_in_flight_bytes"),
    ({"KAFKA__MAX_IN_FLIGHT_TICKETS": "159"}, "kafka.max_in_flight_tickets"),
    ({"KAFKA__OUTPUT_TOPIC": "tickets"}, "kafka.output_topic"),
    ({"KAFKA__OVERRIDES_TOPIC": "ticket-labels"}, "kafka.overrides_topic"),
    ({"KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, "kafka.sasl_mechanism"),
    ({"KAFKA__SASL_PASSWORD": "p"}, "kafka.sasl_password"),
    (
        {
            "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA__SASL_MECHANISM": "PLAIN",
            "KAFKA__SASL_USERNAME": "u",
        },
        "kafka.sasl_password",
    ),
    ({"KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "KAFKA__SASL_MECHANISM": "OAUTHBEARER"}, "kafka.sasl_password"),
    ({"KAFKA__SSL_CA_FILE": "ca.pem"}, "kafka.ssl_ca_file"),
    ({"KAFKA__SECURITY_PROTOCOL": "SSL", "KAFKA__SSL_CERT_FILE": "c.pem"}, "kafka.ssl_key_file"),
    ({"URGENT__TIMEOUT_S": "31"}, "urgent.timeout_s"),
    ({"BATCH__MAX_TOKENS": "128000"}, "batch.max_tokens"),
    ({"LLM__API_KEY": "k", "LLM__HEADERS": '{"authorization": "x"}'}, "llm.headers"),
    ({"CACHE__URL": "redis://redis:6379"}, "cache.url"),
    ({"HEALTH__STALL_S": "239"}, "health.stall_s"),
    ({"BATCH__MAX_WAIT_S": "540"}, "health.stall_s"),
    ({"URGENT__DEADLINE_S": "600"}, "health.stall_s"),
]


@pytest.mark.parametrize(("variables", "path"), CONTRADICTIONS)
def test_settings_that_contradict_one_another_are_a_fault(variables: dict[str, str], path: str) -> None:
    assert set(faults_of_variables(**variables)) == {path}


@pytest.mark.parametrize(
    "variables",
    [
        {"KAFKA__DRAIN_S": "29.9"},
        {"KAFKA__MAX_IN_FLIGHT_TICKETS": "160"},
        {"HEALTH__STALL_S": "240"},
        {"URGENT__TIMEOUT_S": "30"},
        {"KAFKA__SECURITY_PROTOCOL": "SSL", "KAFKA__SSL_CERT_FILE": "c", "KAFKA__SSL_KEY_FILE": "c"},
        {
            "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA__SASL_MECHANISM": "OAUTHBEARER",
            "KAFKA__SASL_PASSWORD": "t",
        },
    ],
)
def test_settings_that_just_hold_together_are_none(variables: dict[str, str]) -> None:
    assert faults_of_variables(**variables) == {}


def test_a_contradiction_is_not_told_of_a_setting_at_fault_by_itself() -> None:
    assert set(faults_of_variables(HEALTH__STALL_S="100", LLM__TIMEOUT_S="soon")) == {"llm.timeout_s"}


def test_a_fault_in_one_group_does_not_hide_a_contradiction_in_it() -> None:
    found = faults_of_variables(KAFKA__DRAIN_S="40", KAFKA__GROUP_ID=" ", KAFKA__COMMIT_INTERVAL_S="no")
    assert set(found) == {"kafka.drain_s", "kafka.commit_interval_s"}


BUDGETS = {"LLM__BUDGET_USD_PER_DAY": "1", "URGENT__BUDGET_USD_PER_DAY": "1"}


def test_a_budget_needs_a_price_of_the_model() -> None:
    found = faults_of_variables(**BUDGETS, LLM__MODEL="own")
    assert set(found) == {"llm.budget_usd_per_day", "urgent.budget_usd_per_day"}
    assert "llm.model" in found["llm.budget_usd_per_day"]
    assert "llm.urgent_model" in found["urgent.budget_usd_per_day"]


def test_a_budget_needs_a_price_of_each_model_that_its_lane_falls_back_to() -> None:
    found = faults_of_variables(**BUDGETS, LLM__FALLBACK_MODELS="gpt-4o, own")
    assert set(found) == {"llm.budget_usd_per_day", "urgent.budget_usd_per_day"}
    assert all("llm.fallback_models" in sentence for sentence in found.values())


def test_a_budget_asks_for_no_price_of_a_model_that_only_the_other_lane_calls() -> None:
    assert faults_of_variables(URGENT__BUDGET_USD_PER_DAY="1", LLM__MODEL="own", LLM__URGENT_MODEL="o3") == {}


def test_a_budget_whose_models_have_prices_is_in_order() -> None:
    prices = '{"own": {"input": 1, "output": 2}}'
    found = faults_of_variables(**BUDGETS, LLM__MODEL="own", LLM__FALLBACK_MODELS="o3", LLM__PRICES=prices)
    assert found == {}


def test_redis_needs_a_url() -> None:
    settings = from_variables()
    redis = settings.model_copy(update={"cache": settings.cache.model_copy(update={"backend": "redis"})})
    assert [rule.paths[0] for rule in contradictions(redis, frozenset())] == ["cache.url"]


SECRETS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(
        [SECRET, f"{SECRET}: {SECRET}", f"{{{SECRET}", f"[{SECRET}", f"*{SECRET}", f"http://{SECRET}@"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "labels"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def nested(path: str, value: Any) -> dict[str, Any]:
    group, _, name = path.partition(".")
    return {group: {name: value}} if name else {group: value}


@given(path=st.sampled_from(PATHS), value=SECRETS, raw=st.booleans())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_value_of_a_file_is_in_any_fault(tmp_path: Path, path: str, value: Any, raw: bool) -> None:
    text = f"{path}:\n  {value}" if raw else yaml.safe_dump(nested(path, value))
    with_traceback = _shown(write(tmp_path, text), {})
    assert SECRET not in with_traceback


@given(path=st.sampled_from(PATHS), value=SECRETS)
@hypothesis_settings(deadline=None)
def test_no_value_of_a_variable_is_in_any_fault(path: str, value: Any) -> None:
    name = f"STREAM_CLASSIFIER_{path.replace('.', '__').upper()}"
    text = value if isinstance(value, str) else json.dumps(value)
    assert SECRET not in _shown(NOTHING, {name: text})
    assert SECRET not in _shown(NOTHING, {name + "X": text})


def _shown(path: Path, environ: dict[str, str]) -> str:
    """All that could be printed of what is wrong, causes included."""
    try:
        load(path, environ)
    except ConfigurationFaults as error:
        chain = [error, error.__cause__, None if error.__suppress_context__ else error.__context__]
        return " ".join(map(repr, filter(None, chain))) + str(error)
    return ""
