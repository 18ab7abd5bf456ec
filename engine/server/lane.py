"""A plain inference request straight from the connection to the gateway, without ASGI between them.

The lane takes what it fully understands: a POST of HTTP/1.1 to an inference path, with nothing unusual about it. Every
other request goes through the application, which answers the same paths by the same code (`Inference`); the lane only
skips that detour, about a third of the gateway's own time. Forms take the detour as well: the application reads them no
faster than it stores them, while the lane holds whole bodies in memory.
"""

import asyncio
from collections.abc import Awaitable
from typing import ClassVar, Protocol

import msgspec
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from engine.gateway import Cork
from engine.server.inference import LINGER_S, Inference, client_ip
from engine.values import Headers

__all__ = ["LaneConnection", "LaneCycle"]

_LINE = b"%b: %b\r\n".__mod__


class LaneConnection(Protocol):
    """What a cycle needs of the connection that it answers on."""

    transport: asyncio.Transport
    cork: Cork
    flow: FlowControl
    client: tuple[str, int] | None
    server_state: ServerState
    """Has what every answer of the server carries: the date."""

    def on_response_complete(self) -> None:
        """The answer has been written: the next request may begin."""
        ...

    def close(self) -> None:
        """Close once what has been written is sent."""
        ...


class LaneCycle(msgspec.Struct, eq=False):
    """One request and its answer: the gateway's `Sink`, and what uvicorn's protocol looks at while it lives."""

    message_event: ClassVar[asyncio.Event] = asyncio.Event()
    """Set by uvicorn when the connection is lost; nobody waits for it here, so one is enough for all."""

    inference: Inference
    connection: LaneConnection
    headers: Headers
    keep_alive: bool
    parts: list[bytes] = []
    """Of the body, as it came."""
    length: int = 0
    """Of all of them."""
    head: bytes = b""
    """Of a stream, kept until its first bytes, so that both leave in one write."""
    is_refused: bool = False
    started: bool = False
    response_complete: bool = False
    disconnected: bool = False

    def take(self, data: bytes) -> bool:
        """Take part of the body; False once it has become larger than the gateway takes."""
        self.parts.append(data)
        self.length += len(data)
        self.is_refused = self.length > self.inference.body_limit_bytes
        return not self.is_refused

    def run(self) -> Awaitable[None]:
        """Answer the request, whose body is whole, or refuse it."""
        if self.is_refused:
            return self._refuse()
        client, inference = self.connection.client, self.inference
        ip = client_ip(client[0] if client else "", self.headers, inference.trusted_proxies)
        return inference.answer(self.headers, b"".join(self.parts), ip, self)

    async def _refuse(self) -> None:
        """Answer a request whose body is too large, and close soon.

        What still arrives of it is read for a moment and thrown away: closing a connection with bytes unread resets it,
        and the peer may never see the answer.
        """
        await self.inference.refuse(self)
        asyncio.get_running_loop().call_later(LINGER_S, self.abort)

    async def whole(self, status: int, head: bytes, body: bytes) -> None:
        """Send an answer with its length, in one write."""
        self._finish(self._head(status, head, b"content-length: %d\r\n" % len(body)) + body)

    async def start(self, status: int, head: bytes) -> None:
        """Make the head; it leaves with the first bytes of the body."""
        self.head = self._head(status, head, b"transfer-encoding: chunked\r\n")

    async def send(self, data: bytes) -> None:
        """Send part of the body as a chunk; returns when the connection can take more."""
        self._write(b"%b%x\r\n%b\r\n" % (self.head, len(data), data))
        self.head = b""
        if self.connection.flow.write_paused:
            await self.connection.flow.drain()

    async def end(self, data: bytes = b"") -> None:
        """Send the last part, and make room for the next request."""
        last = (b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)) if data else b"0\r\n\r\n"
        self._finish(self.head + last)

    def abort(self) -> None:
        """Close the connection: an answer has begun that cannot be finished."""
        self.connection.close()

    def _head(self, status: int, head: bytes, framing: bytes) -> bytes:
        self.started = True
        every = map(_LINE, self.connection.server_state.default_headers)
        end = b"\r\n" if self.keep_alive or self.is_refused else b"connection: close\r\n\r\n"
        return b"".join((STATUS_LINE[status], *every, head, framing, end))

    def _write(self, data: bytes) -> None:
        if not self.disconnected:
            self.connection.cork.write(self.connection.transport, data)

    def _finish(self, data: bytes) -> None:
        """Send the last bytes; the connection is ready for the next request, or closed."""
        self._write(data)
        self.response_complete = True
        if not self.keep_alive and not self.is_refused:
            self.connection.close()
        self.connection.on_response_complete()
