"""The inference endpoints: a thin caller of the gateway's straight line, and the server's last line."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Protocol

from litestar.exceptions import MethodNotAllowedException

from engine.errors import Bug, TooLarge
from engine.gateway import NOTHING_SAID, Gateway, Inbound, PathSays, Sink
from engine.live.current import Current
from engine.live.log import Log
from engine.server.hangup import HANGUP, Hangup
from engine.values import Headers, Surface
from engine.wire.codecs import caller_codec
from engine.wire.told import Told

__all__ = ["AsgiSink", "Inference", "client_ip"]

Networks = Sequence[IPv4Network | IPv6Network]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class ServerSink(Sink, Protocol):
    """A sink that knows whether an answer has begun, and can break it off."""

    started: bool

    def abort(self) -> None:
        """Close the connection: an answer has begun that cannot be finished."""
        ...


class AsgiSink:
    """The gateway's `Sink` over an ASGI `send`."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send(self, data: bytes) -> None:
        """Send part of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last part."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def abort(self) -> None:
        """Nothing to do: a server closes the connection of an application that ends before its answer does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """One surface: an ASGI application, and what a lane calls."""

    surface: Surface
    gateway: Gateway
    current: Current
    log: Log
    body_limit_bytes: int
    trusted_proxies: Networks

    async def answer(
        self, headers: Headers, body: bytes, ip: str, sink: ServerSink, path: PathSays = NOTHING_SAID
    ) -> None:
        """Answer one request that has arrived whole. A failure of ours is logged with its id, and told without more."""
        inbound = Inbound(
            surface=self.surface,
            request_id=self.gateway.entropy.request_id(),
            headers=headers,
            body=body,
            ip=ip,
            path=path,
        )
        try:
            await self.gateway.handle(self.current.snapshot, inbound, sink)
        except Exception as exc:
            self.log.error("request_failed", request_id=inbound.request_id, exc_info=exc)  # noqa: TRY400 - structured
            if sink.started:
                sink.abort()
            else:
                await self._fail(sink, Bug, "the gateway failed; the request id leads to why", inbound.request_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of ASGI; a caller who hangs up cancels it."""
        if scope["method"] != "POST":
            raise MethodNotAllowedException(detail=f"{scope['path']} takes POST", headers={"allow": "POST"})
        await self.serve(scope, receive, send, NOTHING_SAID)

    async def serve(self, scope: Scope, receive: Receive, send: Send, path: PathSays) -> None:
        """Answer one POST of ASGI, of which its path says *path*."""
        hangup, task, sink = _hangup(scope), asyncio.current_task(), AsgiSink(send)
        assert task is not None
        hangup.watch(task)
        try:
            headers, client = scope["headers"], scope.get("client")
            body = await _body(headers, receive, self.body_limit_bytes)
            ip = client_ip(client[0] if client else "", headers, self.trusted_proxies)
            await self.answer(headers, body, ip, sink, path)
        except TooLarge:
            await self.refuse(sink)
        except asyncio.CancelledError:
            if not hangup.happened:
                raise
        finally:
            hangup.release(task)

    async def refuse(self, sink: Sink) -> None:
        """Answer a request whose body is too large, without having read it."""
        message = f"the body is larger than {self.body_limit_bytes} bytes, the most this gateway takes"
        await self._fail(sink, TooLarge, message, self.gateway.entropy.request_id())

    async def _fail(self, sink: Sink, fault: type[TooLarge | Bug], message: str, request_id: str) -> None:
        """An error that the gateway itself never saw; the connection is closed, since its body may be unread."""
        told = Told(status=fault.status, type=fault.type, code=fault.code, message=message, request_id=request_id)
        body = caller_codec(self.surface).error_body(told)
        said = request_id.encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", said),
            (b"request-id", said),
            (b"x-should-retry", b"false"),
            (b"connection", b"close"),
        ]
        await sink.start(fault.status, headers)
        await sink.end(body)


async def _body(headers: Headers, receive: Receive, limit_bytes: int) -> bytes:
    """The whole body. Raises TooLarge before it is read whole, by its declared length where it has one."""
    for name, value in headers:
        if name == b"content-length" and int(value) > limit_bytes:
            raise TooLarge("declared")
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > limit_bytes:
            raise TooLarge("received")
        more = message.get("more_body", False)
    return b"".join(parts)


def _hangup(scope: Scope) -> Hangup:
    """The connection's; one of its own where another server runs the application."""
    extensions = scope.get("extensions") or {}
    hangup = extensions.get(HANGUP)
    return hangup if isinstance(hangup, Hangup) else Hangup()


def client_ip(peer: str, headers: Headers, trusted: Networks) -> str:
    """The client's address: *peer*, or behind trusted proxies the rightmost hop of X-Forwarded-For that is none."""
    if not trusted or not _within(peer, trusted):
        return peer
    hops = [hop.strip() for n, v in headers if n == b"x-forwarded-for" for hop in v.decode("latin-1").split(",")]
    for hop in reversed(hops):
        if not _within(hop, trusted):
            return hop if _is_address(hop) else peer
    return peer


def _within(text: str, networks: Networks) -> bool:
    return _is_address(text) and any(ip_address(text) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
