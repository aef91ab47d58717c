"""Whether the schema registry answers, where one is named."""

from collections.abc import Iterable, Iterator, Mapping

from stream_classifier.lab.doctor.checks import Check, Line, fault, ok
from stream_classifier.registry.client import Unavailable
from stream_classifier.service.schemas import open_registry
from stream_classifier.settings import Settings

REGISTRY = "schema registry"
ANY_SCHEMA = 1  # the first that a registry gives out; whether it is there is no matter


class RegistryCheck:
    """The registry of the settings."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings, self._environ = settings, environ

    def checks(self) -> Iterator[Check]:
        """The one check; none where no registry is named."""
        if self._settings.kafka.schema_registry_url is not None:
            yield Check(name=REGISTRY, run=self._run)

    async def _run(self) -> Iterable[Line]:
        url = self._settings.kafka.schema_registry_url
        assert url is not None, "the check is made only with one"
        try:
            async with open_registry(self._settings, url, self._environ) as registry:
                await registry.schema(ANY_SCHEMA)
        except Unavailable as unavailable:
            return [fault(REGISTRY, unavailable.sentence)]
        return [ok(REGISTRY, "It answers, and takes this login.")]
