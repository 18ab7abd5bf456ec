"""The inference endpoints: a thin caller of the gateway's straight line, and the server's last line."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Protocol

from litestar.exceptions import MethodNotAllowedException

from engine.errors import BadRequest, Bug, TooLarge
from engine.gateway import NOTHING_SAID, Gateway, Inbound, PathSays, Sink, head_fields
from engine.live.current import Current
from engine.live.log import Log
from engine.server.hangup import HANGUP, Hangup
from engine.server.uploads import Incoming, Uploads
from engine.values import Headers, Surface
from engine.wire.codecs import caller_codec
from engine.wire.multipart import Form, is_form
from engine.wire.told import Told

__all__ = ["LINGER_S", "AsgiSink", "Inference", "client_ip"]

LINGER_S = 1.0
"""nginx lingers up to 5 s between reads; a second is enough for what was under way."""
MOST_CLIENTS = 4096
"""Clients whose addresses are remembered at once."""
_FAILED = (
    b"content-type: application/json\r\nx-request-id: %b\r\nrequest-id: %b\r\n"
    b"x-should-retry: false\r\nconnection: close\r\n"
)

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

    async def whole(self, status: int, head: bytes, body: bytes) -> None:
        """Send an answer with its length."""
        await self.start(status, b"%bcontent-length: %d\r\n" % (head, len(body)))
        await self.end(body)

    async def start(self, status: int, head: bytes) -> None:
        """Send the head."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": head_fields(head)})

    async def send(self, data: bytes) -> None:
        """Send part of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last part."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def abort(self) -> None:
        """Nothing to do: a server closes the connection of an application that ends before its answer does."""


class LingeringSink(AsgiSink):
    """Answers a request whose body was not read to its end.

    What still arrives of it is read for a moment and thrown away: closing a connection with bytes unread resets it, and
    the peer may never see the answer.
    """

    __slots__ = ("_receive",)

    def __init__(self, send: Send, receive: Receive) -> None:
        super().__init__(send)
        self._receive = receive

    async def end(self, data: bytes = b"") -> None:
        """Send the last part, and finish when the body has ended, or the moment has passed."""
        await self.send(data)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (await self._receive()).get("more_body"):
                    pass
        await super().end()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """One surface: an ASGI application, and what a lane calls."""

    surface: Surface
    gateway: Gateway
    current: Current
    log: Log
    body_limit_bytes: int
    trusted_proxies: Networks
    uploads: Uploads
    takes_forms: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "takes_forms", caller_codec(self.surface).takes_forms)

    def is_upload(self, headers: Headers) -> bool:
        """Whether a request with these *headers* is a form, which is taken in piece by piece as it arrives."""
        return self.takes_forms and is_form(_content_type(headers))

    async def answer(
        self, headers: Headers, body: bytes | Form, ip: str, sink: ServerSink, path: PathSays = NOTHING_SAID
    ) -> None:
        """Answer one request that has arrived whole. If we fail, that is logged; the caller is told the request id."""
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
            await self._failed(sink, inbound.request_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of ASGI; a caller who hangs up cancels it."""
        if scope["method"] != "POST":
            raise MethodNotAllowedException(detail=f"{scope['path']} takes POST", headers={"allow": "POST"})
        await self.serve(scope, receive, send, NOTHING_SAID)

    async def serve(self, scope: Scope, receive: Receive, send: Send, path: PathSays) -> None:
        """Answer one ASGI POST; *path* is what its path says of it."""
        hangup, task = _hangup(scope), asyncio.current_task()
        assert task is not None
        hangup.watch(task)
        try:
            await self._taken(scope, receive, send, path)
        except asyncio.CancelledError:
            if not hangup.happened:
                raise
        finally:
            hangup.release(task)

    async def refuse(self, sink: Sink) -> None:
        """Answer a request whose body is too large, without having read it."""
        message = f"the body is larger than {self.body_limit_bytes} bytes, the most this gateway takes"
        await self._fail(sink, TooLarge, message, self.gateway.entropy.request_id())

    def no_http(self, why: str, request_id: str) -> bytes:
        """The whole answer, head and body, to bytes that are no HTTP request."""
        message = f"this is no valid HTTP/1.1 request: {why}"
        told = Told(status=400, type=BadRequest.type, code="invalid_http", message=message, request_id=request_id)
        body = caller_codec(self.surface).error_body(told)
        return b"HTTP/1.1 400 Bad Request\r\n%bcontent-length: %d\r\n\r\n%b" % (
            _FAILED % (request_id.encode(), request_id.encode()),
            len(body),
            body,
        )

    async def _taken(self, scope: Scope, receive: Receive, send: Send, path: PathSays) -> None:
        """Read a request and answer it, or say why it was not read to its end."""
        headers, client = scope["headers"], scope.get("client")
        incoming = self.uploads.incoming(_content_type(headers)) if self.is_upload(headers) else None
        try:
            body = await _body(headers, receive, self.body_limit_bytes, incoming)
            ip = client_ip(client[0] if client else "", headers, self.trusted_proxies)
            await self.answer(headers, body, ip, AsgiSink(send), path)
        except TooLarge:
            await self.refuse(LingeringSink(send, receive))
        except OSError as exc:  # of a form that could not be stored: `answer` lets nothing through
            request_id = self.gateway.entropy.request_id()
            self.log.error("upload_not_stored", request_id=request_id, exc_info=exc)  # noqa: TRY400 - structured
            await self._failed(LingeringSink(send, receive), request_id)
        finally:
            if incoming is not None:
                incoming.close()

    async def _failed(self, sink: ServerSink, request_id: str) -> None:
        """Tell the caller that we failed, and the request id under which it is logged, but no more."""
        if sink.started:
            sink.abort()
        else:
            await self._fail(sink, Bug, "the gateway failed; the request id leads to why", request_id)

    async def _fail(self, sink: Sink, fault: type[TooLarge | Bug], message: str, request_id: str) -> None:
        """Send an error of the server's own, and close the connection, since the request's body may be unread."""
        told = Told(status=fault.status, type=fault.type, code=fault.code, message=message, request_id=request_id)
        body = caller_codec(self.surface).error_body(told)
        said = request_id.encode()
        await sink.whole(fault.status, _FAILED % (said, said), body)


async def _body(headers: Headers, receive: Receive, limit_bytes: int, incoming: Incoming | None) -> bytes | Form:
    """The whole body, a form where one is *incoming*.

    Raises:
        TooLarge: it is larger than *limit_bytes*; raised before it is read whole, at once where it declares its length.
        OSError: a form cannot be stored.
    """
    for name, value in headers:
        if name == b"content-length" and int(value) > limit_bytes:
            raise TooLarge("declared")
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        part = message.get("body", b"")
        length += len(part)
        if length > limit_bytes:
            raise TooLarge("received")
        more = message.get("more_body", False)
        if incoming is None:
            parts.append(part)
        else:
            await incoming.take(part)
    return b"".join(parts) if incoming is None else await incoming.form()


def _content_type(headers: Headers) -> str:
    """The Content-Type; the last of several counts, as it does for the gateway."""
    return next((value.decode("latin-1") for name, value in reversed(headers) if name == b"content-type"), "")


def _hangup(scope: Scope) -> Hangup:
    """The connection's `Hangup`; a new one where another server runs the application."""
    extensions = scope.get("extensions") or {}
    hangup = extensions.get(HANGUP)
    return hangup if isinstance(hangup, Hangup) else Hangup()


def client_ip(peer: str, headers: Headers, trusted: Networks) -> str:
    """The client's address: *peer*, or behind trusted proxies the rightmost X-Forwarded-For hop that is none of them.

    In its usual spelling, with IPv4 in IPv6 as IPv4; empty where the peer has no address, as on a UNIX socket.
    """
    address = _spelt(peer)
    if not trusted or not _within(address, trusted):
        return address
    hops = [hop.strip() for n, v in headers if n == b"x-forwarded-for" for hop in v.decode("latin-1").split(",")]
    for hop in map(_spelt, reversed(hops)):
        if not _within(hop, trusted):
            return hop or address
    return address


def _within(address: str, networks: Networks) -> bool:
    return address != "" and any(ip_address(address) in network for network in networks)


@lru_cache(MOST_CLIENTS)
def _spelt(text: str) -> str:
    """The address in its usual spelling, without an IPv6 zone; empty when *text* is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
