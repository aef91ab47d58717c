"""What is deployed, as data: the Dockerfile, docker-compose.yml, and the resources below k8s/."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from stream_classifier.cli import read_command
from stream_classifier.settings import Settings, load

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
SCHEMAS = Path(__file__).parent / "data" / "schemas"
CONFIG_FILES = sorted(K8S.rglob("stream-classifier.yaml"))
IMAGE = "stream-classifier"

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stood:
    """A resource, and the file in which it stands."""

    file: Path
    resource: Resource

    def __str__(self) -> str:
        return f"{self.file.relative_to(K8S)}:{self.resource['kind']}"


def resources(folder: Path = K8S) -> list[Stood]:
    """Every resource that is written down below a folder, as it stands there."""
    files = sorted(set(folder.rglob("*.yaml")) - set(CONFIG_FILES))
    return [
        Stood(file, document)
        for file in files
        if file.name != "kustomization.yaml"
        for document in yaml.safe_load_all(file.read_text())
    ]


def one(name: str) -> Resource:
    """The only resource of a kind."""
    [found] = [stood.resource for stood in resources() if stood.resource["kind"] == name]
    return found


def pods() -> list[Stood]:
    """What makes pods."""
    return [stood for stood in resources() if "template" in (stood.resource.get("spec") or {})]


def pod_of(stood: Stood) -> Resource:
    """The pod's specification."""
    found: Resource = stood.resource["spec"]["template"]["spec"]
    return found


def deployment() -> Resource:
    """The service's."""
    found: Resource = yaml.safe_load((K8S / "base" / "deployment.yaml").read_text())
    return found


def service_pod() -> Resource:
    """The service's pod."""
    found: Resource = deployment()["spec"]["template"]["spec"]
    return found


def compose() -> Resource:
    """docker-compose.yml."""
    found: Resource = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def compose_services() -> dict[str, Resource]:
    """Its services, by name."""
    found: dict[str, Resource] = compose()["services"]
    return found


@cache
def _schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def faults(resource: Resource) -> list[str]:
    """What is wrong with a resource by the schema of its kind: a path and a sentence each."""
    kind = f"{resource['apiVersion']}/{resource['kind']}"
    kubernetes = _schema("kubernetes")
    if kind in kubernetes["kinds"]:
        schema = kubernetes["kinds"][kind] | {"definitions": kubernetes["definitions"]}
    else:
        schema = _schema("custom-resources")[kind]
    return _told(schema, resource)


def compose_faults() -> list[str]:
    """What is wrong with docker-compose.yml by the Compose specification."""
    return _told(_schema("compose-spec"), compose())


def _told(schema: Any, document: Resource) -> list[str]:
    errors = Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def dockerfile() -> Mapping[str, str]:
    """The last of each instruction of the Dockerfile's last stage, by its name."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    stage = text[text.rindex("\nFROM ") :]
    return dict(re.findall(r"^([A-Z]+) +(.*)$", stage, re.MULTILINE))


def wrong_command(arguments: list[str]) -> str | None:
    """Why our command line does not take these arguments; None where it does."""
    name, *rest = arguments
    try:
        read_command(name).make_context(name, rest)
    except Exception as error:  # noqa: BLE001 - whatever it says is the answer
        return f"{arguments}: {error}"
    return None


def fields(document: Any, name: str) -> Iterator[Any]:
    """Every value that stands under this name, at any depth."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == name:
                yield value
            yield from fields(value, name)
    elif isinstance(document, list):
        for item in document:
            yield from fields(item, name)


def secret_names() -> list[str]:
    """The files that the ExternalSecret puts into the secrets directory."""
    return [entry["secretKey"] for entry in one("ExternalSecret")["spec"]["data"]]


def loaded(config: Path, secrets: Path) -> Settings:
    """The settings of a configuration file beside the secrets that the cluster mounts."""
    for name in secret_names():
        value = "redis://redis:6379/0" if name == "cache__url" else "a-secret"
        (secrets / name).write_text(value)
    has_secrets = "production" in config.parts
    return load(config, {"STREAM_CLASSIFIER_SECRETS_DIR": str(secrets)} if has_secrets else {})
