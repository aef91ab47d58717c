"""Settings from the files of a mounted secret, named as `llm__api_key`.

Kubernetes mounts a secret as links into a directory that begins with `..`, and swaps that directory when
the secret changes. So names that begin with a dot are passed over, and a file is read anew each time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from stream_classifier.core.faults import Fault
from stream_classifier.settings.environment import SECRETS_DIR, Named, named
from stream_classifier.settings.kafka import Kafka
from stream_classifier.settings.root import Settings

API_KEY_FILE = "llm__api_key"
REGISTRY_FILE = "kafka__schema_registry_url"
LOGIN_FILES = {"sasl_username": "kafka__sasl_username", "sasl_password": "kafka__sasl_password"}


def from_secrets(environ: Mapping[str, str]) -> Named:
    """The settings among the files of the secrets directory; nothing where none is named."""
    folder = environ.get(SECRETS_DIR, "").strip()
    if not folder:
        return named({})
    try:
        files = sorted(file for file in Path(folder).iterdir() if not file.name.startswith("."))
    except OSError as error:
        sentence = f"cannot be listed ({error.strerror}); it must name a directory of files"
        return Named({}, {}, (Fault(SECRETS_DIR, sentence),))
    return _read_all(files)


def api_key_now(settings: Settings, environ: Mapping[str, str]) -> SecretStr | None:
    """`llm.api_key` as it is now: a mounted secret may have been renewed since the start.

    Where no such file can be read at this moment, the key from the start.
    """
    text = _read_now(API_KEY_FILE, environ)
    return SecretStr(text) if text else settings.llm.api_key


def kafka_now(settings: Settings, environ: Mapping[str, str]) -> Kafka:
    """`kafka` with the login as it is now, in the same way."""
    read = {name: _read_now(file, environ) for name, file in LOGIN_FILES.items()}
    login: dict[str, Any] = {name: text for name, text in read.items() if text}
    if "sasl_password" in login:
        login["sasl_password"] = SecretStr(login["sasl_password"])
    return settings.kafka.model_copy(update=login)


def registry_url_now(settings: Settings, environ: Mapping[str, str]) -> SecretStr | None:
    """`kafka.schema_registry_url` as it is now, in the same way."""
    text = _read_now(REGISTRY_FILE, environ)
    return SecretStr(text.strip()) if text else settings.kafka.schema_registry_url


def _read_now(file: str, environ: Mapping[str, str]) -> str:
    folder = environ.get(SECRETS_DIR, "").strip()
    text = _read(Path(folder) / file) if folder else ""
    return text if isinstance(text, str) else ""


def _read_all(files: list[Path]) -> Named:
    read = {file: _read(file) for file in files}
    texts = {_origin(file): (file.name.lower(), text) for file, text in read.items() if isinstance(text, str)}
    faults = tuple(fault for fault in read.values() if isinstance(fault, Fault))
    found = named(texts)
    return Named(found.texts, found.origins, found.faults + faults)


def _read(file: Path) -> str | Fault:
    """A file's text without its last line end, or what is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        return Fault(_origin(file), f"cannot be read ({error.strerror}); it must be a file that we may read")
    except UnicodeDecodeError:
        return Fault(_origin(file), "is not UTF-8; put text there")
    return (
        text if text.strip() else Fault(_origin(file), "is empty; put the secret there, or take the file out")
    )


def _origin(file: Path) -> str:
    return f"{SECRETS_DIR}/{file.name}"
