"""The way to the schema registry, where the settings name one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec

from pydantic import SecretStr

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.tally import Tally
from stream_classifier.registry.client import RegistryClient
from stream_classifier.registry.schemas import Schemas
from stream_classifier.settings import Settings, registry_url_now


@asynccontextmanager
async def open_schemas(
    settings: Settings, environ: Mapping[str, str], tally: Tally
) -> AsyncIterator[Schemas | None]:
    """What reads values by their schemas, to be run beside the rest; None where no registry is named.

    Raises `OperatorFault`.
    """
    if settings.kafka.schema_registry_url is None:
        yield None
        return
    async with open_registry(settings, settings.kafka.schema_registry_url, environ) as registry:
        yield Schemas(registry, tally, asyncio.get_running_loop().time)


def open_registry(settings: Settings, url: SecretStr, environ: Mapping[str, str]) -> RegistryClient:
    """The registry that stood at `url` when we started: its password may have been renewed since.

    Raises `OperatorFault`.
    """
    if find_spec("fastavro") is None:
        raise OperatorFault(
            "kafka.schema_registry_url is set, and values by a schema need the package fastavro: run"
            " `pip install 'stream-classifier[registry]'`."
        )
    return RegistryClient(lambda: registry_url_now(settings, environ) or url, settings.kafka.ssl_ca_file)
