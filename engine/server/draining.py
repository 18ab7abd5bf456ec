"""uvicorn's server, ended without resetting anyone: callers are told to go, and whoever has connected is served."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

__all__ = ["DrainingServer"]

FIRST_REQUEST_S = 1.0
"""Time that a new connection gets to begin its first request during shutdown; closed earlier, it would be reset."""
LOOK_EVERY_S = 0.02
CLOSE = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """Serves *listener*. No other process may hold it open, or connections queued at shutdown would be lost."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener
        self._queue = listener.dup()
        """Keeps the accept queue open after uvicorn has closed its own descriptor."""

    async def serve_listener(self) -> None:
        """Serve until `drain`, and until what had begun by then has ended."""
        await self.serve(sockets=[self._listener])

    async def drain(self, delay_s: float) -> None:
        """Send callers elsewhere with their next answer, accept for *delay_s* more, then let `serve_listener` end."""
        self.config.encoded_headers.append(CLOSE)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        await asyncio.sleep(delay_s)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept whoever has connected, await their first requests, then have uvicorn close connections, idle first."""
        for server in self.servers:
            server.close()
        await self._accept_queued()
        await self._hear_out()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: uvicorn's own handling would skip what the process does after serving."""
        yield

    async def _accept_queued(self) -> None:
        """Empty the accept queue and close it. The kernel refuses later connections, which callers may retry."""
        with self._queue, suppress(BlockingIOError):
            accepted = []
            self._queue.setblocking(False)
            while True:
                accepted.append(self._queue.accept()[0])
        loop = asyncio.get_running_loop()
        for connection in accepted:
            await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        """One connection, as uvicorn makes it."""
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def _hear_out(self) -> None:
        """Wait a moment for the first requests of new connections."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + FIRST_REQUEST_S
        while loop.time() < until_s and self._awaits_first_request():  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(LOOK_EVERY_S)

    def _awaits_first_request(self) -> bool:
        connections: set[Any] = self.server_state.connections
        return any(connection.cycle is None for connection in connections)
