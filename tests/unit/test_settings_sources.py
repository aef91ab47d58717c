"""The sources of settings: a YAML file, the environment over it, a mounted secret over both."""

import json
from pathlib import Path

import pytest

from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.settings import api_key_now, load
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


def mounted(folder: Path, **files: str) -> dict[str, str]:
    """A secrets directory with these files, and the environment that names it."""
    for name, text in files.items():
        write(folder, text, name)
    return variables(SECRETS_DIR=str(folder))


def key_of(environ: dict[str, str], path: Path = NOTHING) -> str | None:
    key = load(path, environ).llm.api_key
    return key.get_secret_value() if key else None


def test_the_environment_is_over_the_file(tmp_path: Path) -> None:
    path = write_settings(tmp_path, llm={"model": "of-file", "concurrency": 3})
    llm = load(path, variables(LLM__MODEL="of-environment")).llm
    assert (llm.model, llm.concurrency) == ("of-environment", 3)


def test_a_mounted_secret_is_over_file_and_environment(tmp_path: Path) -> None:
    path = write_settings(tmp_path, llm={"api_key": "of-file"})
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    environ = mounted(secrets, llm__api_key="of-secret\n") | variables(LLM__API_KEY="of-environment")
    environ |= {"STREAM_CLASSIFIER_SECRETS_DIR": str(secrets)}
    assert key_of(environ, path) == "of-secret"


def test_only_the_last_line_end_of_a_secret_is_taken_off(tmp_path: Path) -> None:
    environ = mounted(tmp_path, kafka__sasl_password=" pass \n\n")
    environ |= variables(
        KAFKA__SECURITY_PROTOCOL="SASL_SSL", KAFKA__SASL_MECHANISM="PLAIN", KAFKA__SASL_USERNAME="u"
    )
    password = load(NOTHING, environ).kafka.sasl_password
    assert password is not None
    assert password.get_secret_value() == " pass \n"


def test_the_files_that_kubernetes_makes_are_passed_over(tmp_path: Path) -> None:
    target = tmp_path / "..2024_05_01"
    target.mkdir()
    write(target, "key", "llm__api_key")
    (tmp_path / "..data").symlink_to(target.name)
    (tmp_path / "llm__api_key").symlink_to("..data/llm__api_key")
    assert key_of(mounted(tmp_path)) == "key"


def test_a_renewed_secret_is_read_anew(tmp_path: Path) -> None:
    environ = mounted(tmp_path, llm__api_key="before")
    settings = load(NOTHING, environ)
    write(tmp_path, "after\n", "llm__api_key")
    key = api_key_now(settings, environ)
    assert key is not None
    assert key.get_secret_value() == "after"


def test_a_secret_that_is_gone_leaves_the_key_of_the_start(tmp_path: Path) -> None:
    environ = mounted(tmp_path, llm__api_key="before")
    settings = load(NOTHING, environ)
    (tmp_path / "llm__api_key").unlink()
    assert api_key_now(settings, environ) == settings.llm.api_key


def test_unknown_and_empty_files_of_secrets_are_faults(tmp_path: Path) -> None:
    found = faults_of(NOTHING, mounted(tmp_path, llm__apikey="x", llm__api_key="\n"))
    assert (
        "`STREAM_CLASSIFIER_SECRETS_DIR/llm__api_key`" in found["STREAM_CLASSIFIER_SECRETS_DIR/llm__apikey"]
    )
    assert "is empty" in found["STREAM_CLASSIFIER_SECRETS_DIR/llm__api_key"]


def test_files_of_secrets_that_cannot_be_read_are_faults(tmp_path: Path) -> None:
    (tmp_path / "llm__api_key").write_bytes(b"\xff")
    (tmp_path / "kafka__sasl_password").mkdir()
    found = faults_of(NOTHING, variables(SECRETS_DIR=str(tmp_path)))
    assert "UTF-8" in found["STREAM_CLASSIFIER_SECRETS_DIR/llm__api_key"]
    assert "cannot be read" in found["STREAM_CLASSIFIER_SECRETS_DIR/kafka__sasl_password"]


def test_a_secrets_directory_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    environ = variables(SECRETS_DIR=str(tmp_path / "none"))
    assert "directory" in faults_of(NOTHING, environ)["STREAM_CLASSIFIER_SECRETS_DIR"]


def test_openais_variable_serves_openai() -> None:
    assert key_of(variables() | {"OPENAI_API_KEY": "k"}) == "k"
    assert key_of(variables(LLM__BASE_URL="https://eu.api.openai.com/v1") | {"OPENAI_API_KEY": "k"}) == "k"


@pytest.mark.parametrize("url", ["http://localhost:11434/v1", "https://api.openai.com.example/v1"])
def test_openais_variable_goes_to_nobody_else(url: str) -> None:
    assert key_of(variables(LLM__BASE_URL=url) | {"OPENAI_API_KEY": "k"}) is None


def test_openais_variable_gives_way_to_the_setting() -> None:
    assert key_of(variables(LLM__API_KEY="own") | {"OPENAI_API_KEY": "k"}) == "own"


def test_an_empty_variable_is_not_set() -> None:
    assert from_variables(LLM__MODEL="").llm.model == "gpt-4o-mini"


def test_a_list_in_a_variable_is_json_or_parted_by_commas() -> None:
    assert from_variables(TRIAGE__KEYWORDS='["a, b", "404"]').triage.keywords == ("a, b", "404")
    assert from_variables(TRIAGE__KEYWORDS="a b, 404").triage.keywords == ("a b", "404")


def test_a_mapping_in_a_variable_is_json_or_a_variable_a_key() -> None:
    assert from_variables(LLM__PARAMS='{"seed": 1}').llm.params == {"seed": 1}
    headers = from_variables(**{"LLM__HEADERS__X-Team": "support"}).llm.headers
    assert headers["x-team"].get_secret_value() == "support"


def test_a_group_in_a_variable_is_json() -> None:
    assert from_variables(LLM='{"model": "m", "concurrency": 2}').llm.concurrency == 2


@pytest.mark.parametrize("text", ["[1, 2", "{", '{"a": 1}', "[404]"])
def test_json_that_is_none_or_not_a_list_is_a_fault(text: str) -> None:
    assert faults_of_variables(TRIAGE__KEYWORDS=text)


def test_an_unknown_variable_is_a_fault_with_the_name_that_was_meant() -> None:
    found = faults_of_variables(LLM__MODLE="m", LOG_LEVEL="debug", SHUTDOWN_S__X="1")
    assert "`STREAM_CLASSIFIER_LLM__MODEL`" in found["STREAM_CLASSIFIER_LLM__MODLE"]
    assert "`STREAM_CLASSIFIER_LOG__LEVEL`" in found["STREAM_CLASSIFIER_LOG_LEVEL"]
    assert "STREAM_CLASSIFIER_SHUTDOWN_S__X" in found


def test_what_kubernetes_sets_for_services_of_our_name_is_passed_over() -> None:
    url = "tcp://10.0.0.1:8080"
    service = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_HTTP": "8080",
        "PORT": url,
        "PORT_8080_TCP": url,
        "PORT_8080_TCP_PROTO": "tcp",
        "PORT_8080_TCP_PORT": "8080",
        "PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    other = {f"REDIS_{name}": text for name, text in service.items()}
    assert from_variables(**service, **other, TEST_KAFKA="localhost:9092") == from_variables()


def test_a_port_that_is_no_url_is_not_kubernetes() -> None:
    found = faults_of_variables(HTTP_PORT="9000")
    assert "`STREAM_CLASSIFIER_HTTP__PORT`" in found["STREAM_CLASSIFIER_HTTP_PORT"]


def test_variables_of_others_are_none_of_ours() -> None:
    assert load(NOTHING, variables() | {"PATH": "x", "STREAM_CLASSIFIERS": "y"}) == from_variables()


def test_a_taxonomy_is_inline_or_a_file_beside_the_configuration(tmp_path: Path) -> None:
    write(tmp_path, json.dumps(TAXONOMY), "labels.yaml")
    path = write_settings(tmp_path, taxonomy="labels.yaml")
    assert load(path, {}).taxonomy == read_taxonomy(TAXONOMY)


def test_a_taxonomy_of_the_environment_is_relative_to_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, json.dumps(TAXONOMY), "labels.yaml")
    monkeypatch.chdir(tmp_path)
    assert from_variables(TAXONOMY="labels.yaml").taxonomy == read_taxonomy(TAXONOMY)


def test_a_taxonomy_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = write_settings(tmp_path, taxonomy={**TAXONOMY, "instructions": "Be kind."})
    assert load(path, variables()).taxonomy.instructions is None


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("llm:\n\tmodel: m", "tabs"),
        ("llm:\n  model: a: b", "quotes"),
        ("llm: {model: m", "bracket"),
        ('llm: "m', "not closed"),
        ("llm: @m", "quotes"),
        ("llm: *m", "quotes"),
        ("llm: !m x", "quotes"),
        ("llm:\n  model: m\n timeout_s: 1", "indentation"),
        ("a: 1\n---\nb: 2", "one document"),
    ],
)
def test_what_is_not_yaml_is_a_fault_with_its_line_and_a_remedy(
    tmp_path: Path, text: str, remedy: str
) -> None:
    path = write(tmp_path, text)
    [(where, sentence)] = faults_of(path).items()
    assert where.startswith(f"{path}:")
    assert remedy in sentence


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    assert "does not exist" in faults_of(tmp_path / "none.yaml")[str(tmp_path / "none.yaml")]
    assert "cannot be read" in faults_of(tmp_path)[str(tmp_path)]
    (tmp_path / "latin.yaml").write_bytes(b"llm: {model: \xe4}")
    assert "UTF-8" in faults_of(tmp_path / "latin.yaml")[str(tmp_path / "latin.yaml")]


@pytest.mark.parametrize("text", ["- a", "just text", "&a [*a]"])
def test_a_file_that_is_no_mapping_is_a_fault(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    assert str(path) in faults_of(path, variables())


def test_every_key_that_stands_twice_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path, "llm:\n  model: a\n  model: b\nbatch: {max_tickets: 1, max_tickets: 1}\n")
    found = faults_of(path, variables())
    assert "line 2" in found["llm.model"]
    assert "batch.max_tickets" in found


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    assert load(write(tmp_path, "\ufeffllm: {model: m}"), variables()).llm.model == "m"
