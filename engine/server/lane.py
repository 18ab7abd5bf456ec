"""A plain inference request straight from the connection to the gateway, without ASGI between them.

The lane takes what it fully understands: a POST of HTTP/1.1 to an inference path, with nothing unusual about it. Every
other request goes through the application, which answers the same paths by the same code (`Inference`); the lane only
saves it the way, about a third of the gateway's own time. Forms go there as well: they come no faster than they are put
away, while the lane holds bodies whole.
"""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from engine.gateway import Cork
from engine.server.inference import LINGER_S, Inference, client_ip
from engine.values import Headers

__all__ = ["LaneConnection", "LaneCycle"]

_STATUS = {status: line.removesuffix(b"\r\n") for status, line in STATUS_LINE.items()}


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


class LaneCycle:
    """One request and its answer: the gateway's `Sink`, and what uvicorn's protocol looks at while it lives."""

    __slots__ = (
        "_chunked",
        "_connection",
        "_head",
        "_headers",
        "_inference",
        "_length",
        "_parts",
        "disconnected",
        "is_refused",
        "keep_alive",
        "response_complete",
        "started",
    )

    message_event = asyncio.Event()
    """Set by uvicorn when the connection is lost; nobody waits for it here, so that one is enough for all."""

    def __init__(self, inference: Inference, connection: LaneConnection, headers: Headers) -> None:
        self._inference = inference
        self._connection = connection
        self._headers = headers
        self._parts: list[bytes] = []
        self._length = 0
        self._head = b""
        """The answer's head, kept until the first bytes of its body, so that both leave in one write."""
        self._chunked = True
        self.is_refused = False
        self.started = False
        self.keep_alive = True
        self.response_complete = False
        self.disconnected = False

    def take(self, data: bytes) -> bool:
        """Take part of the body; False once it has become larger than the gateway takes."""
        self._parts.append(data)
        self._length += len(data)
        self.is_refused = self._length > self._inference.body_limit_bytes
        return not self.is_refused

    def run(self) -> Awaitable[None]:
        """Answer the request, whose body is whole, or refuse it."""
        if self.is_refused:
            return self._refuse()
        client, inference = self._connection.client, self._inference
        ip = client_ip(client[0] if client else "", self._headers, inference.trusted_proxies)
        return inference.answer(self._headers, b"".join(self._parts), ip, self)

    async def _refuse(self) -> None:
        """Answer a request whose body is too large, and close soon.

        What still comes of it is read for a moment and thrown away: a connection that is closed with bytes unread is
        reset, and the peer may never see why.
        """
        await self._inference.refuse(self)
        asyncio.get_running_loop().call_later(LINGER_S, self.abort)

    async def start(self, status: int, headers: Headers) -> None:
        """Make the head; it leaves with the first bytes of the body."""
        lines = [_STATUS[status], *map(b": ".join, (*self._connection.server_state.default_headers, *headers))]
        for name, _ in headers:
            if name == b"content-length":
                self._chunked = False
                break
        else:
            lines.append(b"transfer-encoding: chunked")
        if not self.keep_alive and not self.is_refused:
            lines.append(b"connection: close")
        lines.append(b"\r\n")  # behind the one that it is joined by: the empty line
        self._head, self.started = b"\r\n".join(lines), True

    async def send(self, data: bytes) -> None:
        """Send part of the body as a chunk; returns when the connection can take more."""
        self._write(b"%x\r\n%b\r\n" % (len(data), data))
        if self._connection.flow.write_paused:
            await self._connection.flow.drain()

    async def end(self, data: bytes = b"") -> None:
        """Send the last part, and make room for the next request."""
        if self._chunked:
            data = (b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)) if data else b"0\r\n\r\n"
        self._write(data)
        self.response_complete = True
        if not self.keep_alive and not self.is_refused:
            self._connection.close()
        self._connection.on_response_complete()

    def _write(self, data: bytes) -> None:
        if self.disconnected:
            return
        self._connection.cork.write(self._connection.transport, self._head + data)
        self._head = b""

    def abort(self) -> None:
        """Close the connection: an answer has begun that cannot be finished."""
        self._connection.close()
