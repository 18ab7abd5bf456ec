"""The inference endpoints as ASGI: a thin caller of the gateway's straight line, and the server's last line."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from litestar.exceptions import MethodNotAllowedException

from engine.errors import Bug, TooLarge
from engine.gateway import Gateway, Headers, Inbound
from engine.live.current import Current
from engine.server.protocol import HANGUP, Hangup
from engine.values import Surface
from engine.wire.openai_error import error_body

__all__ = ["AsgiSink", "Inference", "client_ip"]

Networks = Sequence[IPv4Network | IPv6Network]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """An ASGI application for one surface."""

    surface: Surface
    gateway: Gateway
    current: Current
    body_limit_bytes: int
    trusted_proxies: Networks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a caller who hangs up cancels it."""
        if scope["method"] != "POST":
            raise MethodNotAllowedException(detail=f"{scope['path']} takes POST", headers={"allow": "POST"})
        sink, hangup = AsgiSink(send), _hangup(scope)
        task = asyncio.current_task()
        assert task is not None
        hangup.watch(task)
        try:
            await self._answer(scope, receive, sink)
        except asyncio.CancelledError:
            if not hangup.happened:
                raise
        except TooLarge as fault:
            await _fail(sink, fault.status, fault.type, fault.reason, fault.message)
        except Exception:
            # the server's last line: logged by the server with its traceback, answered without it
            if not sink.started:
                await _fail(sink, Bug.status, Bug.type, Bug.code, "the gateway failed; nothing was charged")
            raise
        finally:
            hangup.release(task)

    async def _answer(self, scope: Scope, receive: Receive, sink: AsgiSink) -> None:
        headers = scope["headers"]
        inbound = Inbound(
            surface=self.surface,
            headers=headers,
            body=await _body(headers, receive, self.body_limit_bytes),
            ip=client_ip(scope, self.trusted_proxies),
        )
        await self.gateway.handle(self.current.snapshot, inbound, sink)


async def _body(headers: Headers, receive: Receive, limit_bytes: int) -> bytes:
    """The whole body. Raises TooLarge before it is read whole, by its declared length where it has one."""
    for name, value in headers:
        if name == b"content-length" and int(value) > limit_bytes:
            raise _too_large(limit_bytes)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts, length = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        parts.append(message["body"])
        length += len(message["body"])
        if length > limit_bytes:
            raise _too_large(limit_bytes)
    return b"".join(parts)


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit_bytes >> 20} MiB, the most this gateway takes")


def _hangup(scope: Scope) -> Hangup:
    """The connection's; one of its own where another server runs the application."""
    extensions = scope.get("extensions") or {}
    hangup = extensions.get(HANGUP)
    return hangup if isinstance(hangup, Hangup) else Hangup()


async def _fail(sink: AsgiSink, status: int, kind: str, code: str, message: str) -> None:
    """An error that the gateway itself never saw; the connection is closed, since its body may be unread."""
    body = error_body(status=status, type=kind, code=code, message=message, request_id="")
    length = b"%d" % len(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close")]
    await sink.start(status, headers)
    await sink.end(body)


def client_ip(scope: Scope, trusted: Networks) -> str:
    """The client's address: the peer's, or behind trusted proxies the rightmost hop of X-Forwarded-For that is none."""
    client = scope.get("client")
    peer = client[0] if client else ""
    if not trusted or not _within(peer, trusted):
        return peer
    hops = [h.strip() for n, v in scope["headers"] if n == b"x-forwarded-for" for h in v.decode("latin-1").split(",")]
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
