"""The grid of an evaluation: its values over the configuration, and what names what they make."""

from pathlib import Path

import pytest

from stream_classifier.core.faults import ConfigurationFaults
from stream_classifier.lab.evaluate.grid import (
    AS_CONFIGURED,
    MAX_CONFIGURATIONS,
    Axis,
    Configuration,
    configurations,
    parse_axis,
)
from tests.unit.settings_cases import NOTHING, variables


def made(*written: str, **texts: str) -> tuple[Configuration, ...]:
    return configurations(NOTHING, variables(**texts), [parse_axis(each) for each in written])


def faults(*written: str, **texts: str) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationFaults) as caught:
        made(*written, **texts)
    return [(fault.path, fault.sentence, fault.origin) for fault in caught.value.faults]


def test_without_a_grid_the_settings_in_force_are_evaluated() -> None:
    [only] = made(LLM__MODEL="a")
    assert (only.name, only.settings.llm.model) == (AS_CONFIGURED, "a")


def test_every_combination_is_made_and_the_last_axis_turns_fastest() -> None:
    found = made("batch.max_tickets=1,5", "llm.model=a,b")
    assert [each.name for each in found] == [
        "batch.max_tickets=1, llm.model=a",
        "batch.max_tickets=1, llm.model=b",
        "batch.max_tickets=5, llm.model=a",
        "batch.max_tickets=5, llm.model=b",
    ]
    assert [(each.settings.batch.max_tickets, each.settings.llm.model) for each in found] == [
        (1, "a"),
        (1, "b"),
        (5, "a"),
        (5, "b"),
    ]
    assert len({each.digest for each in found}) == 4


def test_the_grid_goes_before_the_environment_whatever_its_case() -> None:
    environ = variables(BATCH__MAX_TICKETS="7") | {"STREAM_CLASSIFIER_batch__max_tickets": "8"}
    [only] = configurations(NOTHING, environ, [parse_axis("batch.max_tickets=3")])
    assert only.settings.batch.max_tickets == 3


def test_a_value_with_commas_in_brackets_is_one_value() -> None:
    axis = parse_axis('llm.params={"temperature":0,"stop":["a,b"]},{"seed":1}')
    assert axis == Axis(path="llm.params", values=('{"temperature":0,"stop":["a,b"]}', '{"seed":1}'))
    assert [each.settings.llm.params for each in made('llm.params={"top_p":1},{"top_p":0.5}')] == [
        {"top_p": 1},
        {"top_p": 0.5},
    ]


def test_a_number_below_the_parameters_stays_a_number() -> None:
    found = made("llm.params.temperature=0,0.5", LLM__PARAMS='{"seed":1}')
    assert [each.settings.llm.params for each in found] == [
        {"seed": 1, "temperature": 0},
        {"seed": 1, "temperature": 0.5},
    ]


def test_parameters_may_vary_side_by_side() -> None:
    found = made("llm.params.temperature=0,1", "llm.params.top_p=0.5")
    assert [each.settings.llm.params for each in found] == [
        {"temperature": 0, "top_p": 0.5},
        {"temperature": 1, "top_p": 0.5},
    ]
    [(path, _, _)] = faults("llm.params.temperature=0,1", "llm.params={}")
    assert path == "llm.params"


def test_all_faults_of_all_values_are_told_with_the_setting_and_the_grid_as_origin() -> None:
    assert sorted(faults("batch.max_tickets=1,200,x", "llm.max_attempts=99")) == [
        ("batch.max_tickets", "must be a whole number from 1 to 90", "--grid batch.max_tickets"),
        ("llm.max_attempts", "must be a whole number from 1 to 20", "--grid llm.max_attempts"),
    ]


@pytest.mark.parametrize(
    ("written", "path", "said"),
    [
        ("batch.max_tikets=1,2", "batch.max_tikets", "did you mean `batch.max_tickets`?"),
        ("kafka.group_id=a,b", "kafka.group_id", "changes no answer"),
        ("batch.max_wait_s=1,2", "batch.max_wait_s", "changes no answer"),
        ("llm.fallback_models=a,b", "llm.fallback_models", "changes no answer"),
        ("batch.max_tickets", "batch.max_tickets", "is not a grid"),
        ("batch.max_tickets=1,,2", "batch.max_tickets", "is not a grid"),
        ("batch.max_tickets=5,5", "batch.max_tickets", "the same value twice"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_its_path(written: str, path: str, said: str) -> None:
    [(at, sentence, origin)] = faults(written)
    assert (at, origin) == (path, "--grid")
    assert said in sentence


def test_a_setting_stands_in_one_axis_only() -> None:
    [(path, sentence, _)] = faults("llm.model=a", "llm.model=b")
    assert path == "llm.model"
    assert "twice" in sentence


def test_more_than_can_be_read_side_by_side_is_refused() -> None:
    sizes = ",".join(map(str, range(1, MAX_CONFIGURATIONS + 2)))
    [(_, sentence, _)] = faults(f"batch.max_tickets={sizes}")
    assert str(MAX_CONFIGURATIONS) in sentence


def test_a_mounted_secret_that_beats_the_grid_is_told(tmp_path: Path) -> None:
    (tmp_path / "llm__model").write_text("mounted")
    environ = variables() | {"STREAM_CLASSIFIER_SECRETS_DIR": str(tmp_path)}
    with pytest.raises(ConfigurationFaults) as caught:
        configurations(NOTHING, environ, [parse_axis("llm.model=a,b")])
    assert "goes before --grid" in caught.value.faults[0].sentence


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("BATCH__MAX_TICKETS", "1", "10"),
        ("LLM__MODEL", "a", "b"),
        ("LLM__BASE_URL", "http://localhost:1/v1", "http://localhost:2/v1"),
        ("LLM__PARAMS", '{"temperature":0}', '{"temperature":1}'),
        ("TAXONOMY", '{"labels":["bug","other"]}', '{"labels":["bug","other"],"instructions":"Think."}'),
        ("TICKET__MAX_CHARS", "1000", "2000"),
        ("TRIAGE__KEYWORDS", "down", "outage"),
    ],
)
def test_what_an_answer_follows_from_makes_another_configuration(name: str, one: str, other: str) -> None:
    assert made(**{name: one})[0].digest != made(**{name: other})[0].digest


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("LLM__API_KEY", "k1", "k2"),
        ("LLM__CONCURRENCY", "1", "8"),
        ("LLM__REQUESTS_PER_MINUTE", "10", "20"),
        ("LLM__PRICES", '{"m":{"input":1,"cached_input":1,"output":1}}', "{}"),
        ("CACHE__BACKEND", "memory", "sqlite"),
    ],
)
def test_what_no_answer_follows_from_makes_no_other_configuration(name: str, one: str, other: str) -> None:
    assert made(**{name: one})[0].digest == made(**{name: other})[0].digest


def test_fallbacks_daily_budgets_and_the_services_cache_are_out_of_force() -> None:
    [only] = made(
        LLM__FALLBACK_MODELS="gpt-4o",
        LLM__BUDGET_USD_PER_DAY="1",
        URGENT__BUDGET_USD_PER_DAY="1",
        CACHE__BACKEND="sqlite",
    )
    settings = only.settings
    assert settings.llm.fallback_models == ()
    assert settings.llm.budget_usd_per_day is None
    assert settings.urgent.budget_usd_per_day is None
    assert settings.cache.backend == "memory"
