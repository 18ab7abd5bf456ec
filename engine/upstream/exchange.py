"""One request and its answer, seen from the reader's side: waiting, deadlines, and the end, whichever comes first."""

import asyncio
from math import inf
from typing import Protocol

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

    def close(self) -> None: ...

    def resume(self) -> None: ...


class Exchange:
    """Implements `gateway.Answer` once its head is there.

    It holds its connection until the last byte has *arrived*, not until it has been read: the connection serves the
    next exchange while this one's rest is still being read. A wait that is cancelled closes the connection.
    """

    __slots__ = (
        "_ended",
        "_fault",
        "_inflater",
        "_kind",
        "_line",
        "_loop",
        "_parser",
        "_pieces",
        "_total_at_s",
        "_unread_bytes",
        "_waiter",
        "address",
        "connect_ms",
        "due_s",
        "headers",
        "sent",
        "status",
    )

    def __init__(self, *, loop: asyncio.AbstractEventLoop, address: str, total_at_s: float) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.address = address
        self.connect_ms: float | None = None
        self.sent = True
        """Whether the whole request has been handed to the connection."""
        self.due_s = total_at_s
        """When (loop time) the sweeper ends it."""
        self._total_at_s = total_at_s
        self._kind = OutcomeKind.TIMEOUT_TOTAL
        self._loop = loop
        self._line: _Line | None = None
        self._parser: ResponseParser | None = None
        self._pieces: list[bytes] = []
        self._unread_bytes = 0
        self._ended = False
        self._fault: UpstreamFault | None = None
        self._inflater: Inflater | None = None
        self._waiter: asyncio.Future[None] | None = None

    # The connection's side

    def attach(self, line: _Line, parser: ResponseParser) -> None:
        """Begin on a connection whose parser expects a new answer."""
        self._line = line
        self._parser = parser
        self._pieces = parser.pieces

    def arrived(self, size: int) -> bool:
        """Take note that the parser got *size* more bytes; False when the connection should stop reading for now.

        Raises:
            UpstreamMalformed: the head names an encoding that is not decoded.
        """
        parser = self._parser
        if not self.status and parser is not None and parser.head_complete:
            if parser.content_encoding and parser.content_encoding != b"identity":
                self._inflater = Inflater(parser.content_encoding)
            self.status = parser.status
            self.headers = parser.headers
        self._unread_bytes += size
        self.wake()
        return self._unread_bytes <= HIGH_WATER_BYTES or not self._pieces

    def end(self, fault: UpstreamFault | None) -> None:
        """Let go of the connection: the answer is complete, or *fault* broke it. What arrived can still be read."""
        self._line = None
        self._parser = None
        if not self._ended:
            self._ended = True
            self._fault = fault
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # The sweeper's side

    def expire(self, now_s: float) -> None:
        """End it because `due_s` has passed."""
        kind = OutcomeKind.TIMEOUT_TOTAL if now_s >= self._total_at_s else self._kind
        self._break(UpstreamTimeout(_TIMEOUTS[kind], kind=kind, received=self.received))

    # The reader's side

    @property
    def received(self) -> bool:
        """Whether any byte of the answer has arrived."""
        return bool(self.status) or (self._parser is not None and self._parser.started)

    @property
    def answered(self) -> bool:
        """Whether the head is there, or never will be."""
        return bool(self.status) or self._ended

    @property
    def is_decided(self) -> bool:
        """Whether the rest of the request is of no use: it was refused, or nothing more can be sent.

        A success may begin while its request is still being sent.
        """
        return self._ended or self.status >= 300

    @property
    def is_decoded(self) -> bool:
        """Whether what is read was compressed on the wire."""
        return self._inflater is not None

    def arm(self, kind: OutcomeKind, timeout_s: float) -> None:
        """From now on it is a timeout of *kind* after so many seconds, unless the total ends sooner."""
        self._kind = kind
        self.due_s = min(self._total_at_s, self._loop.time() + timeout_s)

    async def head(self) -> None:
        """Return once status and headers are there.

        Raises:
            UpstreamFault: they never will be.
        """
        while not self.answered:
            await self.wait()
        self.due_s = self._total_at_s
        if self._fault is not None and not self.status:
            raise self._fault

    async def read(self, timeout_s: float) -> bytes:
        """See `gateway.Answer.read`. Each call gives all that has arrived, at most about 64 KiB and one socket read."""
        if self._inflater is not None:
            return await self._read_inflated(self._inflater, timeout_s)
        return self._take() or await self._next(timeout_s)

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
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def abort(self) -> None:
        """See `gateway.Answer.abort`."""
        self._pieces.clear()
        self._inflater = None
        self._break(UpstreamReset("the exchange was given up", received=self.received))

    async def wait(self) -> None:
        """Return when something has happened. Cancelled, it closes the connection."""
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._waiter = None

    def _break(self, fault: UpstreamFault) -> None:
        line = self._line
        self.end(fault)
        if line is not None:
            line.close()

    def _take(self) -> bytes:
        """All pieces that have arrived, as one; b"" without any."""
        pieces = self._pieces
        if not pieces:
            return b""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._unread_bytes > HIGH_WATER_BYTES and self._line is not None:
            self._line.resume()
        self._unread_bytes = 0
        return data

    async def _next(self, timeout_s: float) -> bytes:
        """The next pieces, b"" at the end."""
        self.arm(OutcomeKind.TIMEOUT_BETWEEN_TOKENS, timeout_s)
        while not self._pieces and not self._ended:
            await self.wait()
        self.due_s = self._total_at_s
        if not self._pieces and self._fault is not None:
            raise self._fault
        return self._take()

    async def _read_inflated(self, inflater: Inflater, timeout_s: float) -> bytes:
        try:
            while not (data := inflater.read()):
                encoded = self._take() or await self._next(timeout_s)
                if not encoded:
                    inflater.finish()
                    return b""
                inflater.feed(encoded)
        except UpstreamMalformed:
            self.abort()
            raise
        return data
