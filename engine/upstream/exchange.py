"""One request and its answer, seen from the reader's side: waiting, deadlines, and the end, whichever comes first."""

import asyncio
from collections.abc import Coroutine
from math import inf
from typing import Any, Protocol

import msgspec

from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset, UpstreamTimeout
from engine.upstream.http1 import ResponseParser
from engine.upstream.inflate import Inflater
from engine.values import Headers

__all__ = ["Exchange"]

HIGH_WATER_BYTES = 65_536
"""Unread bytes above which the connection stops reading: asyncio's own default for the other direction."""

_TIMEOUTS = {
    OutcomeKind.TIMEOUT_FIRST_TOKEN: "no answer began in time",
    OutcomeKind.TIMEOUT_BETWEEN_TOKENS: "the answer stalled",
    OutcomeKind.TIMEOUT_TOTAL: "the answer took too long",
}


class _Line(Protocol):
    """What an exchange asks of the connection that carries it."""

    @property
    def heard(self) -> bool: ...

    def close(self) -> None: ...

    def resume(self) -> None: ...


class Exchange(msgspec.Struct, eq=False):
    """Implements `gateway.Answer` once its head is there.

    It holds its connection until the last byte has *arrived*, not until it has been read: the connection serves the
    next exchange while this one's rest is still being read. A wait that is cancelled closes the connection.
    """

    _line: _Line | None
    """None once nothing more will arrive."""
    _loop: asyncio.AbstractEventLoop
    address: str
    connect_ms: float | None
    due_s: float
    """When (loop time) the phase that it is in has taken too long."""
    total_at_s: float
    """When all of it has."""
    bodiless: bool
    """The answer is its head alone, whatever that says."""
    status: int = 0
    headers: Headers = ()
    sent: bool = True
    """Whether the whole request has been handed to the connection."""
    handed_over: bool = False
    """Whether its reader has it: from then on an answer can stall, and no longer fail to begin."""
    fault: UpstreamFault | None = None
    """What ended it before its end; there is one if it ended without a status."""
    _pieces: list[bytes] = []
    _unread_bytes: int = 0
    _inflater: Inflater | None = None
    _waiter: asyncio.Future[None] | None = None

    # The connection's side

    def opens(self, parser: ResponseParser) -> None:
        """Take the head, which *parser* has all of.

        Raises:
            UpstreamMalformed: it names an encoding that is not decoded.
        """
        if parser.content_encoding and parser.content_encoding != b"identity":
            self._inflater = Inflater(parser.content_encoding)
        self.status = parser.status
        self.headers = parser.headers
        if self.bodiless:
            parser.end()

    def arrived(self, pieces: list[bytes], size: int) -> bool:
        """Empty *pieces*, all of the body in *size* bytes; False when the connection should stop reading for now."""
        self._pieces += pieces
        pieces.clear()
        self._unread_bytes += size
        return self._unread_bytes <= HIGH_WATER_BYTES or not self._pieces

    def end(self, fault: UpstreamFault | None) -> None:
        """Let go of the connection: the answer is complete, or *fault* broke it. What arrived can still be read."""
        self._line = None
        self.fault = fault
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():  # it is done when it was woken before, or was cancelled
            waiter.set_result(None)

    # The sweeper's side

    def expire(self, now_s: float) -> None:
        """End it because `due_s` or `total_at_s` has passed."""
        kind = OutcomeKind.TIMEOUT_BETWEEN_TOKENS if self.handed_over else OutcomeKind.TIMEOUT_FIRST_TOKEN
        if now_s >= self.total_at_s:
            kind = OutcomeKind.TIMEOUT_TOTAL
        self._break(UpstreamTimeout(_TIMEOUTS[kind], kind=kind, received=self.received))

    # The reader's side

    @property
    def received(self) -> bool:
        """Whether any byte of the answer has arrived."""
        return bool(self.status) or (self._line is not None and self._line.heard)

    @property
    def is_decided(self) -> bool:
        """Whether the rest of the request is of no use: it was refused, or nothing more can be sent.

        A success may begin while its request is still being sent.
        """
        return self._line is None or self.status >= 300

    @property
    def is_decoded(self) -> bool:
        """Whether what is read was compressed on the wire."""
        return self._inflater is not None

    @property
    def is_read(self) -> bool:
        """See `gateway.Answer.is_read`. What was compressed may have more in it than has arrived."""
        return self._line is None and not self._pieces and self.fault is None and self._inflater is None

    def read(self, timeout_s: float) -> Coroutine[Any, Any, bytes]:
        """See `gateway.Answer.read`. Each call gives all that has arrived, at most about 64 KiB and one socket read."""
        return self._read(timeout_s) if self._inflater is None else self._read_inflated(self._inflater, timeout_s)

    async def read_all(self, limit_bytes: int) -> bytes:
        """See `gateway.Answer.read_all`."""
        is_whole = self._line is None and self.fault is None and self._inflater is None
        if is_whole and self._unread_bytes <= limit_bytes:  # as a small answer is at once
            pieces, self._pieces = self._pieces, []
            return b"".join(pieces)
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
        """See `gateway.Answer.abort`."""
        self._pieces.clear()
        self._inflater = None
        if self._line is not None:
            self._break(UpstreamReset("the exchange was given up", received=self.received))

    def news(self) -> asyncio.Future[None]:
        """Done when something has happened. Whoever is cancelled while waiting for it must `abort`."""
        waiter = self._waiter = self._loop.create_future()
        return waiter

    def _break(self, fault: UpstreamFault) -> None:
        line = self._line
        self.end(fault)
        if line is not None:
            line.close()

    async def _read(self, timeout_s: float) -> bytes:
        """All that has arrived, once anything has, as it came; b"" at the end. Raises as `read` does."""
        if not self._pieces and self._line is not None:
            self.due_s = self._loop.time() + timeout_s
            try:
                while not self._pieces and self._line is not None:
                    await self.news()
            except asyncio.CancelledError:
                self.abort()
                raise
            self.due_s = inf
        return self._take()

    def _take(self) -> bytes:
        """All that has arrived; b"" without any. Raises what broke it, once everything before has been taken."""
        pieces = self._pieces
        if not pieces:
            if self.fault is not None:
                raise self.fault
            return b""
        data = b"".join(pieces)  # a single piece is given as it is
        pieces.clear()
        if self._unread_bytes > HIGH_WATER_BYTES and self._line is not None:
            self._line.resume()
        self._unread_bytes = 0
        return data

    async def _read_inflated(self, inflater: Inflater, timeout_s: float) -> bytes:
        try:
            while not (data := inflater.read()):
                encoded = await self._read(timeout_s)
                if not encoded:
                    inflater.finish()
                    return b""
                inflater.feed(encoded)
        except UpstreamMalformed:
            self.abort()
            raise
        return data
