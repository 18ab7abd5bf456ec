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
    """One answer at a time: `begin`, then `feed` until `complete`, or `eof`.

    `pieces` is a new list for every answer; its reader takes pieces out at the front while `feed` adds at the end.
    """

    __slots__ = (
        "_idle_bytes",
        "_interim",
        "_parser",
        "_problem",
        "complete",
        "content_encoding",
        "head_complete",
        "headers",
        "keep_alive",
        "pieces",
        "started",
        "status",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Forget the last answer and expect a new one. Only valid at the start or after one that keeps alive."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        """Names in lower case, in the order they came; trailers are not kept."""
        self.pieces: list[bytes] = []
        self.content_encoding = b""
        self.started = False
        """Whether any byte has arrived."""
        self.head_complete = False
        self.complete = False
        self.keep_alive = False
        """Once complete: whether the connection can carry another exchange."""
        self._interim = 0
        self._idle_bytes = 0
        self._problem = ""

    def feed(self, data: bytes) -> None:
        """Take the next bytes, however they were cut.

        Raises:
            UpstreamMalformed: they break the framing or a bound. What follows a complete answer is no error; it only
                ends the connection's reuse, since nobody asked for it.
        """
        self.started = True
        held = len(self.pieces)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            raise UpstreamMalformed("the server switched protocols", received=True) from exc
        except httptools.HttpParserError as exc:
            if not self.complete:
                raise UpstreamMalformed(f"not HTTP/1.1: {exc}", received=True) from exc
            self.keep_alive = False
        self._idle_bytes = 0 if len(self.pieces) > held else self._idle_bytes + len(data)
        if self._idle_bytes > MAX_HEAD_BYTES and not self.complete:
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
        if not self.head_complete or self._has_length():
            raise UpstreamReset("the connection ended in the middle of the answer", received=True)
        self.complete = True

    def end_without_body(self) -> None:
        """Take a complete head for the whole answer (HEAD); the framing state is lost, so nothing is kept alive."""
        self.complete = True
        self.keep_alive = False

    def _has_length(self) -> bool:
        return any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)

    # What llhttp calls. Problems are noted, not raised: an exception would come out of `feed_data` wrapped.

    def on_message_begin(self) -> None:
        """Bytes that begin another message after a complete answer end the reuse."""
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep while the head is open; trailers are dropped. `on_headers_complete` counts."""
        if not self.head_complete:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take the status; count the headers, and look once at those that decide framing and decoding."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            if self.status < 100:
                self._problem = f"a status of {self.status}"
            return
        self.head_complete = True
        size = 0
        for name, value in self.headers:
            size += len(name) + len(value)
            if name == b"content-encoding":
                self.content_encoding = value.strip().lower()
            elif name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                self._problem = "a transfer encoding other than chunked"
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._problem = "a head of too many bytes or headers"

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if not self.complete:
            self.pieces.append(data)

    def on_message_complete(self) -> None:
        """End the answer, or forget an interim one."""
        if self.head_complete:
            if not self.complete:
                self.complete = True
                self.keep_alive = self._parser.should_keep_alive()
            return
        self._interim += 1
        self.headers = []
        if self._interim > MAX_INTERIM:
            self._problem = "a flood of interim answers"
