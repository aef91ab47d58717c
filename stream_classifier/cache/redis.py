"""The Redis cache: one store for all replicas, which see through it what the others are asking.

Rules
-----
* One round trip for a poll's look-ups, with the leases of what is not known, and one for a batch's writes.
* Redis lets entries expire by itself. How many there may be is its own `maxmemory`'s concern.
* A wrong login, address or kind of server is for a person to mend and said at the start (`OperatorFault`). A
  Redis that is away, busy or read-only may come back: a `CacheFault`, and the stream goes on.
* Nothing is tried twice here: whoever calls knows better whether it is still of use.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr
from redis import asyncio as client
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.exceptions import RedisError

from stream_classifier.cache import redis_scripts as scripts
from stream_classifier.cache.backend import CacheFault
from stream_classifier.cache.redis_faults import for_a_person, in_short
from stream_classifier.cache.spend import DAYS_KEPT, DayAndLane, Spends
from stream_classifier.core.budget import DAY_S, day_of
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.known import Known, decode, encode
from stream_classifier.core.leases import LEASE_S, Claims
from stream_classifier.core.updates import Note

CONNECT_S = 2.0
"""TCP, TLS and login; several round trips, so more than a command gets."""
COMMAND_S = 1.0
"""One command. Redis takes microseconds; whatever takes longer than this is no longer of use to anybody."""
CONNECTIONS = 32
"""Look-ups of both lanes, the writer, the leases, and `MAX_LATE` look-ups that were given up, with room."""
LEASE_KEPT_MS = 3_600_000
"""A dead replica's leases are void at once; so long they lie there if nobody asks for the same text."""
IN_VAIN_MS = 2_000
"""How long a text that was asked in vain is not leased: some looks of those who wait."""
PROBE_MS = 1_000
ELSEWHERE, LEASED = 1, 2  # as the script says it


class RedisCache:
    """Entries in the Redis at `url`, under keys that begin with `key_prefix`; `clock` gives unix seconds."""

    name = "redis"

    def __init__(self, url: SecretStr, *, key_prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._pool = _pool(url.get_secret_value())
        self._redis = client.Redis(connection_pool=self._pool)
        self._prefix = key_prefix
        self._clock = clock
        self._named: str | None = None  # under which leases were taken last
        self._claim = self._redis.register_script(scripts.CLAIM)
        self._give_back = self._redis.register_script(scripts.GIVE_BACK)
        self._note = self._redis.register_script(scripts.NOTE)

    async def open(self) -> None:
        """Try what will be needed. Raises `OperatorFault` where only a person can help; a Redis that is away
        is none."""
        probes = [
            ("MGET", self._key("probe", "1"), self._key("probe", "2")),
            ("SET", self._key("probe", "1"), b"", "PX", PROBE_MS),
            ("SCRIPT LOAD", scripts.CLAIM),
            ("SCRIPT LOAD", scripts.GIVE_BACK),
            ("SCRIPT LOAD", scripts.NOTE),
        ]
        try:
            answers = await self._at_once(probes, raise_on_error=False)
        except (RedisError, OSError) as error:
            answers = [error]
        for answer in answers:
            if isinstance(answer, Exception) and (sentence := for_a_person(answer)) is not None:
                raise OperatorFault(f"cache.url: {sentence}.") from answer

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """The entries that are there and can be read."""
        with _translated():
            values = await self._redis.mget([self._answer(key) for key in keys])
        return self._decoded(zip(keys, values, strict=True))

    async def put_many(self, entries: Mapping[bytes, Known]) -> None:
        """Keep these entries until they expire."""
        now = self._clock()
        lives_ms = {key: round((known.expires_at - now) * 1000) for key, known in entries.items()}
        with _translated():
            await self._at_once(
                [
                    ("SET", self._answer(key), encode(entries[key]), "PX", life_ms)
                    for key, life_ms in lives_ms.items()
                    if life_ms > 0
                ]
            )

    async def read_notes(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The notes that are there. Before each stands when it was made."""
        with _translated():
            values: list[Any] = await self._redis.mget([self._note_key(key) for key in keys])
        return {key: value[scripts.MADE_AT_CHARS :] for key, value in zip(keys, values, strict=True) if value}

    async def write_notes(self, notes: Mapping[bytes, Note]) -> None:
        """Keep these until they expire, but for those older than what is there."""
        now = self._clock()
        lasting = {key: note for key, note in notes.items() if note.expires_at > now}
        arguments: list[bytes | int] = []
        for note in lasting.values():
            made_at = b"%0*d" % (scripts.MADE_AT_CHARS, max(note.at_ms, 0))
            arguments += [made_at + note.value, max(_ms(note.expires_at - now), 1)]
        if lasting:
            with _translated():
                await self._note([*map(self._note_key, lasting)], arguments)

    async def spent(self) -> Spends:
        """What is kept of each day's spend, of all replicas together."""
        today = day_of(self._clock())
        days = range(today - DAYS_KEPT + 1, today + 1)
        with _translated():
            kept = await self._at_once([("HGETALL", self._spend(day)) for day in days])
        return {
            (day, lane.decode()): float(usd)
            for day, lanes in zip(days, kept, strict=True)
            for lane, usd in lanes.items()
        }

    async def spend(self, spends: Mapping[DayAndLane, float]) -> None:
        """Add these amounts, all or none. Where the reply is lost they are added once more later: what was
        spent may be taken for more than it was, and never for less."""
        added = [("HINCRBYFLOAT", self._spend(day), lane, usd) for (day, lane), usd in spends.items()]
        kept = [("EXPIRE", self._spend(day), DAYS_KEPT * DAY_S) for day in {day for day, _ in spends}]
        with _translated():
            await self._at_once([*added, *kept], transaction=True)

    async def claim(self, name: str, keys: Sequence[bytes]) -> Claims:
        """Look texts up, and lease those that are not known and that no living replica asks."""
        self._named = name
        redis_keys = [*map(self._answer, keys), *map(self._lease, keys)]
        arguments: list[str | int] = [name, self._replica(""), _ms(LEASE_S), LEASE_KEPT_MS]
        with _translated():
            answers = await self._claim(redis_keys, arguments)
        found: list[tuple[bytes, bytes | int]] = list(zip(keys, answers, strict=True))
        return Claims(
            known=self._decoded((key, answer) for key, answer in found if isinstance(answer, bytes)),
            elsewhere=frozenset(key for key, answer in found if answer == ELSEWHERE),
            leased=frozenset(key for key, answer in found if answer == LEASED),
        )

    async def renew(self, name: str) -> None:
        """Keep this replica's leases."""
        with _translated():
            await self._redis.set(self._replica(name), 1, px=_ms(LEASE_S))

    async def give_back(self, name: str, ended: Mapping[bytes, bool]) -> None:
        """Free these leases, as far as they are still this replica's."""
        arguments: list[str | int] = [name, IN_VAIN_MS, *map(int, ended.values())]
        with _translated():
            await self._give_back([*map(self._lease, ended)], arguments)

    async def close(self) -> None:
        """Let go of the connections, and of all leases at once."""
        with suppress(RedisError, OSError):
            if self._named is not None:
                await self._redis.delete(self._replica(self._named))
        with suppress(RedisError, OSError):
            await self._redis.aclose()
            await self._pool.aclose()

    async def _at_once(self, commands: Sequence[Sequence[Any]], **how: bool) -> list[Any]:
        """One round trip. With `transaction` all commands are done or none; without `raise_on_error` an
        error stands among the answers."""
        pipe: Any = self._redis.pipeline(transaction=how.pop("transaction", False))
        async with pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers: list[Any] = await pipe.execute(**how)
        return answers

    def _decoded(self, values: Iterable[tuple[bytes, Any]]) -> dict[bytes, Known]:
        now = self._clock()
        read = ((key, decode(value)) for key, value in values if value)
        return {key: known for key, known in read if known is not None and known.expires_at > now}

    def _answer(self, key: bytes) -> str:
        return self._key("known", key.hex())

    def _note_key(self, key: bytes) -> str:
        return self._key("ticket", key.hex())

    def _lease(self, key: bytes) -> str:
        return self._key("lease", key.hex())

    def _replica(self, name: str) -> str:
        return self._key("replica", name)

    def _spend(self, day: int) -> str:
        return self._key("spend", str(day))

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"


def _pool(url: str) -> ConnectionPool:
    """Connections by the URL's parts; its form was checked with the settings."""
    parts = urlsplit(url)
    encrypted = parts.scheme == "rediss"
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    return ConnectionPool(
        connection_class=SSLConnection if encrypted else Connection,
        host=parts.hostname,
        port=parts.port or 6379,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        db=int(parts.path.strip("/") or 0),
        socket_connect_timeout=CONNECT_S,
        socket_timeout=COMMAND_S,
        socket_keepalive=True,
        max_connections=CONNECTIONS,
        protocol=2,
        driver_info=None,  # it would cost each new connection two round trips
        **options,
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise CacheFault(in_short(error)) from error


def _ms(duration_s: float) -> int:
    return round(duration_s * 1000)
