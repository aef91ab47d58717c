"""What the configured cache holds of a few keys, read by somebody who is not the service.

Rules
-----
* Nothing is changed: no file is made, put aside, laid out or cleared, and no lock is held.
* What keeps it from being read is said in a sentence, never raised: the rest of what was asked for stands.
* An entry counts as the service would count it: not beyond `cache.ttl_s`, and not of another version.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from stream_classifier.cache import schema
from stream_classifier.cache.backend import CacheFault
from stream_classifier.core.known import Known, decode, usable_until
from stream_classifier.settings.cache import Cache as CacheSettings

MEMORY = "cache.backend is memory: what a running service knows cannot be seen from outside it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """The entries that are there and serve, and why there are perhaps more than could be seen."""

    known: dict[bytes, Known] = field(default_factory=dict)
    obstacle: str | None = None


async def inspect(settings: CacheSettings, keys: Sequence[bytes], now: float) -> Inspected:
    """Look these keys up; `now` is unix seconds."""
    if settings.backend == "memory":
        return Inspected(obstacle=MEMORY)
    try:
        if settings.backend == "redis":
            found = await _in_redis(settings, keys)
        else:
            found = await asyncio.to_thread(_in_file, settings.path, keys)
    except CacheFault as fault:
        return Inspected(obstacle=str(fault))
    return Inspected(known=_serving(found, settings.ttl_s, now))


async def _in_redis(settings: CacheSettings, keys: Sequence[bytes]) -> dict[bytes, Known]:
    from stream_classifier.cache.redis import RedisCache  # its client is installed only where wanted

    assert settings.url is not None, "the settings are refused without it"
    redis = RedisCache(settings.url, key_prefix=settings.key_prefix)
    try:
        return await redis.get_many(keys)
    except CacheFault as fault:
        raise CacheFault(f"The cache in Redis cannot be read: {fault}.") from fault
    finally:
        await redis.close()


def _in_file(path: Path, keys: Sequence[bytes]) -> dict[bytes, Known]:
    try:
        if not path.exists():
            raise CacheFault(f"There is no cache file at {path} yet, so nothing is known.")
        with closing(_opened(path)) as connection:
            owner = schema.owner_of(connection)
            if owner is schema.Owner.OTHER:
                raise CacheFault(_of_another(path))
            return _read(connection, keys) if owner is schema.Owner.OURS else {}
    except (sqlite3.Error, OSError) as error:
        raise CacheFault(f"The cache file {path} cannot be read: {error}.") from error


def _opened(path: Path) -> sqlite3.Connection:
    """For reading only. Without a write-ahead log nobody has it open: then it is read as it lies there, since
    SQLite would leave an empty log beside it."""
    lies_still = not Path(f"{path}-wal").exists()
    options = "mode=ro&immutable=1" if lies_still else "mode=ro"
    connection = sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True, isolation_level=None)
    connection.execute(f"PRAGMA busy_timeout = {schema.BUSY_TIMEOUT_MS}")
    return connection


def _read(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Known]:
    rows = {key: connection.execute(schema.READ, (key,)).fetchone() for key in keys}
    return {key: known for key, row in rows.items() if row and (known := decode(row[0])) is not None}


def _serving(found: dict[bytes, Known], ttl_s: float, now: float) -> dict[bytes, Known]:
    for known in found.values():
        known.expires_at = usable_until(known, ttl_s, now)
    return {key: known for key, known in found.items() if known.expires_at > now}


def _of_another(path: Path) -> str:
    return (
        f"The file {path} is not a cache of this version; `run` would put it aside under another name and"
        " begin a new one."
    )
