"""What makes two texts the same for the cache, from the settings: how they are prepared, and their keys."""

from collections.abc import Callable, Mapping

from stream_classifier.core.answer import Lane
from stream_classifier.core.cache_key import KeyMaker
from stream_classifier.core.triage import Triage
from stream_classifier.pipeline.preparing import Preparer
from stream_classifier.settings import Settings


def new_preparer(
    settings: Settings,
    prompt_digest: str,
    models: Mapping[Lane, str],
    *,
    triage: Triage,
    estimate: Callable[[str], int],
) -> Preparer:
    """Prepares tickets' texts. `models` are the lanes' first ones; `estimate` gives a text's tokens."""
    fallbacks = settings.llm.fallback_models
    makers = {model: key_maker(settings, prompt_digest, model) for model in (*models.values(), *fallbacks)}
    return Preparer(
        triage=triage,
        bulk_keys=makers[models[Lane.BULK]],
        urgent_keys=makers[models[Lane.URGENT]],
        fallback_keys=[makers[model] for model in fallbacks],
        estimate=estimate,
        max_chars=settings.ticket.max_chars,
        left_out=settings.ticket.strip,
        isolate_tenants=settings.batch.isolate_tenants,
        redact=settings.ticket.redact,
    )


def key_maker(settings: Settings, prompt_digest: str, model: str) -> KeyMaker:
    """Makes the cache keys of this model's answers."""
    return KeyMaker(
        prompt_digest,
        model,
        settings.llm.params,
        settings.ticket.redact,
        settings.batch.isolate_tenants,
    )
