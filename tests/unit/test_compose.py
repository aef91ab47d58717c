"""docker-compose.yml: by its schema, and every name, command and number against our own."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream_classifier.settings import Settings, load
from stream_classifier.settings.environment import from_environment
from tests.unit import manifests
from tests.unit.manifests import ROOT

CONFIG = ROOT / "deploy" / "compose" / "stream-classifier.yaml"
OPENAI = "https://api.openai.com/v1"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")

SERVICES = manifests.compose_services()
OURS = {name: service for name, service in SERVICES.items() if service.get("build")}


def environment(service: str, **outside: str) -> dict[str, str]:
    """What a container of the service finds, where these variables are set outside."""
    written = SERVICES[service].get("environment", {})
    return {
        name: VARIABLE.sub(lambda found: outside.get(found[1], found[2]), str(text))
        for name, text in written.items()
    }


def settings(**outside: str) -> Settings:
    return load(CONFIG, environment("stream-classifier", **outside))


def files() -> list[str]:
    """What is mounted from this repository."""
    mounts = (mount for service in SERVICES.values() for mount in service.get("volumes", []))
    return [mount.partition(":")[0] for mount in mounts if mount.startswith("./")]


def test_the_file_is_as_the_compose_specification_wants_it() -> None:
    assert manifests.compose_faults() == []


def test_without_a_variable_it_is_the_simulated_provider_and_costs_nothing() -> None:
    port = OURS["simulator"]["ports"][0].rpartition(":")[2]
    assert str(settings().llm.base_url).rstrip("/") == f"http://simulator:{port}/v1"


def test_a_key_in_the_shell_alone_spends_nothing() -> None:
    assert settings(OPENAI_API_KEY="sk-1").llm.base_url == settings().llm.base_url
    assert settings(OPENAI_API_KEY="sk-1").llm.api_key is None


def test_one_variable_makes_it_a_real_provider() -> None:
    real = settings(LLM_BASE_URL=OPENAI, OPENAI_API_KEY="sk-1").llm
    assert str(real.base_url).rstrip("/") == OPENAI
    assert real.api_key is not None
    assert real.api_key.get_secret_value() == "sk-1"


@pytest.mark.parametrize("service", OURS)
def test_every_variable_of_ours_is_a_setting(service: str) -> None:
    filled = {name: text or "1" for name, text in environment(service).items()}
    assert from_environment(filled).faults == ()


@pytest.mark.parametrize("service", [name for name, each in OURS.items() if "entrypoint" not in each])
def test_every_command_is_one_that_we_have(service: str) -> None:
    default: list[str] = yaml.safe_load(manifests.dockerfile()["CMD"])
    assert manifests.wrong_command(OURS[service].get("command", default)) is None


def test_what_feeds_the_load_calls_a_command_that_we_have() -> None:
    source = (ROOT / "deploy" / "compose" / "load.py").read_text()
    assert '"stream-classifier", "load", "-", "--rate", per_s, "--burst", "5"' in source
    arguments = ["load", "-", "--rate", "10", "--burst", "5", *OURS["load"]["command"]]
    assert manifests.wrong_command(arguments) is None


@pytest.mark.parametrize("file", sorted(set(files())))
def test_what_is_mounted_is_there(file: str) -> None:
    assert (ROOT / file).exists()


def test_the_configuration_is_mounted_where_the_image_reads_it() -> None:
    read = yaml.safe_load(manifests.dockerfile()["CMD"])[-1]
    for name in ("stream-classifier", "topics", "load"):
        targets = [mount.split(":")[1] for mount in SERVICES[name]["volumes"]]
        assert read in targets


@pytest.mark.parametrize("service", set(SERVICES) - set(OURS))
def test_images_of_others_are_pinned_by_their_digest(service: str) -> None:
    assert "@sha256:" in SERVICES[service]["image"]


@pytest.mark.parametrize("service", SERVICES)
def test_who_is_waited_for_says_when_it_is_ready(service: str) -> None:
    for other, how in SERVICES[service].get("depends_on", {}).items():
        check: dict[str, Any] = SERVICES[other].get("healthcheck", {})
        if how["condition"] == "service_healthy":
            assert check.get("test") or (other in OURS and not check.get("disable"))
        else:
            assert how["condition"] == "service_completed_successfully"
            assert "restart" not in SERVICES[other]


def test_the_replicas_are_stopped_only_after_they_have_given_up_by_themselves() -> None:
    grace_s = int(OURS["stream-classifier"]["stop_grace_period"].removesuffix("s"))
    assert settings().shutdown_s < grace_s


def test_there_are_two_replicas_with_a_port_each_and_one_cache() -> None:
    service = OURS["stream-classifier"]
    assert service["deploy"]["replicas"] == 2
    first, last = service["ports"][0].split(":")[1].split("-")
    assert int(last) - int(first) + 1 == 2
    assert settings().cache.backend == "redis"
    assert "redis" in SERVICES
    url = settings().cache.url
    assert url is not None
    assert url.get_secret_value().startswith("redis://redis:")


def test_kafka_is_where_the_service_looks_for_it() -> None:
    listeners = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{settings().kafka.bootstrap_servers}" in listeners.split(",")


def test_every_port_is_bound_to_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_our_containers_cannot_write_to_their_root_file_system() -> None:
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in OURS.values())


def test_prometheus_asks_the_replicas_by_their_service_s_name() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    [found] = [lookup for job in config["scrape_configs"] for lookup in job.get("dns_sd_configs", [])]
    assert found["names"] == ["stream-classifier"]
    assert "stream-classifier" in OURS
    assert found["port"] == settings().http.port


def test_what_is_not_needed_is_not_in_the_image_s_context() -> None:
    ignored = Path(ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert sent == {name for names in copied for name in names.split()}
