"""The socket under the simulator: a uvicorn server that lives in a running loop and can cut connections.

uvicorn's own server takes over the process's signals, stops at the next tick of a tenth of a second and then
waits for its clients. This one leaves the signals alone, stops at once, and breaks off whoever still waits:
a provider that goes away.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Generator, Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST in place of FIN
_BACKLOG = 2048  # connections that may wait to be accepted: a benchmark opens hundreds at once


class Listener(uvicorn.Server):
    """One running server."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app, http="h11", ws="none", lifespan="off", log_config=None, log_level="warning",
            access_log=False, server_header=False, date_header=False,
        )  # fmt: skip
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stopping = asyncio.Event()

    def cut(self, client: tuple[str, int], *, reset: bool) -> None:
        """End this client's connection now, by a reset or in order."""
        for connection in self._connections():
            if connection.client == client:
                if reset:
                    _reset(connection.transport)
                else:
                    connection.transport.close()

    def stop(self) -> None:
        """Let `serve` return; connections that are open are broken off."""
        self.stopping.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """The signals belong to whoever runs the loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.ready.set()

    async def main_loop(self) -> None:
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self._connections()):
            connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks)

    def _connections(self) -> Iterator[H11Protocol]:
        return (c for c in self.server_state.connections if isinstance(c, H11Protocol))


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # asyncio sees to this only where the socket names its protocol; else each answer waits for an ACK, 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _reset(transport: asyncio.Transport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
