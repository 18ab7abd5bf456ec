"""The upstream over httpx's own transport, for providers that say `transport: httpx`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import suppress
from contextvars import ContextVar, copy_context
from math import inf
from ssl import SSLContext
from time import monotonic
from typing import Any, cast

import httpcore
import httpx

from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamTimeout, UpstreamUnreachable
from engine.gateway import Call
from engine.rules.program import Connections
from engine.upstream.credentials import JSON, Heads
from engine.upstream.dial import reason
from engine.upstream.egress import Guard
from engine.upstream.faults import our_faults
from engine.upstream.inflate import Inflater
from engine.upstream.origin import Origin
from engine.upstream.tls import TlsContexts
from engine.values import Headers

__all__ = ["GuardedTransport", "HttpxUpstream"]

SocketOptions = Iterable[tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]]


class _Errand:
    """One request while httpcore has it, which may outlive whoever asked.

    httpcore 1.0.9 never takes back the place in its pool of a request that is cancelled at the wrong moment
    (encode/httpcore issue 1093): a few dozen callers who hang up would leave a provider without connections. So nothing
    is ever cancelled in there; an errand that nobody waits for fails at its next step instead, as if the provider had
    closed the connection.
    """

    def __init__(self) -> None:
        self.stream: httpcore.AsyncNetworkStream | None = None
        """The connection it was sent on."""
        self.abandoned = False

    async def end(self, task: asyncio.Task[httpx.Response]) -> None:
        """Close the connection, and the answer if *task* has one, and see httpcore through its own clean-up.

        Without a connection yet, that takes as long as waiting for one may.
        """
        if self.stream is not None:
            await self.stream.aclose()
        with suppress(httpx.RequestError):
            response = await task
            await response.aclose()


_errand: ContextVar[_Errand | None] = ContextVar("_errand", default=None)
"""What the task that asks for a step of httpcore's is about; None for the reader of a body."""


class _Stream(httpcore.AsyncNetworkStream):
    """httpcore's connection, which knows whose it is, and ends the errand of someone who has gone."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        """As httpcore's."""
        if self._is_abandoned():
            raise httpcore.ReadError("nobody waits for an answer")
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        """As httpcore's."""
        if self._is_abandoned():
            raise httpcore.WriteError("nobody waits for an answer")
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """As httpcore's."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """As httpcore's."""
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """As httpcore's."""
        return self._inner.get_extra_info(info)

    def _is_abandoned(self) -> bool:
        errand = _errand.get()
        if errand is None:
            return False
        errand.stream = self
        return errand.abandoned


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """httpcore's network behind the egress guard: the same check, and the checked address is dialled."""

    def __init__(self, guard: Guard, origin: Origin) -> None:
        self._guard = guard
        self._origin = origin
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first checked address of *host* that answers."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._guard.addresses(host, port, self._origin.allow_private)
        except UpstreamUnreachable as fault:
            raise httpcore.ConnectError(fault.detail) from fault
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout("the host name was not resolved in time") from exc
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                share_s = None if timeout is None else timeout / len(addresses)
                return _Stream(await self._inner.connect_tcp(address, port, share_s, local_address, socket_options))
        return _Stream(await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        """As httpcore's."""
        await self._inner.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport with our guard and TLS settings; no proxy, no retry, no environment."""

    def __init__(self, origin: Origin, connections: Connections, guard: Guard, context: SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx has no way to be given a network backend; a test dials a private address to see that this one is used
        self._pool = self._guarded = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections.max,
            max_keepalive_connections=connections.max,
            keepalive_expiry=connections.keepalive_s,
            network_backend=_GuardedBackend(guard, origin),
        )

    @property
    def is_idle(self) -> bool:
        """Whether no answer is under way."""
        return all(connection.is_idle() for connection in self._guarded.connections)


class HttpxUpstream:
    """Implements `gateway.Upstream`. `head_timeout_s` includes the time to connect: httpx does not tell them apart."""

    def __init__(self, heads: Heads, guard: Guard, contexts: TlsContexts) -> None:
        self._heads = heads
        self._guard = guard
        self._contexts = contexts
        self._transports: dict[Origin, GuardedTransport] = {}
        self._retired: list[GuardedTransport] = []
        self._closing: set[asyncio.Task[None]] = set()
        """Answers and errands that were given up and are closing; held here, since a loop does not hold its tasks."""

    async def send(self, call: Call) -> "_HttpxAnswer":
        """See `gateway.Upstream.send`."""
        provider = call.offer.provider
        head = self._heads.head(provider, call.path, call.key_label, typed=call.content_type == JSON)
        total_at_s = asyncio.get_running_loop().time() + call.total_timeout_s
        waited_s = await head.ready(call)
        request = httpx.Request(
            "POST",
            head.url,
            headers=[
                (b"accept-encoding", b"identity"),
                *((name.encode("ascii"), value.encode("ascii")) for name, value in head.headers),
                *head.beside(call),
                (b"content-length", b"%d" % len(call.body)),
            ],
            content=call.body if isinstance(call.body, bytes) else call.body.chunks(),
            extensions={"timeout": dict.fromkeys(("connect", "pool"), provider.timeouts.connect_s)},
        )
        transport = self._transport(head.origin, provider.connections)
        connect = _ConnectTime()
        request.extensions["trace"] = connect.trace
        response = await self._response(transport, request, call.head_timeout_s, call.total_timeout_s - waited_s)
        answer = _HttpxAnswer(response, head.origin.address, connect.ms, total_at_s, self._closing)
        answer.check()
        return answer

    async def retain(self, origins: set[Origin]) -> None:
        """Close the transports that no origin of *origins* uses.

        One that still carries an answer is closed by a later call.
        """
        for origin in self._transports.keys() - origins:
            self._retired.append(self._transports.pop(origin))
        for transport in [retired for retired in self._retired if retired.is_idle]:
            self._retired.remove(transport)
            await transport.aclose()

    async def close(self) -> None:
        """Close everything, answers under way included."""
        await asyncio.gather(*self._closing)
        for transport in (*self._transports.values(), *self._retired):
            await transport.aclose()
        self._transports.clear()
        self._retired.clear()

    def _transport(self, origin: Origin, connections: Connections) -> GuardedTransport:
        transport = self._transports.get(origin)
        if transport is None:
            try:
                context = self._contexts.context(origin.ca_file)
            except OSError as exc:
                raise UpstreamUnreachable(reason(exc)) from exc
            transport = GuardedTransport(origin, connections, self._guard, context)
            self._transports[origin] = transport
        return transport

    async def _response(
        self, transport: GuardedTransport, request: httpx.Request, head_timeout_s: float, total_timeout_s: float
    ) -> httpx.Response:
        """The response once its head is there. Whoever does not wait for it leaves httpcore to end in peace."""
        errand, context = _Errand(), copy_context()
        context.run(_errand.set, errand)
        task = asyncio.get_running_loop().create_task(transport.handle_async_request(request), context=context)
        try:
            await asyncio.wait((task,), timeout=min(head_timeout_s, total_timeout_s))
        except asyncio.CancelledError:
            self._abandon(errand, task)
            raise
        first = OutcomeKind.TIMEOUT_FIRST_TOKEN
        if not task.done():
            self._abandon(errand, task)
            kind = first if head_timeout_s < total_timeout_s else OutcomeKind.TIMEOUT_TOTAL
            raise UpstreamTimeout("no answer began in time", kind=kind)
        with our_faults(phase=first, received=False):
            return task.result()

    def _abandon(self, errand: _Errand, task: asyncio.Task[httpx.Response]) -> None:
        errand.abandoned = True
        closing = asyncio.get_running_loop().create_task(errand.end(task))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


class _ConnectTime:
    """How long httpcore took to connect, from its trace events; None when it reused a connection."""

    def __init__(self) -> None:
        self.ms: float | None = None
        self._began_s = 0.0

    async def trace(self, event: str, info: dict[str, object]) -> None:
        """Called by httpcore, as its extension `trace`."""
        del info
        if event == "connection.connect_tcp.started":
            self._began_s = monotonic()
        elif event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self.ms = (monotonic() - self._began_s) * 1_000


class _HttpxAnswer:
    """Implements `gateway.Answer`."""

    def __init__(
        self,
        response: httpx.Response,
        address: str,
        connect_ms: float | None,
        total_at_s: float,
        closing: set[asyncio.Task[None]],
    ) -> None:
        self.status = response.status_code
        self.headers: Headers = [(name.lower(), value) for name, value in response.headers.raw]
        self.address = address
        self.connect_ms = connect_ms
        self._total_at_s = total_at_s
        self._response = response
        self._chunks = self._body()
        self._inflater: Inflater | None = None
        self._closing = closing
        self._is_closed = False

    def check(self) -> None:
        """Refuse an encoding that is not decoded."""
        encoding = self._response.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            try:
                self._inflater = Inflater(encoding.encode("ascii", "replace"))
            except UpstreamMalformed:
                self.abort()
                raise

    @property
    def is_read(self) -> bool:
        """See `gateway.Answer.is_read`. httpx tells the end by the next read alone."""
        return False

    async def read(self, timeout_s: float) -> bytes:
        """See `gateway.Answer.read`."""
        try:
            if self._inflater is None:
                return await self._next(timeout_s)
            return await self._read_inflated(self._inflater, timeout_s)
        except (UpstreamFault, asyncio.CancelledError):
            self.abort()
            raise

    async def read_all(self, limit_bytes: int) -> bytes:
        """See `gateway.Answer.read_all`."""
        parts = []
        size = 0
        while data := await self.read(inf):
            size += len(data)
            if size > limit_bytes:
                self.abort()
                raise UpstreamMalformed("an answer of more bytes than are taken", received=True)
            parts.append(data)
        return b"".join(parts)

    def abort(self) -> None:
        """See `gateway.Answer.abort`. httpx closes in a coroutine, so this one is done on the loop's next turn."""
        if not self._is_closed:
            self._is_closed = True
            task = asyncio.get_running_loop().create_task(self._close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close(self) -> None:
        with suppress(httpx.RequestError, RuntimeError):  # RuntimeError: a cancelled read still unwinds
            await self._chunks.aclose()
        with suppress(httpx.RequestError):
            await self._response.aclose()

    async def _body(self) -> AsyncGenerator[bytes, None]:
        async for chunk in cast(AsyncIterator[bytes], self._response.stream):
            yield chunk
        await self._response.aclose()  # what gives the connection back to httpcore's pool

    async def _next(self, timeout_s: float) -> bytes:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + timeout_s
        between = OutcomeKind.TIMEOUT_BETWEEN_TOKENS
        when_s = min(due_s, self._total_at_s)
        try:
            with our_faults(phase=between, received=True):
                async with asyncio.timeout_at(None if when_s == inf else when_s):
                    return await anext(self._chunks, b"")
        except TimeoutError as exc:
            kind = between if due_s < self._total_at_s else OutcomeKind.TIMEOUT_TOTAL
            raise UpstreamTimeout("the answer stalled", kind=kind, received=True) from exc

    async def _read_inflated(self, inflater: Inflater, timeout_s: float) -> bytes:
        while not (data := inflater.read()):
            encoded = await self._next(timeout_s)
            if not encoded:
                inflater.finish()
                return b""
            inflater.feed(encoded)
        return data
