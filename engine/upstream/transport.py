"""Our pool as an httpx transport: what everything but the hot path speaks HTTP through."""

from collections.abc import AsyncIterator
from ipaddress import IPv4Network, IPv6Network
from math import inf
from typing import Any, cast

import httpx

from engine.rules.program import Connections
from engine.upstream.connection import Job
from engine.upstream.credentials import HEADER_VALUE, TOKEN
from engine.upstream.exchange import Exchange
from engine.upstream.faults import httpx_faults
from engine.upstream.origin import Origin
from engine.upstream.pool import Pools

__all__ = ["PoolTransport", "client"]

_DECODED = (b"content-encoding", b"content-length", b"transfer-encoding")
"""What no longer holds of a body that has been decoded."""


class PoolTransport(httpx.AsyncBaseTransport):
    """An `httpx.AsyncBaseTransport` over `Pools`: the same guard, bounds, timeouts and decoding as the hot path.

    httpx's timeouts are taken as they are meant: `read` bounds each wait for bytes, `write` each wait for room while a
    streamed request goes out. Waiting for a connection and making one are bounded by the longer of `pool` and
    `connect`, or by the one that is there. There is no total.
    Closing it closes nothing: the pools belong to the worker.
    """

    def __init__(
        self,
        pools: Pools,
        *,
        allow_private: tuple[IPv4Network | IPv6Network, ...] = (),
        ca_file: str | None = None,
        connections: Connections,
    ) -> None:
        self._pools = pools
        self._allow_private = allow_private
        self._ca_file = ca_file
        self._connections = connections

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer with its body unread. Raises `httpx.TransportError`."""
        read_s = _timeout(request, "read")
        streamed = not isinstance(request.stream, httpx.ByteStream)
        job = Job(
            head=_head(request),
            body=_framed(request) if streamed else b"".join([part async for part in _request_body(request)]),
            connections=self._connections,
            connect_timeout_s=_connect_timeout_s(request),
            head_timeout_s=read_s,
            write_timeout_s=_timeout(request, "write"),
            total_timeout_s=inf,
            bodiless=request.method == "HEAD",
        )
        with httpx_faults(request):
            exchange = await self._pools.pool(self._origin(request)).perform(job)
        headers = exchange.headers
        if exchange.is_decoded:
            headers = [(name, value) for name, value in headers if name not in _DECODED]
        return httpx.Response(exchange.status, headers=headers, stream=_Body(exchange, request, read_s))

    def _origin(self, request: httpx.Request) -> Origin:
        url = request.url
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"no transport for {url.scheme!r}", request=request)
        return Origin(
            scheme=url.scheme,
            host=url.raw_host.decode("ascii"),
            port=url.port or (443 if url.scheme == "https" else 80),
            ca_file=self._ca_file,
            allow_private=self._allow_private,
        )


def client(
    pools: Pools,
    *,
    timeout_s: float,
    allow_private: tuple[IPv4Network | IPv6Network, ...] = (),
    ca_file: str | None = None,
    connections: Connections,
) -> httpx.AsyncClient:
    """An httpx client over *pools*: no redirects, no proxy from the environment, no compression asked for."""
    return httpx.AsyncClient(
        transport=PoolTransport(pools, allow_private=allow_private, ca_file=ca_file, connections=connections),
        timeout=timeout_s,
        trust_env=False,
        follow_redirects=False,
        headers={"accept-encoding": "identity"},
    )


class _Body(httpx.AsyncByteStream):
    """The body of an answer as httpx reads it; closing it early closes the connection."""

    def __init__(self, exchange: Exchange, request: httpx.Request, read_s: float) -> None:
        self._exchange = exchange
        self._request = request
        self._read_s = read_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with httpx_faults(self._request):
            while data := await self._exchange.read(self._read_s):
                yield data

    async def aclose(self) -> None:
        """Harmless after the end."""
        self._exchange.abort()


def _timeout(request: httpx.Request, phase: str) -> float:
    timeouts: dict[str, Any] = request.extensions.get("timeout", {})
    seconds = timeouts.get(phase)
    return inf if seconds is None else float(seconds)


def _connect_timeout_s(request: httpx.Request) -> float:
    bounds = [seconds for phase in ("connect", "pool") if (seconds := _timeout(request, phase)) != inf]
    return max(bounds, default=inf)


def _head(request: httpx.Request) -> bytes:
    """The head of a request. Raises LocalProtocolError for what could be read as more than one line."""
    target = request.url.raw_path.decode("ascii")
    if not TOKEN.fullmatch(request.method) or not target.isprintable() or " " in target:
        raise httpx.LocalProtocolError("a method or path that cannot be sent", request=request)
    lines = [f"{request.method} {target} HTTP/1.1"]
    for name, value in request.headers.multi_items():
        if not TOKEN.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            raise httpx.LocalProtocolError("a header that cannot be sent", request=request)
        lines.append(f"{name}: {value}")
    return "\r\n".join((*lines, "", "")).encode("ascii")


def _request_body(request: httpx.Request) -> httpx.AsyncByteStream:
    # httpx types a request's stream as sync or async; an async client only ever makes async ones
    return cast(httpx.AsyncByteStream, request.stream)


async def _framed(request: httpx.Request) -> AsyncIterator[bytes]:
    """The streamed body with its framing: chunks, or as many bytes as its head has said."""
    declared = request.headers.get("content-length")
    left = -1 if declared is None else int(declared)
    async for part in _request_body(request):
        if not part:
            continue
        if declared is None:
            yield b"%x\r\n%b\r\n" % (len(part), part)
            continue
        left -= len(part)
        if left < 0:
            raise httpx.LocalProtocolError("the body is longer than its content-length", request=request)
        yield part
    if left > 0:
        raise httpx.LocalProtocolError("the body is shorter than its content-length", request=request)
    if declared is None:
        yield b"0\r\n\r\n"
