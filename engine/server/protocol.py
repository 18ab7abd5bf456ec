"""uvicorn's HTTP protocol with what it lacks: deadlines for head and body, a bound on the head, hang-ups told, a lane.

Costs next to nothing on a request that arrives whole: a head is looked at once, and only an incomplete one is watched.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.gateway import Cork
from engine.server.deadline import Deadline
from engine.server.hangup import HANGUP, Hangup
from engine.server.inference import Inference
from engine.server.lane import LaneCycle

__all__ = ["GatewayProtocol"]

HEAD_LIMIT_BYTES = 64 << 10
"""Request line and headers together; nginx stops at 32 KiB, uvicorn's own h11 at 64 KiB."""
HEADERS_LIMIT = 200
"""Number of header lines; Apache's default is 100, large cookies and tracing need some room."""
PROGRESS_BYTES = 64 << 10


class GatewayProtocol(HttpToolsProtocol):
    """One client connection. *lanes* are the paths that plain POSTs take without the application."""

    head_deadline_s = 30.0
    """For a whole head, from when the peer connects or the request begins; granian's default."""
    progress_deadline_s = 30.0
    """For each further 64 KiB of a body: slow uploads pass, stalled ones are cut off."""

    def __init__(self, lanes: Mapping[bytes, Inference], cork: Cork, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self.cork = cork
        """Holds what the lane has written: flushed before anything else is sent, and before the transport is closed."""
        self._lanes = lanes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn declares it
        """A peer has connected; its first request's head is awaited."""
        super().connection_made(transport)
        self._hangup = Hangup()
        self._extensions: dict[str, Any] = {HANGUP: self._hangup}
        self._lane: LaneCycle | None = None
        """The request that arrives now, if it is one for a lane."""
        self._asked: asyncio.Future[LaneCycle] | None = None
        """What the connection's task waits for; None while there is no task."""
        self._awaits_head = self._is_incomplete = False
        self._read_bytes = 0
        self._grown_bytes = -1
        """Bytes received since the head (or the current 64 KiB of body) began, not counting its first read; -1 until
        that read is over."""
        self._has_progressed = False
        """Whether part of the body has come since this was last checked."""
        self._deadline = Deadline(self.loop, self._late)
        self._deadline.move(self.head_deadline_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer has gone: whatever was being answered is cancelled."""
        self._deadline.cancel()
        super().connection_lost(exc)
        self._hangup.tell()

    def eof_received(self) -> None:
        """The peer sends no more: the connection is closed once what has been answered is sent."""
        self.cork.flush()

    def shutdown(self) -> None:
        """The server ends: close, at once or after the answer under way."""
        self.cork.flush()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Bytes of one request or several; only an incomplete one is put under a deadline."""
        self.cork.heard()
        self._read_bytes = len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as exc:
            self._refuse(str(exc.__context__ or exc))
        else:
            if self._is_incomplete:
                self._watch()

    def on_message_begin(self) -> None:
        """A request line begins."""
        self.url = b""
        self.headers = []
        self._is_incomplete = self._awaits_head = True
        self._grown_bytes = -1

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line, or one of a trailer."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole: from here on progress of the body is watched."""
        may_be_large = self._grown_bytes >= 0 or self._read_bytes > HEAD_LIMIT_BYTES  # else the read bounds it
        if len(self.headers) > HEADERS_LIMIT or (may_be_large and self._is_large()):
            raise httptools.HttpParserError("head too large")  # httptools turns it into one of its own
        if self.parser.should_upgrade():
            return
        self._awaits_head = False
        self._grown_bytes = -1
        inference = self._lanes.get(self.url)
        if inference is None or not self._is_plain(inference) or inference.is_upload(self.headers):
            self._lane = None
            self._hand_over()
        else:
            self._lane = lane = LaneCycle(inference, self, self.headers, self.parser.should_keep_alive())
            self.cycle = lane  # type: ignore[assignment] # stands in for uvicorn's own
        self.headers = []  # for a trailer, which nobody reads: it must not pass for part of the head (RFC 9110, 6.5.1)

    def on_body(self, body: bytes) -> None:
        """Part of a body."""
        self._has_progressed = True
        lane = self._lane
        if lane is None:
            super().on_body(body)
        elif not lane.is_refused and not lane.take(body):
            self._answer(lane)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.parser.should_upgrade():
            return
        self._is_incomplete = False
        lane = self._lane
        if lane is None:
            super().on_message_complete()
        elif not lane.is_refused:
            self._answer(lane)

    def on_response_complete(self) -> None:
        """An answer has been written: the next request may be answered, or is awaited."""
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if self.flow.read_paused and not self.transport.is_closing():
            self.flow.resume_reading()
        if not self._is_incomplete:
            self._deadline.move(self.timeout_keep_alive)

    def close(self) -> None:
        """Close once what has been written is sent."""
        self.cork.flush()
        self.transport.close()

    def _parse(self, data: bytes) -> None:
        """Have *data* parsed; raises HttpParserError.

        An offer of another protocol is declined by not taking it up (RFC 9110, 7.8). httptools stops after a head that
        makes one, and takes what follows for that protocol's; so the head is parsed once more, without the offer.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as exc:
                data = self._without_offer() + data[exc.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
            else:
                return

    def _without_offer(self) -> bytes:
        """The head that was just parsed, without `Upgrade`."""
        parser, kept = self.parser, [header for header in self.headers if header[0] != b"upgrade"]
        if len(kept) == len(self.headers):
            raise httptools.HttpParserError("CONNECT is for proxies")
        version = parser.get_http_version().encode()
        lines = b"".join(b"%b: %b\r\n" % header for header in kept)
        return b"%b %b HTTP/%b\r\n%b\r\n" % (parser.get_method(), self.url, version, lines)

    def _is_plain(self, inference: Inference) -> bool:
        """Whether the request needs nothing that only the application can do, such as to refuse its declared length."""
        parser, previous, headers = self.parser, cast("Any", self.cycle), dict(self.headers)
        return (
            parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and b"expect" not in headers
            and int(headers.get(b"content-length", 0)) <= inference.body_limit_bytes
            and (previous is None or previous.response_complete)
        )

    def _hand_over(self) -> None:
        """Replay the head to uvicorn as if it had parsed it itself: uvicorn makes an ASGI request of it."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        super().on_url(url)
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _answer(self, cycle: LaneCycle) -> None:
        """Have *cycle* answered by the connection's task, which ends with the connection."""
        if self._asked is None:
            self._asked = self.loop.create_future()
            task = self.loop.create_task(self._answer_all(self._asked))
            self.tasks.add(task)
            self._hangup.watch(task)
            task.add_done_callback(self._ended)
        self._asked.set_result(cycle)

    async def _answer_all(self, asked: asyncio.Future[LaneCycle]) -> None:
        """Answer the lane's requests, one after the other: a task for each of them would cost twice as much."""
        while True:
            cycle = await asked
            self._asked = asked = self.loop.create_future()
            await cycle.run()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The connection's task has ended, and with it the connection."""
        self.tasks.discard(task)
        self._hangup.release(task)
        self.close()

    def _is_large(self) -> bool:
        """Whether a head that is whole is larger than it may be."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_LIMIT_BYTES

    def _watch(self) -> None:
        """A read has ended within a request: bound its head, or see to it that its body makes progress."""
        is_first = self._grown_bytes < 0
        self._grown_bytes = 0 if is_first else self._grown_bytes + self._read_bytes
        if self._awaits_head:
            if self._grown_bytes > HEAD_LIMIT_BYTES or len(self.headers) > HEADERS_LIMIT:
                self._refuse("head too large")
            elif is_first:
                self._deadline.move(self.head_deadline_s)
        elif is_first or self._grown_bytes >= PROGRESS_BYTES:
            if not is_first and not self._has_progressed:
                self._refuse("a body of nothing but trailers or extensions of chunks")
            self._grown_bytes, self._has_progressed = 0, False
            self._deadline.move(self.progress_deadline_s)

    def _refuse(self, why: str) -> None:
        """Answer 400 to what is no request, or to one that is not read to its end, and close.

        In OpenAI's shape, since nobody knows which path was meant.
        """
        inference = next(iter(self._lanes.values()))
        request_id = inference.gateway.entropy.request_id()
        self.logger.warning("Invalid HTTP request received: %s (%s)", why, request_id)
        self.cork.flush()
        self.transport.write(inference.no_http(why, request_id))
        self.close()

    def _late(self) -> None:
        """Hang up on a peer that is too slow, without an answer it would not read; never while it is being answered."""
        cycle = cast("Any", self.cycle)
        if self._is_incomplete or cycle is None or cycle.response_complete:
            self.close()
