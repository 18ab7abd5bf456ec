"""uvicorn's HTTP protocol with what it lacks: deadlines for head and body, a bound on the head, hang-ups told, a lane.

Costs nothing on a request that arrives whole: a timer exists only while one is incomplete.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.server.hangup import HANGUP, Hangup
from engine.server.inference import Inference
from engine.server.lane import LaneCycle
from engine.values import Headers

__all__ = ["GatewayProtocol"]

HEAD_LIMIT_BYTES = 64 << 10
"""Request line and headers together; nginx stops at 32 KiB, uvicorn's own h11 at 64 KiB."""
HEADERS_LIMIT = 200
"""Number of header lines; Apache's default is 100, large cookies and tracing need some room."""
PROGRESS_BYTES = 64 << 10


class GatewayProtocol(HttpToolsProtocol):
    """One client connection. *lanes* are the paths that plain POSTs take without the application."""

    head_deadline_s = 30.0
    """For a whole head, from the connection's or the request's first byte; granian's default."""
    progress_deadline_s = 30.0
    """Each further 64 KiB of a body may take so long: uploads are slow, stalled ones are cut."""

    def __init__(self, lanes: Mapping[bytes, Inference], **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._lanes = lanes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn declares it
        """A peer has connected; its first request's head is awaited."""
        super().connection_made(transport)
        self._hangup = Hangup()
        self._extensions: dict[str, Any] = {HANGUP: self._hangup}
        self._incomplete = False
        self._head_bytes = 0
        self._progress_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._arm(self.head_deadline_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer has gone: whatever was being answered is cancelled."""
        self._disarm()
        super().connection_lost(exc)
        self._hangup.tell()

    def data_received(self, data: bytes) -> None:
        """Bytes of one request or several; only an incomplete one is put under a deadline."""
        super().data_received(data)
        if not self._incomplete:
            self._disarm()
            return
        self._progress_bytes += len(data)
        if self._deadline is None or (self._head_bytes < 0 and self._progress_bytes >= PROGRESS_BYTES):
            self._progress_bytes = 0
            self._arm(self.head_deadline_s if self._head_bytes >= 0 else self.progress_deadline_s)

    def on_message_begin(self) -> None:
        """A request line begins."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._incomplete = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Part of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: from here on progress of the body is watched."""
        self._head_bytes = -1
        self._progress_bytes = 0
        self._disarm()
        inference = self._lanes.get(self.url)
        if inference is None or not self._is_plain() or inference.is_upload(self.headers):
            super().on_headers_complete()
        else:
            keep_alive = self.parser.should_keep_alive()
            lane = LaneCycle(inference, self, self.headers, keep_alive=keep_alive)
            self.cycle = lane  # type: ignore[assignment] # stands in for uvicorn's own

    def on_body(self, body: bytes) -> None:
        """Part of a body."""
        cycle: object = self.cycle
        if not isinstance(cycle, LaneCycle):
            super().on_body(body)
        elif not cycle.is_refused and not cycle.body(body):
            self._run(cycle.refuse())

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._incomplete = False
        cycle: object = self.cycle
        if not isinstance(cycle, LaneCycle):
            super().on_message_complete()
        elif not cycle.is_refused:
            self._run(cycle.run())

    def default_headers(self) -> Headers:
        """What every answer of the server carries: the date."""
        return self.server_state.default_headers

    def _is_plain(self) -> bool:
        """Whether there is nothing about the request that only the application deals with."""
        parser, previous = self.parser, cast("Any", self.cycle)
        return (
            parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not parser.should_upgrade()
            and not self.expect_100_continue
            and (previous is None or previous.response_complete)
        )

    def _run(self, answering: Coroutine[Any, Any, None]) -> None:
        """Answer in a task that ends with the connection."""
        task = self.loop.create_task(answering)
        self.tasks.add(task)
        self._hangup.watch(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._hangup.release(task)

    def _count(self, length: int) -> None:
        """Keep the head within its bound; httptools turns the exception into a parser error, answered with 400."""
        self._head_bytes += length
        if self._head_bytes > HEAD_LIMIT_BYTES or len(self.headers) > HEADERS_LIMIT:
            raise httptools.HttpParserError("request head too large")

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        """Too slow: closed without an answer, which a peer this slow would not read."""
        self._deadline = None
        self.transport.close()
