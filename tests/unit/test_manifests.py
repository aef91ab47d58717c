"""k8s/ as it is written: every resource by its schema, and every name, number and path against our own."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from k8s.generate import RESOURCE, RULES, resource
from stream_classifier.observe.health import Health
from stream_classifier.observe.http import build_app
from stream_classifier.settings.environment import SECRETS_DIR, from_environment, named
from tests import promql
from tests.unit import manifests
from tests.unit.manifests import CONFIG_FILES, IMAGE, Stood, pod_of, pods, resources, service_pod

ALL = pytest.mark.parametrize("stood", resources(), ids=str)
EVERY_POD = pytest.mark.parametrize("stood", pods(), ids=str)
EVERY_CONFIG = pytest.mark.parametrize("config", CONFIG_FILES, ids=lambda path: path.parent.name)


def container() -> Any:
    [only] = service_pod()["containers"]
    return only


def mounted_at(volume: str) -> str:
    [path] = [mount["mountPath"] for mount in container()["volumeMounts"] if mount["name"] == volume]
    return str(path)


@ALL
def test_every_resource_is_as_its_schema_wants_it(stood: Stood) -> None:
    assert manifests.faults(stood.resource) == []


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    broken = manifests.deployment()
    broken["spec"]["template"]["spec"]["terminationGracePeriod"] = 30
    assert manifests.faults(broken)


@pytest.mark.parametrize("kind", ["ScaledObject", "ServiceMonitor", "ExternalSecret"])
def test_a_field_that_a_custom_resource_does_not_know_is_found(kind: str) -> None:
    broken = manifests.one(kind)
    broken["spec"]["intervall"] = 30
    assert manifests.faults(broken)


# --------------------------------------------------------------------------------------- settings


@EVERY_CONFIG
def test_every_configuration_is_taken_by_the_loader(config: Path, tmp_path: Path) -> None:
    assert manifests.loaded(config, tmp_path).taxonomy.questions


@EVERY_CONFIG
def test_a_pod_is_killed_only_after_the_service_has_given_up_by_itself(config: Path, tmp_path: Path) -> None:
    grace_s = service_pod()["terminationGracePeriodSeconds"]
    assert manifests.loaded(config, tmp_path).shutdown_s < grace_s


@EVERY_CONFIG
def test_the_service_listens_where_the_pod_says(config: Path, tmp_path: Path) -> None:
    http = manifests.loaded(config, tmp_path).http
    assert {"name": "http", "containerPort": http.port} in container()["ports"]
    assert http.host == "0.0.0.0"


@EVERY_CONFIG
def test_kafka_is_within_what_the_network_policy_allows(config: Path, tmp_path: Path) -> None:
    settings = manifests.loaded(config, tmp_path)
    egress = [rule for rule in policy()["spec"]["egress"] if "to" not in rule]
    allowed = {port["port"] for rule in egress for port in rule["ports"]}
    servers = settings.kafka.bootstrap_servers
    ports = {int(str(server).rpartition(":")[2]) for server in str(servers).split(",")}
    assert ports <= allowed


@EVERY_POD
def test_every_variable_of_ours_is_a_setting(stood: Stood) -> None:
    environ = {
        entry["name"]: entry["value"]
        for entries in manifests.fields(pod_of(stood), "env")
        for entry in entries
    }
    assert from_environment(environ).faults == ()


def test_the_secrets_that_are_fetched_are_settings() -> None:
    names = manifests.secret_names()
    assert named({name: (name, "value") for name in names}).faults == ()


def test_the_secret_that_is_fetched_is_the_one_that_is_mounted() -> None:
    [secret] = [volume["secret"] for volume in service_pod()["volumes"] if "secret" in volume]
    assert manifests.one("ExternalSecret")["spec"]["target"]["name"] == secret["secretName"]


def test_secrets_are_mounted_where_the_service_looks_for_them() -> None:
    assert {"name": SECRETS_DIR, "value": mounted_at("secrets")} in container()["env"]


@EVERY_POD
def test_every_command_of_the_image_is_one_that_we_have(stood: Stood) -> None:
    ours = [each for each in pod_of(stood)["containers"] if each["image"] == IMAGE]
    assert [manifests.wrong_command(each["args"]) for each in ours] == [None] * len(ours)


# -------------------------------------------------------------------------------------- the image


def test_the_pod_mounts_what_the_image_reads_and_writes() -> None:
    image = manifests.dockerfile()
    assert mounted_at("cache") == image["VOLUME"] == image["WORKDIR"]
    assert container()["args"] == yaml.safe_load(image["CMD"])
    assert Path(container()["args"][-1]).parent == Path(mounted_at("config"))


def test_the_pod_runs_as_the_user_of_the_image() -> None:
    context = service_pod()["securityContext"]
    ids = f"{context['runAsUser']}:{context['runAsGroup']}"
    assert ids == manifests.dockerfile()["USER"]
    assert context["fsGroup"] == context["runAsGroup"]


@EVERY_POD
def test_images_of_others_are_pinned_by_their_digest(stood: Stood) -> None:
    images = {each["image"] for each in pod_of(stood)["containers"]} - {IMAGE}
    assert all("@sha256:" in image for image in images)


# ------------------------------------------------------------------------------------ what is safe


@EVERY_POD
def test_every_pod_keeps_to_the_restricted_standard(stood: Stood) -> None:
    pod = pod_of(stood)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in pod["containers"]:
        assert each["securityContext"]["allowPrivilegeEscalation"] is False
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all(
        volume.keys() & {"configMap", "secret", "emptyDir", "projected"} for volume in pod.get("volumes", [])
    )


@EVERY_POD
def test_our_containers_cannot_write_to_their_root_file_system(stood: Stood) -> None:
    ours = [each for each in pod_of(stood)["containers"] if each["image"] == IMAGE]
    assert all(each["securityContext"]["readOnlyRootFilesystem"] is True for each in ours)


@EVERY_POD
def test_no_pod_gets_a_token_or_the_addresses_of_services(stood: Stood) -> None:
    assert pod_of(stood)["automountServiceAccountToken"] is False
    assert pod_of(stood)["enableServiceLinks"] is False


@EVERY_POD
def test_every_container_says_what_it_needs_and_no_cpu_limit_stops_it(stood: Stood) -> None:
    for each in pod_of(stood)["containers"]:
        assert each["resources"]["requests"].keys() == {"cpu", "memory"}
        assert each["resources"]["limits"].keys() == {"memory"}


# --------------------------------------------------------------------------------- what fits together


def policy() -> Any:
    [found] = [
        stood.resource
        for stood in resources(manifests.K8S / "base")
        if stood.resource["kind"] == "NetworkPolicy"
    ]
    return found


def test_probes_ask_what_the_service_answers() -> None:
    app = build_app(Health((), ()), CollectorRegistry(), cast(Any, None))
    paths = {route.path for route in app.routes if isinstance(route, Route)}
    probes = {name: container()[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["path"] for probe in probes.values()} <= paths
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert probes["readiness"]["path"] != probes["liveness"]["path"]


def test_what_selects_the_pods_selects_them() -> None:
    labels = {
        "app.kubernetes.io/name": "stream-classifier",
        **manifests.deployment()["spec"]["template"]["metadata"]["labels"],
    }
    base = {
        stood.resource["kind"]: stood.resource["spec"]
        for stood in resources(manifests.K8S / "base")
        if "spec" in stood.resource
    }
    selectors = [
        base["Deployment"]["selector"]["matchLabels"],
        base["Service"]["selector"],
        base["PodDisruptionBudget"]["selector"]["matchLabels"],
        base["NetworkPolicy"]["podSelector"]["matchLabels"],
        *(rule["labelSelector"]["matchLabels"] for rule in service_pod()["topologySpreadConstraints"]),
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)


def test_the_scraper_asks_a_port_that_the_service_has() -> None:
    [endpoint] = manifests.one("ServiceMonitor")["spec"]["endpoints"]
    [service] = [s.resource for s in resources(manifests.K8S / "base") if s.resource["kind"] == "Service"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["path"] == "/metrics"


def test_the_alerts_are_those_that_promtool_tests() -> None:
    assert RESOURCE.read_text() == resource(RULES.read_text()), "run `python k8s/generate.py`"
    assert manifests.one("PrometheusRule")["spec"] == yaml.safe_load(RULES.read_text())


# --------------------------------------------------------------------------------------- scaling


def scaler() -> Any:
    return manifests.one("ScaledObject")["spec"]


def test_replicas_are_counted_by_work_and_never_by_lag() -> None:
    [trigger] = scaler()["triggers"]
    assert promql.faults(trigger["metadata"]["query"], promql.existing()) == []
    assert "stream_classifier_work_left_seconds" in trigger["metadata"]["query"]
    assert trigger["metricType"] == "AverageValue"


def test_no_answer_of_prometheus_is_not_zero_work() -> None:
    [trigger] = scaler()["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert scaler()["fallback"]["behavior"].startswith("currentReplicas")


def test_there_are_never_more_replicas_than_partitions() -> None:
    [job] = [stood for stood in pods() if stood.resource["kind"] == "Job"]
    [arguments] = [each["args"] for each in pod_of(job)["containers"]]
    [partitions] = [int(a.removeprefix("--partitions=")) for a in arguments if a.startswith("--partitions=")]
    assert 2 <= scaler()["minReplicaCount"] <= scaler()["maxReplicaCount"] <= partitions


def test_scaling_down_is_slower_than_a_pause_for_breath() -> None:
    behavior = scaler()["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    down, up = behavior["scaleDown"], behavior["scaleUp"]
    assert down["stabilizationWindowSeconds"] > up["stabilizationWindowSeconds"]
    assert [policy["value"] for policy in down["policies"]] == [1]
