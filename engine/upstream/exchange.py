"""One request and its answer, seen from the reader's side: waiting, deadlines, and the end, whichever comes first."""

import asyncio
from collections.abc import Coroutine
from math import inf
from typing import Any, Protocol

from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset, UpstreamTimeout
from engine.upstream.http1 import ResponseParser
from engine.upstream.inflate import Inflater
from engine.values import Headers

__all__ = ["Exchange"]

HIGH_WATER_BYTES = 65_536
"""Unread bytes above which the connection stops reading: asyncio's own default for the other direction."""

# by names of their own: Python looks an enum's member up anew each time, which costs more than a call
_OPENING = OutcomeKind.TIMEOUT_FIRST_TOKEN
_READING = OutcomeKind.TIMEOUT_BETWEEN_TOKENS
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


class Exchange:
    """Implements `gateway.Answer` once its head is there.

    It holds its connection until the last byte has *arrived*, not until it has been read: the connection serves the
    next exchange while this one's rest is still being read. A wait that is cancelled closes the connection.
    """

    __slots__ = (
        "_inflater",
        "_line",
        "_loop",
        "_phase",
        "_pieces",
        "_unread_bytes",
        "_waiter",
        "address",
        "answered",
        "connect_ms",
        "due_s",
        "ended",
        "fault",
        "headers",
        "sent",
        "status",
        "total_at_s",
    )

    def __init__(
        self, line: _Line, loop: asyncio.AbstractEventLoop, address: str, due_s: float, total_at_s: float
    ) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.address = address
        self.connect_ms: float | None = None
        self.sent = True
        """Whether the whole request has been handed to the connection."""
        self.answered = False
        """Whether the head is there, or never will be."""
        self.ended = False
        """Whether nothing more will arrive."""
        self.fault: UpstreamFault | None = None
        """What ended it before its end."""
        self.due_s = due_s
        """When (loop time) the phase that it is in has taken too long."""
        self.total_at_s = total_at_s
        """When all of it has."""
        self._phase = _OPENING
        self._loop = loop
        self._line: _Line | None = line
        self._pieces: list[bytes] = []
        self._unread_bytes = 0
        self._inflater: Inflater | None = None
        self._waiter: asyncio.Future[None] | None = None

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
        self.answered = True

    def arrived(self, body: bytes, size: int) -> bool:
        """Take *body*, all there was of it in *size* bytes; False when the connection should stop reading for now."""
        if body:
            self._pieces.append(body)
        self._unread_bytes += size
        return self._unread_bytes <= HIGH_WATER_BYTES or not self._pieces

    def end(self, fault: UpstreamFault | None) -> None:
        """Let go of the connection: the answer is complete, or *fault* broke it. What arrived can still be read."""
        self._line = None
        if not self.ended:
            self.ended = self.answered = True
            self.fault = fault
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():  # it was cancelled in this turn of the loop
                waiter.set_result(None)

    # The sweeper's side

    def expire(self, now_s: float) -> None:
        """End it because `due_s` or `total_at_s` has passed."""
        kind = OutcomeKind.TIMEOUT_TOTAL if now_s >= self.total_at_s else self._phase
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
        return self.ended or self.status >= 300

    @property
    def is_decoded(self) -> bool:
        """Whether what is read was compressed on the wire."""
        return self._inflater is not None

    def opened(self) -> "Exchange":
        """Itself, once `answered`: until it is read only its total counts.

        Raises:
            UpstreamFault: status and headers never came.
        """
        self.due_s = inf
        self._phase = _READING
        if self.fault is not None and not self.status:
            raise self.fault
        return self

    def read(self, timeout_s: float) -> Coroutine[Any, Any, bytes]:
        """See `gateway.Answer.read`. Each call gives all that has arrived, at most about 64 KiB and one socket read."""
        return self._read(timeout_s) if self._inflater is None else self._read_inflated(self._inflater, timeout_s)

    async def read_all(self, limit_bytes: int) -> bytes:
        """See `gateway.Answer.read_all`."""
        parts = []
        size = 0
        while True:
            is_last = self.ended and self.fault is None and self._inflater is None  # with a small answer at once
            data = self._take() if is_last else await self.read(inf)
            size += len(data)
            if size > limit_bytes:
                self.abort()
                raise UpstreamMalformed("an answer of more bytes than are taken", received=True)
            parts.append(data)
            if is_last or not data:
                return b"".join(parts)

    def abort(self) -> None:
        """See `gateway.Answer.abort`."""
        self._pieces.clear()
        self._inflater = None
        if not self.ended:
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
        if not self._pieces and not self.ended:
            self.due_s = self._loop.time() + timeout_s
            try:
                while not self._pieces and not self.ended:
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
