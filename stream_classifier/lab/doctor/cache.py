"""Reading and writing where answers are kept.

What is written is an entry under a key that no text has, and that ends within a minute. A file that is not
there is not made: it would belong to whoever runs the doctor, who need not be whoever runs the service.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from secrets import token_bytes

from stream_classifier.cache.backend import Backend, CacheFault, SharedBackend
from stream_classifier.cache.inspection import inspect
from stream_classifier.core.known import Known
from stream_classifier.lab.doctor.checks import Check, Line, fault, not_checked, note, ok
from stream_classifier.service.sharing import new_backend
from stream_classifier.settings import Settings
from stream_classifier.settings.cache import Cache as CacheSettings

CACHE = "cache"
KEPT_S = 60.0
KEY_BYTES = 32
LOOKS = 3  # the quickest is told: the first may meet a file that is not in memory
HOLDER = "doctor"


class CacheCheck:
    """The backend of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.cache
        self._labels = tuple(question.labels[0].name for question in settings.taxonomy.questions)

    def checks(self) -> Iterator[Check]:
        """The one check."""
        yield Check(name=CACHE, run=self._run)

    async def _run(self) -> Iterable[Line]:
        settings = self._settings
        if settings.backend == "memory":
            return [not_checked(CACHE, "cache.backend is memory: there is nothing to reach.")]
        if settings.backend == "redis" and find_spec("redis") is None:
            return [fault(CACHE, "It needs the package redis: run `pip install 'stream-classifier[redis]'`.")]
        if settings.backend == "sqlite" and not settings.path.exists():
            return [_place_for(settings.path)]
        obstacle = (await inspect(settings, [token_bytes(KEY_BYTES)], time.time())).obstacle
        if obstacle is not None:
            return [fault(CACHE, f"{obstacle} {_remedy(settings)}")]
        backend = new_backend(settings)
        assert backend is not None, "the memory alone has none"
        try:
            return [await self._written_and_read(backend)]
        except CacheFault as found:
            return [fault(CACHE, f"It cannot be written: {found}. {_remedy(settings)}")]

    async def _written_and_read(self, backend: Backend) -> Line:
        key, now = token_bytes(KEY_BYTES), time.time()
        entry = Known(
            labels=self._labels,
            model=HOLDER,
            prompt_digest=HOLDER,
            taxonomy_digest=HOLDER,
            written_at=now,
            expires_at=now + KEPT_S,
        )
        async with AsyncExitStack() as life:
            life.push_async_callback(backend.close)
            await backend.open()
            await backend.put_many({key: entry})
            if await backend.get_many([key]) != {key: entry}:
                return fault(CACHE, f"What was written does not come back. {_remedy(self._settings)}")
            look_s = await _quickest_look(backend, key)
            if isinstance(backend, SharedBackend):
                await _lease(backend)
        return self._told(look_s)

    def _told(self, look_s: float) -> Line:
        limit_s, name = self._settings.timeout_s, self._settings.backend
        if look_s > limit_s:
            return note(
                CACHE,
                f"{name} is read and written, but a look-up took {look_s * 1000:.0f} ms; after "
                f"{limit_s * 1000:.0f} a text counts as unknown: bring it nearer, or raise cache.timeout_s.",
            )
        return ok(CACHE, f"{name} is read and written; a look-up took {look_s * 1000:.1f} ms.")


async def _quickest_look(backend: Backend, key: bytes) -> float:
    took_s = []
    for _ in range(LOOKS):
        began = time.monotonic()
        await backend.get_many([key])
        took_s.append(time.monotonic() - began)
    return min(took_s)


async def _lease(backend: SharedBackend) -> None:
    """What replicas do to see what the others are asking: it takes other rights than reading and writing."""
    key = token_bytes(KEY_BYTES)
    await backend.claim(HOLDER, [key])
    await backend.give_back(HOLDER, {key: False})


def _place_for(path: Path) -> Line:
    """Whether the service could make its file there."""
    folder = path.resolve().parent
    if not folder.is_dir():
        return fault(CACHE, f"cache.path names a file in {folder}, which is no directory: make it.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return fault(CACHE, f"cache.path names a file in {folder}, which this user may not write: allow it.")
    return ok(CACHE, f"There is no file {path.name} yet; {folder} can be written, and `run` makes it there.")


def _remedy(settings: CacheSettings) -> str:
    if settings.backend == "redis":
        return "See that Redis runs at the address in cache.url and takes this login."
    return "Name a file in cache.path that this user may read and write, or set cache.backend to memory."
