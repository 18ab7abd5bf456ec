"""The parser of HTTP/1.1 answers: bytes in; status, headers and pieces of the body out. No I/O and no time.

It knows the framing rules (RFC 9112) through llhttp in its strict mode, and our own bounds. It does not know which
request an answer belongs to, nor what a content encoding is.
"""

import httptools

from engine.errors import UpstreamMalformed, UpstreamReset

__all__ = ["MAX_HEADERS", "MAX_HEAD_BYTES", "MAX_INTERIM", "ResponseParser"]

MAX_HEAD_BYTES = 65_536
"""Of a head, and of framing without body in a row: eight times what nginx takes from an upstream by default."""
MAX_HEADERS = 200
"""Twice what httplib and Apache allow (100)."""
MAX_INTERIM = 16
"""Interim answers (1xx) before the final one; real servers send one or two."""


class ResponseParser:
    """One answer at a time: `begin`, then `feed` until `complete`, or `eof`; `pieces` are taken between feeds."""

    __slots__ = (
        "_idle_bytes",
        "_interim",
        "_parser",
        "_problem",
        "complete",
        "content_encoding",
        "headers",
        "keep_alive",
        "on_body",
        "pieces",
        "status",
    )

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        """Of the body, as far as they have not been taken."""
        self.on_body = self.pieces.append
        """llhttp calls it for every chunk, and an event is a chunk: there is no call of ours between."""
        self.keep_alive = False
        """Once complete: whether the connection can carry another exchange."""
        self._problem = ""
        self._parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Forget the last answer and expect a new one. Only valid at the start or after one that keeps alive."""
        self.status = 0
        """Of the answer, once its whole head has arrived."""
        self.headers: list[tuple[bytes, bytes]] = []
        """Names in lower case, in the order they came; trailers are not kept."""
        self.content_encoding = b""
        self.complete = False
        self._interim = 0
        self._idle_bytes = 0
        """What has arrived since the last piece of a body."""

    @property
    def started(self) -> bool:
        """Whether any byte has arrived."""
        return self.status > 0 or self._idle_bytes > 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes, however they were cut.

        Raises:
            UpstreamMalformed: they break the framing or a bound. What follows a complete answer is no error; it only
                ends the connection's reuse, since nobody asked for it.
        """
        self._idle_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            raise UpstreamMalformed("the server switched protocols", received=True) from exc
        except httptools.HttpParserError as exc:
            if not self.complete:
                raise UpstreamMalformed(f"not HTTP/1.1: {exc}", received=True) from exc
            self.keep_alive = False
        if self.pieces:
            self._idle_bytes = 0
        elif self._idle_bytes > MAX_HEAD_BYTES and not self.complete:
            self._problem = "too many bytes of head or framing"
        if self._problem:
            raise UpstreamMalformed(self._problem, received=True)

    def eof(self) -> None:
        """Take the end of the connection: the proper end of an answer without a length, a break of any other.

        Raises:
            UpstreamReset: the answer was not complete.
        """
        if self.complete:
            return
        if not self.started:
            raise UpstreamReset("the connection ended before an answer")
        if not self.status or self._has_length():
            raise UpstreamReset("the connection ended in the middle of the answer", received=True)
        self.end()

    def end(self) -> None:
        """Take what has arrived for the whole answer, as a head is to HEAD. Its framing is lost, so it is the last."""
        self.complete = True
        self.keep_alive = False

    def _has_length(self) -> bool:
        return any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)

    # What llhttp calls. Problems are noted, not raised: an exception would come out of `feed_data` wrapped.
    # An answer is read in one go as a rule, so what is called for every header and every chunk does the least it can.

    def on_message_begin(self) -> None:
        """Read nothing that follows a complete answer: nobody asked for it."""
        if self.complete:
            raise _Surplus

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep while the head is open; trailers are dropped. `on_headers_complete` counts."""
        if not self.status:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take the status; bound the head, and look once at the headers that decide framing and decoding."""
        status = self._parser.get_status_code()
        if status < 200:
            if status < 100:
                self._problem = f"a status of {status}"
            return
        self.status = status
        for name, value in self.headers:
            if name in {b"content-encoding", b"transfer-encoding"}:
                encoding = value.strip().lower()
                if name == b"content-encoding":
                    self.content_encoding = encoding
                elif encoding != b"chunked":
                    self._problem = "a transfer encoding other than chunked"
        # a head is no larger than what it arrived in, which is seldom as large as the bound
        if len(self.headers) > MAX_HEADERS or (self._idle_bytes > MAX_HEAD_BYTES and self._size() > MAX_HEAD_BYTES):
            self._problem = "a head of too many bytes or headers"

    def on_message_complete(self) -> None:
        """End the answer, or forget an interim one."""
        if self.status:
            self.complete = True
            self.keep_alive = self._parser.should_keep_alive()
            return
        self._interim += 1
        self.headers = []
        if self._interim > MAX_INTERIM:
            self._problem = "a flood of interim answers"

    def _size(self) -> int:
        return sum(len(name) + len(value) for name, value in self.headers)


class _Surplus(Exception):
    """More bytes after a complete answer; it stops llhttp, for good."""
