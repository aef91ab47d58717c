"""What kustomize makes of k8s/: the overlays as they would be applied."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.unit import manifests
from tests.unit.manifests import K8S, Resource

Built = Callable[[str], list[Resource]]
OVERLAYS = pytest.mark.parametrize("overlay", ["dev", "production"])


@pytest.fixture(scope="module")
def built(kustomize: list[str]) -> Built:
    made: dict[str, list[Resource]] = {}

    def build(overlay: str) -> list[Resource]:
        if overlay not in made:
            command = [*kustomize, str(K8S / "overlays" / overlay)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert not done.stderr, done.stderr  # deprecations, too
            made[overlay] = list(yaml.safe_load_all(done.stdout))
        return made[overlay]

    return build


def named(resources: list[Resource], kind: str, name: str = "stream-classifier") -> Any:
    [found] = [r for r in resources if r["kind"] == kind and r["metadata"]["name"].startswith(name)]
    return found


def pod(resources: list[Resource]) -> Any:
    return named(resources, "Deployment")["spec"]["template"]["spec"]


@OVERLAYS
def test_what_is_applied_is_as_its_schema_wants_it(built: Built, overlay: str) -> None:
    assert [manifests.faults(resource) for resource in built(overlay)] == [[]] * len(built(overlay))


@OVERLAYS
def test_everything_is_in_the_overlay_s_own_namespace(built: Built, overlay: str) -> None:
    [namespace] = [r["metadata"]["name"] for r in built(overlay) if r["kind"] == "Namespace"]
    others = [r for r in built(overlay) if r["kind"] != "Namespace"]
    assert {resource["metadata"]["namespace"] for resource in others} == {namespace}


@OVERLAYS
def test_namespaces_enforce_the_restricted_standard(built: Built, overlay: str) -> None:
    [namespace] = [r for r in built(overlay) if r["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@OVERLAYS
def test_the_pods_mount_the_configuration_by_a_name_that_changes_with_it(built: Built, overlay: str) -> None:
    config = named(built(overlay), "ConfigMap")["metadata"]["name"]
    assert config != "stream-classifier"
    assert {"name": "config", "configMap": {"name": config}} in [
        {key: value for key, value in volume.items() if key in {"name", "configMap"}}
        for volume in pod(built(overlay))["volumes"]
    ]


@OVERLAYS
def test_the_service_s_image_has_a_version(built: Built, overlay: str) -> None:
    [container] = pod(built(overlay))["containers"]
    assert container["image"].rpartition("/")[2].partition(":")[2] not in {"", "latest"}


def test_production_has_its_own_configuration(built: Built) -> None:
    applied = named(built("production"), "ConfigMap")["data"]["stream-classifier.yaml"]
    assert applied == (K8S / "overlays" / "production" / "stream-classifier.yaml").read_text()


def test_production_leaves_the_number_of_replicas_to_the_scaler(built: Built) -> None:
    assert "replicas" not in named(built("production"), "Deployment")["spec"]
    target = named(built("production"), "ScaledObject")["spec"]["scaleTargetRef"]["name"]
    assert target == named(built("production"), "Deployment")["metadata"]["name"]


def test_production_does_not_start_without_its_secrets(built: Built) -> None:
    [secret] = [volume["secret"] for volume in pod(built("production"))["volumes"] if "secret" in volume]
    assert secret["optional"] is False


def test_the_scaler_asks_for_the_replicas_of_its_namespace(built: Built) -> None:
    [trigger] = named(built("production"), "ScaledObject")["spec"]["triggers"]
    namespace = named(built("production"), "Deployment")["metadata"]["namespace"]
    assert f'namespace="{namespace}"' in trigger["metadata"]["query"]


@OVERLAYS
def test_the_service_monitor_finds_the_service_by_its_labels(built: Built, overlay: str) -> None:
    wanted = manifests.one("ServiceMonitor")["spec"]
    labels = named(built(overlay), "Service")["metadata"]["labels"]
    assert wanted["selector"]["matchLabels"].items() <= labels.items()
    assert labels[wanted["jobLabel"]] == "stream-classifier"


def test_the_dev_overlay_needs_nothing_from_outside(built: Built) -> None:
    config = yaml.safe_load(named(built("dev"), "ConfigMap")["data"]["stream-classifier.yaml"])
    services = {
        f"{r['metadata']['name']}:{port['port']}"
        for r in built("dev")
        if r["kind"] == "Service"
        for port in r["spec"]["ports"]
    }
    assert config["kafka"]["bootstrap_servers"] in services
    assert config["llm"]["base_url"].removeprefix("http://").removesuffix("/v1") in services
