"""One connection to a provider: an asyncio protocol that carries one exchange at a time."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from math import inf
from typing import cast

import msgspec

from engine.errors import UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.gateway import Cork
from engine.rules.program import Connections
from engine.upstream.exchange import Exchange
from engine.upstream.http1 import ResponseParser
from engine.upstream.sweep import Sweeper
from engine.wire.content import Body

__all__ = ["Connection", "Job", "Upload"]

JOIN_BYTES = 65_536
"""Bodies up to here are joined to their head: copying them costs less than a second system call."""

Upload = AsyncIterator[bytes]
"""The rest of a request's bytes, framed already, which can be had once."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One request, framed, and how long its phases may take."""

    head: bytes
    body: Body | Upload = b""
    """In memory, in pieces that are read each time it is sent, or made as it goes and framed already."""
    connections: Connections
    connect_timeout_s: float
    head_timeout_s: float
    """From the start of sending; from its end for a body that is made as it goes."""
    write_timeout_s: float = inf
    """Of such a body: for each wait until the socket takes more."""
    total_timeout_s: float
    bodiless: bool = False
    """The answer has no body, whatever its head says (HEAD)."""


class Connection(asyncio.Protocol):
    """Owned by a pool, which learns through two callbacks that it is free again, or gone.

    A connection that is not known to be clean is closed, never reused: after a fault, a cancellation, an answer that
    does not keep alive, bytes that nobody asked for, or an answer that came before its request was fully sent.
    """

    def __init__(
        self,
        *,
        address: str,
        sweeper: Sweeper,
        cork: Cork,
        released: Callable[["Connection"], None],
        gone: Callable[["Connection"], None],
    ) -> None:
        self.idle_since_s = 0.0
        self.connect_ms: float | None = None
        """How long it took to be made; told to its first exchange and forgotten."""
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._sweeper = sweeper
        self._cork = cork
        self._released = released
        self._gone = gone
        self._parser = ResponseParser()
        self._exchange: Exchange | None = None
        self._is_open = False
        self._is_over = False
        """It ended, be it before it was made: TLS may end, or bring bytes, before `secured` is called."""
        self._paused_reading = False
        self._paused_writing = False

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = self._flow = cast(asyncio.Transport, transport)
        self._is_open = True

    def secured(self, transport: asyncio.Transport, raw: asyncio.Transport) -> None:
        """Keep the *transport* of TLS, in the place of `connection_made`, and what it rides on.

        It is *raw* that is paused when too much is unread. uvloop's TLS, once paused, drops what it holds when the peer
        ends the connection, while a plain socket keeps the bytes and the end after them until it is read again.
        """
        self.connection_made(transport)
        self._flow = raw
        if self._is_over:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the exchange; bytes that no exchange waits for end the connection."""
        self._cork.heard()
        exchange = self._exchange
        if exchange is None:
            self.close()
            return
        parser = self._parser
        try:
            parser.feed(data)
            if parser.status and not exchange.status:
                exchange.opens(parser)
        except UpstreamMalformed as fault:
            exchange.arrived(parser.pieces, len(data))
            self._finish(exchange, fault)
            return
        goes_on = exchange.arrived(parser.pieces, len(data))
        if parser.complete:
            self._finish(exchange, None)
            return
        exchange.wake()
        if not goes_on:
            self._paused_reading = True
            self._flow.pause_reading()

    def eof_received(self) -> None:
        """Take a half-close for the end: whoever ends its answers this way does not read requests any more."""
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange that was under way."""
        if exc is not None and self._exchange is not None:
            received = self._parser.started
            self._finish(self._exchange, UpstreamReset("the connection was reset", received=received))
        self._ended()

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._paused_writing = True

    def resume_writing(self) -> None:
        """The socket takes more again."""
        self._paused_writing = False
        if self._exchange is not None:
            self._exchange.wake()

    # The pool's side

    def is_usable(self) -> bool:
        """Whether it can begin an exchange, when it carries none."""
        return self._is_open and not self._transport.is_closing()

    def begin(self, job: Job, now_s: float, total_at_s: float) -> Exchange:
        """Send *job*, or its head alone where the body is to follow by `upload`: the exchange is not `sent` then."""
        exchange = self._exchange = Exchange(
            self, self._loop, self._address, self.connect_ms, now_s + job.head_timeout_s, total_at_s, job.bodiless
        )
        self.connect_ms = None
        self._parser.begin()
        self._sweeper.add(exchange)
        body = job.body
        if not isinstance(body, bytes):
            exchange.sent = False
            self._transport.write(job.head)
        elif len(body) <= JOIN_BYTES:
            self._cork.write(self._transport, job.head + body)
        else:
            self._transport.write(job.head)
            self._transport.write(body)
        return exchange

    async def upload(self, exchange: Exchange, chunks: Upload) -> None:
        """Send the rest of a request, no faster than the socket takes it; stop when it is no longer wanted.

        Whoever is cancelled in here must abort the exchange.
        """
        async for chunk in chunks:
            if exchange.is_decided:
                return
            self._transport.write(chunk)
            while self._paused_writing and not exchange.is_decided:
                await exchange.news()
        exchange.sent = True

    async def upload_made(self, exchange: Exchange, chunks: Upload, job: Job) -> None:
        """As `upload`, of *chunks* that are made as they go: how long that takes is no fault of the other side.

        Each wait for room may take `write_timeout_s`; the answer has `head_timeout_s` from the last chunk on.
        """
        exchange.due_s = inf
        async for chunk in chunks:
            if exchange.is_decided:
                return
            self._transport.write(chunk)
            exchange.due_s = self._loop.time() + job.write_timeout_s
            while self._paused_writing and not exchange.is_decided:
                await exchange.news()
            exchange.due_s = inf
        exchange.sent = True
        exchange.due_s = self._loop.time() + job.head_timeout_s

    @property
    def heard(self) -> bool:
        """Whether any byte of the answer has arrived."""
        return self._parser.started

    def resume(self) -> None:
        """Read again after the exchange's reader has caught up."""
        if self._paused_reading:
            self._paused_reading = False
            if not self._flow.is_closing():
                self._flow.resume_reading()

    def close(self) -> None:
        """Close the socket at once, dropping what is buffered."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._sweeper.discard(exchange)
        self._is_over = True
        if self._is_open:
            self._is_open = False
            self._transport.abort()
            self._gone(self)

    def _ended(self) -> None:
        """No more bytes will come."""
        if self._exchange is not None:
            try:
                self._parser.eof()
            except UpstreamReset as fault:
                self._finish(self._exchange, fault)
            else:
                self._finish(self._exchange, _cut_short(self._transport))
        self.close()

    def _finish(self, exchange: Exchange, fault: UpstreamFault | None) -> None:
        """Part with *exchange*, and be free or closed."""
        self._exchange = None
        self._sweeper.discard(exchange)
        exchange.end(fault)
        if (
            fault is None
            and self._parser.keep_alive
            and exchange.sent
            and not self._cork.holds(self._transport)
            and not self._transport.get_write_buffer_size()
        ):
            self._released(self)
        else:
            self.close()


def _cut_short(transport: asyncio.Transport) -> UpstreamReset | None:
    """What is wrong with an end of TLS without `close_notify`, which anybody on the way can bring about.

    An answer that has no other end is incomplete then (RFC 9112, 9.8). TLS itself tells: after a `close_notify` a read
    is at its end, without one it waits for more.
    """
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if tls is None:
        return None
    try:
        tls.read(1)
    except ssl.SSLZeroReturnError:
        return None
    except ssl.SSLError:
        return UpstreamReset("TLS ended without close_notify, and the answer has no length", received=True)
    return None
