"""Which addresses a secret may be sent to without encryption."""

import pytest

from stream_classifier.settings.reach import is_exposed
from tests.unit.settings_cases import faults_of_variables

OWN = [
    "http://localhost:8000/v1",
    "http://127.0.0.1/v1",
    "http://[::1]:8000/v1",
    "http://10.1.2.3/v1",
    "http://192.168.0.9:8080",
    "http://[fd00::1]/v1",
    "http://vllm:8000/v1",
    "http://vllm.models.svc.cluster.local/v1",
    "http://llm.corp.example.com/v1",
    "http://notopenai.com/v1",
    "https://api.openai.com/v1",
    "https://8.8.8.8/v1",
]
EXPOSED = [
    "http://api.openai.com/v1",
    "http://API.OpenAI.com./v1",
    "http://team.openai.azure.com/v1",
    "http://8.8.8.8/v1",
    "http://[2606:4700::1111]/v1",
]


@pytest.mark.parametrize("url", OWN)
def test_one_s_own_network_and_all_that_is_encrypted_is_not_exposed(url: str) -> None:
    assert not is_exposed(url)


@pytest.mark.parametrize("url", EXPOSED)
def test_plain_http_to_a_public_provider_or_address_is_exposed(url: str) -> None:
    assert is_exposed(url)


@pytest.mark.parametrize("key", [{}, {"LLM__API_KEY": "sk-1"}])
def test_a_provider_on_an_exposed_way_is_a_fault_with_a_key_and_without(key: dict[str, str]) -> None:
    found = faults_of_variables(LLM__BASE_URL="http://8.8.8.8/v1", **key)
    assert "begin it with https://" in found["llm.base_url"]


def test_a_registry_s_password_on_an_exposed_way_is_a_fault() -> None:
    found = faults_of_variables(KAFKA__SCHEMA_REGISTRY_URL="http://me:pw@psrc-1.eu.confluent.cloud")
    assert set(found) == {"kafka.schema_registry_url"}
    assert "pw" not in found["kafka.schema_registry_url"].replace("password", "")


def test_a_registry_s_authority_may_stand_without_an_encrypted_listener() -> None:
    given = {"KAFKA__SCHEMA_REGISTRY_URL": "https://registry:8081", "KAFKA__SSL_CA_FILE": "ca.pem"}
    assert faults_of_variables(**given) == {}
