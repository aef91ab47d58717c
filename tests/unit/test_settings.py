"""Settings: defaults, kinds of value, and how they are shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.settings import Settings, load, load_traced
from stream_classifier.settings.cache import Cache
from stream_classifier.settings.kinds import format_bytes, parse_bytes
from tests.unit.settings_cases import (
    NOTHING,
    TAXONOMY,
    faults_of,
    faults_of_variables,
    from_variables,
    variables,
    write,
    write_settings,
)


def test_a_taxonomy_is_all_that_must_be_set(tmp_path: Path) -> None:
    settings = load(write_settings(tmp_path), {})
    assert settings.taxonomy == read_taxonomy(TAXONOMY)
    assert settings.kafka.input_topic == "tickets"
    assert settings.batch.max_tickets == 10


def test_the_default_file_is_read_where_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(tmp_path, llm={"model": "m"}).rename(tmp_path / "stream-classifier.yaml")
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).llm.model == "m"


def test_no_default_file_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, variables()).llm.model == "gpt-4o-mini"


def test_settings_cannot_be_changed() -> None:
    settings = from_variables()
    with pytest.raises(ValidationError):
        settings.llm.model = "other"


def test_settings_made_by_hand_do_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUTDOWN_S", "100")
    monkeypatch.setenv("STREAM_CLASSIFIER_SHUTDOWN_S", "100")
    assert Settings(taxonomy=read_taxonomy(TAXONOMY)).shutdown_s == 25


def test_the_urgent_model_is_the_bulk_model_unless_set() -> None:
    assert from_variables(LLM__MODEL="m").llm.urgent_model == "m"
    assert from_variables(LLM__MODEL="m", LLM__URGENT_MODEL="n").llm.urgent_model == "n"


def test_a_price_of_ones_own_is_laid_over_the_known_ones() -> None:
    prices = from_variables(LLM__PRICES='{"gpt-4o": {"input": 1, "output": 2}}').llm.prices
    assert (prices["gpt-4o"].input, prices["gpt-4o"].cached_input, prices["gpt-4o"].output) == (1, 1, 2)
    assert prices["gpt-4o-mini"].output == 0.6


def test_a_group_without_keys_is_a_group_of_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "kafka:\nllm:\ntaxonomy: {labels: [bug, other]}\n")
    assert load(path, {}).kafka == from_variables().kafka


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("64 MiB", 64 << 20),
        ("1MiB", 1 << 20),
        ("1.5 gib", 3 << 29),
        ("2000000", 2_000_000),
        ("2 MB", 2_000_000),
    ],
)
def test_a_size_is_read_with_its_unit(text: str, size_bytes: int) -> None:
    assert from_variables(CACHE__MAX_BYTES=text).cache.max_bytes == size_bytes


@pytest.mark.parametrize("text", ["64 Mi", "MiB", "-1 MiB", "1 MiB 2", "1e6", "²", ""])
def test_what_is_no_size_is_a_fault(tmp_path: Path, text: str) -> None:
    assert "64 MiB" in faults_of(write_settings(tmp_path, cache={"max_bytes": text}))["cache.max_bytes"]


@given(st.integers(0, 1 << 50))
def test_a_size_that_is_shown_reads_back_the_same(size_bytes: int) -> None:
    assert parse_bytes(format_bytes(size_bytes)) == size_bytes


def test_a_list_is_a_list_or_one_text_parted_by_commas(tmp_path: Path) -> None:
    path = write_settings(tmp_path, triage={"keywords": ["data loss", "down"], "tags": "vip, gold"})
    triage = load(path, {}).triage
    assert (triage.keywords, triage.tags) == (("data loss", "down"), ("vip", "gold"))


def test_names_of_protocols_and_levels_are_read_in_any_case() -> None:
    settings = from_variables(
        KAFKA__SECURITY_PROTOCOL="sasl_ssl",
        KAFKA__SASL_MECHANISM="scram-sha-256",
        KAFKA__SASL_USERNAME="u",
        KAFKA__SASL_PASSWORD="p",
        LOG__LEVEL="WARNING",
    )
    assert (settings.kafka.security_protocol, settings.kafka.sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-256")
    assert settings.log.level == "warning"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HTTP__PORT", "0"),
        ("HTTP__PORT", "65536"),
        ("BATCH__MAX_TICKETS", "0"),
        ("BATCH__MAX_TICKETS", "91"),
        ("BATCH__MAX_WAIT_S", "0"),
        ("LLM__CONCURRENCY", "0"),
        ("LLM__TIMEOUT_S", "-1"),
        ("LLM__TIMEOUT_S", "nan"),
        ("LLM__TIMEOUT_S", "inf"),
        ("LLM__PARAMS", '{"temperature": NaN}'),
        ("KAFKA__SESSION_TIMEOUT_S", "5"),
        ("KAFKA__BOOTSTRAP_SERVERS", "broker"),
        ("KAFKA__BOOTSTRAP_SERVERS", "broker:70000"),
        ("KAFKA__BOOTSTRAP_SERVERS", "kafka://broker:9092"),
        ("KAFKA__INPUT_TOPIC", "a topic"),
        ("KAFKA__INPUT_TOPIC", ".."),
        ("LLM__BASE_URL", "api.openai.com/v1"),
        ("LLM__BASE_URL", "https://user:pass@host/v1"),
        ("LLM__BASE_URL", "https://host/v1?a=b"),
        ("LLM__BASE_URL", "https://host:port/v1"),
        ("LLM__API_KEY", "two words"),
        ("LLM__PARAMS", '{"stream": true}'),
        ("LLM__HEADERS", '{"Content-Type": "text/plain"}'),
        ("LLM__HEADERS", '{"a b": "c"}'),
        ("LLM__HEADERS", '{"x": "a\\nb"}'),
        ("TICKET__FIELDS", '{"bod": "payload.text"}'),
        ("TICKET__FIELDS", '{"body": "payload..text"}'),
        ("TICKET__CONTEXT_FIELDS", "a..b"),
        ("TICKET__STRIP", "quotes,greetings"),
        ("TRIAGE__TAGS", "vip,vip"),
        ("SHUTDOWN_S", "5"),
    ],
)
def test_what_is_out_of_bounds_is_a_fault(name: str, text: str) -> None:
    assert len(faults_of_variables(**{name: text})) == 1


@pytest.mark.parametrize("text", ["[::1]:9092", "kafka-1:9092,kafka-2:9092", "10.0.0.1:9092, b.example:1"])
def test_brokers_are_host_and_port(text: str) -> None:
    assert from_variables(KAFKA__BOOTSTRAP_SERVERS=text).kafka.bootstrap_servers == text.replace(" ", "")


def test_brokers_may_be_a_list(tmp_path: Path) -> None:
    path = write_settings(tmp_path, kafka={"bootstrap_servers": ["a:1", "b:2"]})
    assert load(path, {}).kafka.bootstrap_servers == "a:1,b:2"


def test_what_is_shown_holds_no_secret() -> None:
    settings = from_variables(
        LLM__API_KEY="hushhush",
        LLM__HEADERS='{"X-Team": "hushhush"}',
        KAFKA__SECURITY_PROTOCOL="SASL_SSL",
        KAFKA__SASL_MECHANISM="PLAIN",
        KAFKA__SASL_USERNAME="u",
        KAFKA__SASL_PASSWORD="hushhush",
    )
    assert "hushhush" not in f"{settings!r} {settings} {settings.in_force()}"
    assert settings.in_force()["llm"]["headers"] == {"X-Team": "**********"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:hushhush@redis:6379/0", "redis://user:**********@redis:6379/0"),
        ("redis://:hushhush@redis", "redis://:**********@redis"),
        (
            "rediss://redis:6379/1?ssl_ca_certs=/hushhush/ca.pem",
            "rediss://redis:6379/1?ssl_ca_certs=**********",
        ),
        ("redis://redis:6379/0", "redis://redis:6379/0"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    cache = Cache.model_validate({"url": url})
    assert cache.model_dump(mode="json")["url"] == shown
    assert "hushhush" not in repr(cache)


@pytest.mark.parametrize(
    "url",
    [
        "http://redis",
        "redis://",
        "redis://redis:port",
        "redis://a b",
        "redis://redis/first",
        "redis://redis/0/1",
        "redis://redis/0#1",
        "redis://redis?password=hushhush",
        "redis://redis?ssl_ca_certs=/ca.pem",
        "rediss://redis?ssl_cert_reqs=none",
    ],
)
def test_what_is_no_url_of_redis_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Cache.model_validate({"url": url})


def test_how_settings_were_read_does_not_show_secrets() -> None:
    assert "hushhush" not in repr(load_traced(NOTHING, variables(LLM__API_KEY="hushhush")))


def test_the_digest_names_the_settings_and_not_the_secrets() -> None:
    assert from_variables(LLM__API_KEY="a").digest == from_variables(LLM__API_KEY="b").digest
    assert from_variables(LLM__MODEL="a").digest != from_variables(LLM__MODEL="b").digest


def test_a_default_that_is_written_down_does_not_change_the_digest() -> None:
    assert from_variables(KAFKA__DRAIN_S="5", CACHE__MAX_BYTES="256MiB").digest == from_variables().digest


def test_each_value_tells_its_origin(tmp_path: Path) -> None:
    path = write_settings(tmp_path, llm={"model": "m", "timeout_s": 30})
    loaded = load_traced(path, variables(LLM__MODEL="n"))
    assert loaded.origin("llm", "model") == "STREAM_CLASSIFIER_LLM__MODEL"
    assert loaded.origin("llm", "timeout_s") == f"{path}:3"
    assert loaded.origin("llm", "concurrency") == ""


def test_a_mapping_of_two_origins_tells_both(tmp_path: Path) -> None:
    path = write_settings(tmp_path, llm={"params": {"seed": 1}})
    loaded = load_traced(path, variables(LLM__PARAMS='{"top_p": 0.5}'))
    assert loaded.settings.llm.params == {"seed": 1, "top_p": 0.5}
    assert loaded.origin("llm", "params") == f"{path}:3, STREAM_CLASSIFIER_LLM__PARAMS"


def test_nothing_tells_no_origin() -> None:
    assert load_traced(NOTHING, variables()).origin("kafka", "group_id") == ""
