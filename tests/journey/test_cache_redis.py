"""The Redis cache against a real Redis: shared, bounded in time, killed, frozen, full, read-only, refused."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis import asyncio as client
from structlog.testing import capture_logs

from stream_classifier.cache import Cache, CacheFault, MemoryFront
from stream_classifier.cache import breaker as rules
from stream_classifier.cache.inspection import inspect
from stream_classifier.cache.redis import COMMAND_S, RedisCache
from stream_classifier.cache.spend import DAYS_KEPT
from stream_classifier.core.budget import DAY_S
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.known import Known
from stream_classifier.core.measures import CACHE_FAULTS
from stream_classifier.core.tally import Tally
from stream_classifier.settings.cache import Cache as CacheSettings
from tests.brokers.certificates import Authority, Identity
from tests.brokers.ports import free_ports
from tests.brokers.redis import Redis
from tests.conftest import StartRedis
from tests.patience import until

NOW = time.time()  # an entry's life is counted by Redis' own clock


def known(label: str = "bug", expires_at: float = NOW + 1000) -> Known:
    return Known(
        labels=(label,),
        model="m",
        prompt_digest="p",
        taxonomy_digest="t",
        written_at=NOW,
        expires_at=expires_at,
    )


def key(number: int) -> bytes:
    return number.to_bytes(32)


def entries(count: int) -> dict[bytes, Known]:
    return {key(number): known(expires_at=NOW + 1000 + number) for number in range(count)}


@dataclass(slots=True)
class Ours:
    """A part of the shared Redis that is this test's own."""

    url: str
    prefix: str = field(default_factory=lambda: f"test-{uuid4().hex}:")

    @asynccontextmanager
    async def opened(self, now: Callable[[], float] = time.time) -> AsyncIterator[RedisCache]:
        cache = RedisCache(SecretStr(self.url), key_prefix=self.prefix, clock=now)
        try:
            await cache.open()
            yield cache
        finally:
            await cache.close()

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[Any]:  # its commands are typed in part
        async with client.from_url(self.url) as redis:
            yield redis


@pytest.fixture
def ours(redis: Redis) -> Ours:
    return Ours(redis.url)


# --------------------------------------------------------------------------------- what SQLite's holds, too


async def test_entries_are_there_after_a_restart(ours: Ours) -> None:
    async with ours.opened() as cache:
        await cache.put_many(entries(10))
    async with ours.opened() as cache:
        assert await cache.get_many([key(3), key(99)]) == {key(3): known(expires_at=NOW + 1003)}


async def test_a_key_s_newest_value_is_kept(ours: Ours) -> None:
    async with ours.opened() as cache:
        await cache.put_many({key(1): known("first")})
        await cache.put_many({key(1): known("second, and longer")})
        assert (await cache.get_many([key(1)]))[key(1)].labels == ("second, and longer",)


async def test_an_expired_entry_is_not_found(ours: Ours) -> None:
    async with ours.opened() as cache:
        await cache.put_many(entries(10))
    async with ours.opened(now=lambda: NOW + 1004) as cache:
        assert set(await cache.get_many([key(n) for n in range(10)])) == {key(n) for n in range(5, 10)}


async def test_an_unreadable_value_is_not_known_and_the_rest_is(ours: Ours) -> None:
    async with ours.opened() as cache, ours.admin() as admin:
        await cache.put_many(entries(4))
        await admin.set(f"{ours.prefix}known:{key(0).hex()}", b"{")
        await admin.delete(f"{ours.prefix}known:{key(1).hex()}")
        await admin.hset(f"{ours.prefix}known:{key(1).hex()}", "of", "another kind")
        assert set(await cache.get_many([key(n) for n in range(4)])) == {key(2), key(3)}


async def test_spend_adds_up_and_is_there_after_a_restart(ours: Ours) -> None:
    day = int(NOW // DAY_S)
    async with ours.opened() as cache:
        await cache.spend({(day, "bulk"): 0.5, (day, "urgent"): 0.125})
        await cache.spend({(day, "bulk"): 0.25})
    async with ours.opened() as cache:
        assert await cache.spent() == {(day, "bulk"): 0.75, (day, "urgent"): 0.125}


async def test_replicas_share_the_spend(ours: Ours) -> None:
    day = int(NOW // DAY_S)
    async with ours.opened() as one, ours.opened() as other:
        await asyncio.gather(*(each.spend({(day, "bulk"): 0.5}) for each in (one, other) for _ in range(10)))
        assert await one.spent() == await other.spent() == {(day, "bulk"): 10.0}


# ----------------------------------------------------------------------------------------- Redis' own ways


async def test_redis_lets_entries_go_by_itself_when_they_expire(ours: Ours) -> None:
    async with ours.opened() as cache, ours.admin() as admin:
        await cache.put_many({key(1): known(expires_at=time.time() + 90), key(2): known(expires_at=NOW - 1)})
        assert 0 < await admin.pttl(f"{ours.prefix}known:{key(1).hex()}") <= 90_000
        assert await admin.exists(f"{ours.prefix}known:{key(2).hex()}") == 0


async def test_days_that_are_long_over_leave_by_themselves(ours: Ours) -> None:
    day = int(NOW // DAY_S)
    async with ours.opened() as cache, ours.admin() as admin:
        await cache.spend({(day, "bulk"): 0.5})
        assert 0 < await admin.ttl(f"{ours.prefix}spend:{day}") <= DAYS_KEPT * DAY_S


async def test_nothing_is_kept_without_an_end(ours: Ours) -> None:
    async with ours.opened() as cache, ours.admin() as admin:
        await cache.put_many(entries(3))
        await cache.spend({(int(NOW // DAY_S), "bulk"): 0.5})
        await cache.claim("me", [key(n) for n in range(5)])
        await cache.give_back("me", {key(3): True})
        kept = [name async for name in admin.scan_iter(f"{ours.prefix}*")]
        assert len(kept) >= 7
        assert [name for name in kept if await admin.ttl(name) < 0] == []


async def test_two_prefixes_do_not_see_one_another(ours: Ours) -> None:
    async with ours.opened() as one, Ours(ours.url).opened() as other:
        await one.put_many(entries(1))
        assert await other.get_many([key(0)]) == {}


async def test_a_poll_s_look_ups_are_one_command(start_redis: StartRedis) -> None:
    ours = Ours((await asyncio.to_thread(start_redis)).url)
    async with ours.opened() as cache, ours.admin() as admin:
        await admin.config_resetstat()
        await cache.get_many(list(entries(500)))
        await cache.claim("me", list(entries(500)))
        calls = {name: row["calls"] for name, row in (await admin.info("commandstats")).items()}
    assert (calls["cmdstat_evalsha"], calls["cmdstat_mget"]) == (1, 1 + 2)


async def test_a_batch_s_writes_are_one_round_trip(start_redis: StartRedis) -> None:
    ours = Ours((await asyncio.to_thread(start_redis)).url)
    async with ours.opened() as cache, ours.admin() as admin:
        before = (await admin.info("stats"))["total_reads_processed"]
        await cache.put_many(entries(50))
        after = (await admin.info("stats"))["total_reads_processed"]
    assert after - before < 10  # 20 kB come to Redis in a few pieces; one by one they would be 50


# ------------------------------------------------------------------------------------------- at the start


def refused(said: str) -> "pytest.RaisesExc[OperatorFault]":
    return pytest.raises(OperatorFault, match=f"^cache.url: .*{said}")


async def test_a_wrong_password_is_said_at_the_start_and_not_shown(start_redis: StartRedis) -> None:
    ours = Ours((await asyncio.to_thread(start_redis)).url)
    address = urlsplit(ours.url).netloc
    with refused("has no password set"):
        async with Ours(f"redis://:hushhush@{address}").opened():
            pass
    async with ours.admin() as admin:
        await admin.config_set("requirepass", "open sesame")
    for url in (ours.url, f"redis://:hushhush@{address}", f"redis://who:hushhush@{address}"):
        with refused("refuses the login") as told:
            async with Ours(url).opened():
                pass
        assert "hushhush" not in str(told.value)
    async with Ours(f"redis://default:open%20sesame@{address}/3").opened() as cache:
        await cache.put_many(entries(1))
        assert len(await cache.get_many([key(0)])) == 1


async def test_a_user_without_the_rights_is_told_which(start_redis: StartRedis) -> None:
    ours = Ours((await asyncio.to_thread(start_redis)).url)
    async with ours.admin() as admin:
        await admin.execute_command("ACL", "SETUSER", "who", "on", ">pass", "~*", "+get", "+mget")
    with refused("allow it MGET"):
        async with Ours(f"redis://who:pass@{urlsplit(ours.url).netloc}").opened():
            pass


async def test_the_rights_that_are_asked_for_are_enough(start_redis: StartRedis) -> None:
    ours = Ours((await asyncio.to_thread(start_redis)).url, "ours:")
    named = "mget get set del exists hgetall hincrbyfloat expire multi exec evalsha script|load"
    async with ours.admin() as admin:
        rights = [f"+{name}" for name in named.split()]
        await admin.execute_command("ACL", "SETUSER", "who", "on", ">pass", "~ours:*", *rights)
    async with Ours(f"redis://who:pass@{urlsplit(ours.url).netloc}", "ours:").opened() as cache:
        day = int(NOW // DAY_S)
        await cache.put_many(entries(1))
        await cache.spend({(day, "bulk"): 0.5})
        assert await cache.spent() == {(day, "bulk"): 0.5}
        assert (await cache.claim("me", [key(0), key(1)])).leased == {key(1)}
        await cache.renew("me")
        await cache.give_back("me", {key(1): True})


async def test_a_database_that_is_not_there_is_said_at_the_start(ours: Ours) -> None:
    with refused("no database of this number"):
        async with Ours(f"redis://{urlsplit(ours.url).netloc}/9999").opened():
            pass


async def test_what_is_no_redis_is_said_at_the_start() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with refused("no Redis"):
            async with Ours(f"redis://127.0.0.1:{port}").opened():
                pass


async def test_a_redis_that_is_away_is_no_fault_at_the_start() -> None:
    async with Ours(f"redis://127.0.0.1:{free_ports(1)[0]}").opened() as cache:
        with pytest.raises(CacheFault, match="connecting"):
            await cache.get_many([key(0)])


# ---------------------------------------------------------------------- a Redis that fails while we run


async def test_a_killed_redis_is_a_fault_and_a_new_one_at_its_address_serves(start_redis: StartRedis) -> None:
    redis = await asyncio.to_thread(start_redis)
    async with Ours(redis.url).opened() as cache:
        await cache.put_many(entries(1))
        await asyncio.to_thread(redis.process.kill)
        with pytest.raises(CacheFault):
            await cache.get_many([key(0)])
        await asyncio.to_thread(redis.start)
        await cache.put_many(entries(1))
        assert (await cache.claim("me", [key(0), key(1)])).leased == {key(1)}


async def test_a_frozen_redis_is_a_fault_within_its_time(start_redis: StartRedis) -> None:
    redis = await asyncio.to_thread(start_redis)
    async with Ours(redis.url).opened() as cache:
        redis.process.freeze()
        began = time.monotonic()
        with pytest.raises(CacheFault):
            await cache.put_many(entries(1))
        assert time.monotonic() - began >= COMMAND_S
        redis.process.thaw()
        await cache.put_many(entries(1))


async def test_a_full_redis_is_a_fault_and_can_still_be_read(start_redis: StartRedis) -> None:
    ours = Ours((await asyncio.to_thread(start_redis)).url)
    async with ours.opened() as cache, ours.admin() as admin:
        await cache.put_many(entries(1))
        await admin.config_set("maxmemory", 1)
        with pytest.raises(CacheFault, match="maxmemory"):
            await cache.put_many(entries(1))
        assert len(await cache.get_many([key(0)])) == 1


async def test_a_read_only_redis_is_a_fault_and_no_reason_not_to_start(start_redis: StartRedis) -> None:
    ours = Ours((await asyncio.to_thread(start_redis)).url)
    async with ours.admin() as admin:
        await admin.replicaof("127.0.0.1", str(free_ports(1)[0]))
    async with ours.opened() as cache:
        with pytest.raises(CacheFault, match="read only replica"):
            await cache.put_many(entries(1))
        with pytest.raises(CacheFault, match="read only replica"):
            await cache.claim("me", [key(1)])


async def test_a_password_that_is_changed_while_we_run_is_a_fault_that_names_the_remedy(
    start_redis: StartRedis,
) -> None:
    redis = await asyncio.to_thread(start_redis)
    ours = Ours(redis.url)
    async with ours.opened() as cache, ours.admin() as admin:
        await admin.config_set("requirepass", "new")
        await admin.execute_command("CLIENT", "KILL", "TYPE", "normal")
        with pytest.raises(CacheFault, match="check the user and the password"):
            await cache.get_many([key(0)])


# --------------------------------------------------------------------------- behind the front, as it runs


@asynccontextmanager
async def fronted(url: str, tally: Tally, timeout_s: float = 0.05) -> AsyncIterator[Cache]:
    backend = RedisCache(SecretStr(url), key_prefix="ours:")
    front = MemoryFront(1000, 1 << 26, time.time)
    async with Cache(front, backend, ttl_s=2000, timeout_s=timeout_s, tally=tally, clock=time.time) as cache:
        yield cache


async def test_a_frozen_redis_costs_a_few_look_ups_their_time_and_then_none(
    start_redis: StartRedis,
) -> None:
    redis, tally = await asyncio.to_thread(start_redis), Tally()
    with capture_logs() as logs:
        async with fronted(redis.url, tally) as cache:
            cache.store({key(1): known()})
            redis.process.freeze()
            began = time.monotonic()
            for number in range(100):
                assert await cache.fetch([key(number)]) == {}
                assert cache.peek(key(1)) is not None
            took_s = time.monotonic() - began
            redis.process.thaw()
    assert took_s < rules.SLOW_IN_A_ROW * 0.05 + 1.0
    assert [line["event"] for line in logs] == ["cache_backend_failed"]
    assert tally.count(CACHE_FAULTS, "redis") >= rules.SLOW_IN_A_ROW


async def test_a_redis_that_comes_back_gets_what_has_waited_and_is_told_once(
    start_redis: StartRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REST_S", 0.2)
    redis = await asyncio.to_thread(start_redis)
    with capture_logs() as logs:
        async with fronted(redis.url, Tally()) as cache:
            await asyncio.to_thread(redis.process.kill)
            cache.store({key(1): known()})
            await until(lambda: any(line["event"] == "cache_backend_failed" for line in logs))
            await asyncio.to_thread(redis.start)
            await until(lambda: not cache.unwritten(key(1)))
    assert [line["event"] for line in logs] == ["cache_backend_failed", "cache_backend_back"]


async def test_a_redis_that_is_away_at_the_start_is_taken_up_when_it_comes(
    start_redis: StartRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REST_S", 0.2)
    redis = await asyncio.to_thread(start_redis)
    await asyncio.to_thread(redis.process.kill)
    with capture_logs() as logs:
        async with fronted(redis.url, Tally()) as cache:
            cache.store({key(1): known()})
            await asyncio.to_thread(redis.start)
            await until(lambda: not cache.unwritten(key(1)))
    assert [line["event"] for line in logs] == ["cache_backend_failed", "cache_backend_back"]


async def test_a_person_can_read_what_is_kept(ours: Ours) -> None:
    settings = CacheSettings.model_validate(
        {"backend": "redis", "url": ours.url, "key_prefix": ours.prefix, "ttl_s": 500}
    )
    async with ours.opened() as cache:
        await cache.put_many({key(1): known(expires_at=NOW + 1000)})
    inspected = await inspect(settings, [key(1), key(2)], NOW)
    assert (set(inspected.known), inspected.obstacle) == ({key(1)}, None)


async def test_a_person_is_told_why_it_cannot_be_read() -> None:
    settings = CacheSettings.model_validate(
        {"backend": "redis", "url": f"redis://127.0.0.1:{free_ports(1)[0]}"}
    )
    inspected = await inspect(settings, [key(1)], NOW)
    assert inspected.known == {}
    assert inspected.obstacle is not None
    assert inspected.obstacle.startswith("The cache in Redis cannot be read: Error 111 connecting")


# ---------------------------------------------------------------------------------------------- encrypted


@asynccontextmanager
async def encrypted(redis: Redis, identity: Identity) -> AsyncIterator[int]:
    """Speaks TLS on a port of its own, and hands on to Redis what comes."""
    plain = urlsplit(redis.url)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.cert_file, identity.key_file)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs = await asyncio.open_connection(plain.hostname, plain.port)
        await asyncio.gather(pump(reader, theirs[1]), pump(theirs[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_an_encrypted_redis_serves_where_its_authority_is_trusted(redis: Redis, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    async with encrypted(redis, authority.issue("redis", "localhost")) as port:
        trusted = Ours(f"rediss://localhost:{port}/0?ssl_ca_certs={authority.ca_file}")
        async with trusted.opened() as cache:
            await cache.put_many(entries(1))
            assert len(await cache.get_many([key(0)])) == 1


@pytest.mark.parametrize("trusting", ["", "?ssl_ca_certs=/nowhere/ca.pem"])
async def test_a_certificate_that_cannot_be_trusted_is_said_at_the_start(
    redis: Redis, tmp_path: Path, trusting: str
) -> None:
    identity = Authority(tmp_path / "authority").issue("redis", "localhost")
    async with encrypted(redis, identity) as port:
        with refused("encrypted connection cannot be made"):
            async with Ours(f"rediss://localhost:{port}/0{trusting}").opened():
                pass
