"""Makes the schemas beside it, which the manifests and docker-compose.yml are held to without a network.

Needs the network, Go and pip, and nobody but the person who takes newer versions runs it:
`.venv/bin/python tests/unit/data/schemas/make.py`. The schemas are other projects' data, all under the
Apache License 2.0, with their descriptions left out: Kubernetes (by way of the package kubernetes-validate),
KEDA, the Prometheus operator, External Secrets, and the Compose specification. A custom resource's schema is
made strict here as Kubernetes' own are: a field that it does not name is a fault, where a cluster would drop
it in silence.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
KUBERNETES_VALIDATE = "1.37.0"
KUBERNETES = "v1.34.0"
KINDS = {
    "v1": ("Namespace", "Service", "ServiceAccount", "ConfigMap"),
    "apps/v1": ("Deployment",),
    "batch/v1": ("Job",),
    "policy/v1": ("PodDisruptionBudget",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
}
CUSTOM = {
    "github.com/kedacore/keda/v2@v2.21.0": ("config/crd/bases/keda.sh_scaledobjects.yaml",),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "github.com/external-secrets/external-secrets@v1.3.2": (
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
}
COMPOSE = ("github.com/compose-spec/compose-go/v2@v2.16.2", "schema/compose-spec.json")
LEFT_OUT = {"description", "examples", "x-kubernetes-group-version-kind"}


def bare(schema: Any, *, names: bool = False) -> Any:
    """The schema without what is for people. `names`: these are properties' names, all of which stay."""
    if isinstance(schema, list):
        return [bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = schema if names else {key: value for key, value in schema.items() if key not in LEFT_OUT}
    holds_names = ("properties", "definitions", "$defs", "patternProperties")
    return {key: bare(value, names=not names and key in holds_names) for key, value in kept.items()}


def strict(schema: Any) -> Any:
    """An OpenAPI schema of a custom resource as JSON Schema that allows nothing unnamed."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {key: strict(value) for key, value in schema.items() if not key.startswith("x-")}
    free = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not free:
        made.setdefault("additionalProperties", False)
    return made


def module(name: str) -> Path:
    """The directory of a Go module."""
    told = subprocess.run(["go", "mod", "download", "-json", name], check=True, capture_output=True)
    return Path(json.loads(told.stdout)["Dir"])


def custom_resources() -> dict[str, Any]:
    """The schemas of the custom resources, by `group/version/Kind`."""
    found: dict[str, Any] = {}
    for name, paths in CUSTOM.items():
        for path in paths:
            crd = yaml.safe_load((module(name) / path).read_text())["spec"]
            for version in crd["versions"]:
                schema = strict(bare(version["schema"]["openAPIV3Schema"]))
                schema["properties"]["metadata"] = {"type": "object"}
                found[f"{crd['group']}/{version['name']}/{crd['names']['kind']}"] = schema
    return found


def kubernetes() -> dict[str, Any]:
    """The strict schemas of the kinds that we use, with the definitions that they need."""
    with tempfile.TemporaryDirectory() as name:
        package = f"kubernetes-validate=={KUBERNETES_VALIDATE}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", name, package]
        subprocess.run(pip, check=True)
        [wheel] = Path(name).glob("*.whl")
        inside = f"kubernetes_validate/kubernetes-json-schema/{KUBERNETES}-local-strict/_definitions.json"
        definitions = json.loads(zipfile.ZipFile(wheel).read(inside))["$defs"]
    kinds = {
        f"{version}/{kind}": _named(definitions, version, kind)
        for version in KINDS
        for kind in KINDS[version]
    }
    needed: dict[str, Any] = {}
    waiting = list(kinds.values())
    while waiting:
        if (name := waiting.pop()) not in needed:
            needed[name] = bare(definitions[name])
            waiting += _references(needed[name])
    return {
        "definitions": needed,
        "kinds": {kind: {"$ref": f"#/definitions/{name}"} for kind, name in kinds.items()},
    }


def _named(definitions: dict[str, Any], version: str, kind: str) -> str:
    group, _, number = version.rpartition("/")
    wanted = {"group": group, "version": number, "kind": kind}
    return next(n for n, d in definitions.items() if wanted in d.get("x-kubernetes-group-version-kind", ()))


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            schema["$ref"] = f"#/definitions/{reference.rpartition('/')[2]}"
            yield reference.rpartition("/")[2]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


def write(name: str, schema: Any) -> None:
    """In one line: nobody reads it."""
    (HERE / name).write_text(json.dumps(schema, sort_keys=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    write("kubernetes.json", kubernetes())
    write("custom-resources.json", custom_resources())
    write("compose-spec.json", bare(json.loads((module(COMPOSE[0]) / COMPOSE[1]).read_text())))
