"""The root of all settings, and how they are shown."""

import hashlib
import json
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field, InstanceOf, field_serializer
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from stream_classifier.core.taxonomy import Taxonomy
from stream_classifier.settings.cache import Cache
from stream_classifier.settings.kafka import Kafka
from stream_classifier.settings.kinds import Says, Seconds
from stream_classifier.settings.lanes import Batch, Triage, Urgent
from stream_classifier.settings.llm import Llm
from stream_classifier.settings.service import Health, Http, Log
from stream_classifier.settings.ticket import Ticket

LAST_CALLS_S = 5  # contract: on SIGTERM, calls under way are waited for until this long before the end
DIGEST_CHARS = 12


class Settings(BaseSettings):
    """Every setting. Made by `load`; made by hand, it takes arguments only and never looks around."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
        env_prefix="",
        env_nested_delimiter="__",
    )

    kafka: Kafka = Kafka()
    ticket: Ticket = Ticket()
    triage: Triage = Triage()
    urgent: Urgent = Urgent()
    batch: Batch = Batch()
    llm: Llm = Llm()
    cache: Cache = Cache()
    taxonomy: Annotated[InstanceOf[Taxonomy], Says("labels, inline or as a YAML file's path")]
    """What may be answered: inline, or the path of a YAML file."""
    http: Http = Http()
    health: Health = Health()
    log: Log = Log()
    shutdown_s: Seconds = Field(default=25, gt=LAST_CALLS_S, le=3600)
    """From SIGTERM to the end; keep it below the grace period (Kubernetes': 30 s)."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The arguments alone: `load` is handed the environment, and no other way leads to it."""
        return (init_settings,)

    @field_serializer("taxonomy")
    def _as_written(self, taxonomy: Taxonomy) -> dict[str, Any]:
        return asdict(taxonomy, dict_factory=_without_empty)

    def in_force(self) -> dict[str, Any]:
        """All settings as plain data (what JSON and YAML can hold), secrets masked."""
        return self.model_dump(mode="json")

    @property
    def digest(self) -> str:
        """Names the settings in logs: the same settings, the same digest. Secrets have no part in it."""
        canonical = json.dumps(self.in_force(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_CHARS]


def _without_empty(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """As a person writes it: what is empty may be left out."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in items if value}
