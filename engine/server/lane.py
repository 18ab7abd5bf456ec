"""A plain inference request straight from the connection to the gateway, without ASGI between them.

The lane takes what it fully understands: a POST of HTTP/1.1 to an inference path, with nothing unusual about it. Every
other request goes through the application, which answers the same paths by the same code (`Inference`); the lane only
saves it the way, about a third of the gateway's own time. Forms go there as well: they come no faster than they are put
away, while the lane holds bodies whole.
"""

import asyncio
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from engine.server.inference import LINGER_S, Inference, client_ip
from engine.values import Headers

__all__ = ["LaneConnection", "LaneCycle"]


class LaneConnection(Protocol):
    """What a cycle needs of the connection that it answers on."""

    transport: asyncio.Transport
    flow: FlowControl
    client: tuple[str, int] | None

    def default_headers(self) -> Headers:
        """What every answer of the server carries."""
        ...

    def on_response_complete(self) -> None:
        """The answer has been written: the next request may begin."""
        ...


class LaneCycle:
    """One request and its answer: the gateway's `Sink`, and what uvicorn's protocol looks at while it lives."""

    def __init__(self, inference: Inference, connection: LaneConnection, headers: Headers, *, keep_alive: bool) -> None:
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
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = asyncio.Event()
        """Set by uvicorn when the connection is lost; nobody waits for it here."""

    def body(self, data: bytes) -> bool:
        """Take part of the body; False once it has become larger than the gateway takes."""
        self._parts.append(data)
        self._length += len(data)
        self.is_refused = self._length > self._inference.body_limit_bytes
        return not self.is_refused

    async def refuse(self) -> None:
        """Answer a request whose body is too large, and close soon.

        What still comes of it is read for a moment and thrown away: a connection that is closed with bytes unread is
        reset, and the peer may never see why.
        """
        await self._inference.refuse(self)
        asyncio.get_running_loop().call_later(LINGER_S, self.abort)

    async def run(self) -> None:
        """Answer the request, whose body is whole."""
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        client = self._connection.client
        ip = client_ip(client[0] if client else "", self._headers, self._inference.trusted_proxies)
        await self._inference.answer(self._headers, body, ip, self)

    async def start(self, status: int, headers: Headers) -> None:
        """Make the head; it leaves with the first bytes of the body."""
        lines = [STATUS_LINE[status]]
        for name, value in (*self._connection.default_headers(), *headers):
            lines += (name, b": ", value, b"\r\n")
            self._chunked = self._chunked and name != b"content-length"
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive and not self.is_refused:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self._head, self.started = b"".join(lines), True

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
            self._connection.transport.close()
        self._connection.on_response_complete()

    def _write(self, data: bytes) -> None:
        if self.disconnected:
            return
        self._connection.transport.write(self._head + data)
        self._head = b""

    def abort(self) -> None:
        """Close the connection: an answer has begun that cannot be finished."""
        self._connection.transport.close()
