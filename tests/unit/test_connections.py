"""The connections that are kept between calls."""

from contextlib import AsyncExitStack

import httpx
import pytest

from stream_classifier.llm.connections import KEEPALIVE_S, Connections


class Made:
    """Makes clients that are never sent by, and keeps them to look at; its clock is set by hand."""

    def __init__(self) -> None:
        self.clients: list[httpx.AsyncClient] = []
        self.now_s = 0.0
        self.connections = Connections(self._new, now=lambda: self.now_s)

    def _new(self) -> httpx.AsyncClient:
        self.clients.append(httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))))
        return self.clients[-1]

    @property
    def closed(self) -> list[bool]:
        return [client.is_closed for client in self.clients]


async def at_once(made: Made, calls: int) -> None:
    async with AsyncExitStack() as under_way:
        for _ in range(calls):
            await under_way.enter_async_context(made.connections.one())


async def test_each_call_under_way_has_one_to_itself() -> None:
    made = Made()
    async with made.connections.one() as first, made.connections.one() as second:
        assert first is not second
    assert len(made.clients) == 2


async def test_calls_one_after_another_share_one() -> None:
    made = Made()
    for _ in range(5):
        await at_once(made, 1)
    assert len(made.clients) == 1


async def test_those_that_few_calls_leave_idle_are_closed_in_time_and_the_one_in_use_is_kept() -> None:
    made = Made()
    await at_once(made, 3)
    for made.now_s in range(0, int(KEEPALIVE_S) + 2, 2):
        await at_once(made, 1)
    assert sorted(made.closed) == [False, True, True]


async def test_one_that_is_used_again_in_time_is_not_closed() -> None:
    made = Made()
    await at_once(made, 3)
    made.now_s = KEEPALIVE_S - 1
    await at_once(made, 3)
    made.now_s = KEEPALIVE_S + 1
    await at_once(made, 1)
    assert not any(made.closed)


async def test_a_call_that_fails_gives_its_own_back() -> None:
    made = Made()
    with pytest.raises(httpx.ReadError):
        async with made.connections.one():
            raise httpx.ReadError("reset")
    await at_once(made, 1)
    assert len(made.clients) == 1


async def test_at_the_end_the_idle_are_closed_at_once_and_those_in_use_when_their_call_has_ended() -> None:
    made = Made()
    await at_once(made, 2)
    async with made.connections.one():
        await made.connections.close()
        assert sorted(made.closed) == [False, True]
    assert all(made.closed)
