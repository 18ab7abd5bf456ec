"""Server-sent events: where one ends, and what it says. Knows only what the protocols above them share.

Spec: WHATWG HTML, "Server-sent events". CR, LF and CRLF all end a line; an empty line ends an event.
"""

import re
from collections.abc import Iterator

import msgspec

from engine.errors import UpstreamMalformed
from engine.wire.json_read import UNREADABLE

__all__ = ["DONE", "EventBlocks", "data_of", "events", "is_whole"]

DONE = b"[DONE]"
"""The data of the event that ends a stream: OpenAI's convention, which most providers have adopted."""

MOST_EVENT_BYTES = 16 * 1024 * 1024
"""One event. The largest thing that comes in one is a picture in base64, a few MiB."""

_DATA = re.compile(rb"^data:(.*)", re.MULTILINE)
"""What a `data` line says."""


class EventBlocks(msgspec.Struct, eq=False, gc=False):
    """Bytes in, whole events out, however the bytes were cut; every line end has become LF.

    Each block is a run of complete events, each with the empty line that ends it. An incomplete event is held, at most
    `MOST_EVENT_BYTES` of it.
    """

    _held: bytearray = bytearray()
    _tail_is_cr: bool = False

    def feed(self, data: bytes) -> bytes:
        """The events that *data* completes, b"" for none.

        Raises:
            UpstreamMalformed: an event larger than `MOST_EVENT_BYTES`.
        """
        if self._tail_is_cr or b"\r" in data:
            data = self._with_lf(data)
        if not self._held and data.endswith(b"\n\n"):
            return data
        searched = max(0, len(self._held) - 1)
        self._held += data
        end = self._held.rfind(b"\n\n", searched) + 2
        if end == 1:
            if len(self._held) > MOST_EVENT_BYTES:
                raise UpstreamMalformed(f"an event of more than {MOST_EVENT_BYTES} bytes", received=True)
            return b""
        block = bytes(self._held[:end])
        del self._held[:end]
        return block

    def rest(self) -> bytes:
        """What was held at the end: part of an event, or one that lacks only its empty line."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def _with_lf(self, data: bytes) -> bytes:
        """*data* with LF for every line end. A CR at its end waits, since an LF that follows belongs to it."""
        data = b"\r" + data if self._tail_is_cr else data
        self._tail_is_cr = data.endswith(b"\r")
        if self._tail_is_cr:
            data = data[:-1]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def events(block: bytes) -> Iterator[bytes]:
    """The events of a block, each with its empty line; joined they are the block."""
    start = 0
    while start < len(block):
        end = block.find(b"\n\n", start) + 2
        end = len(block) if end == 1 else end
        yield block[start:end]
        start = end


def data_of(event: bytes) -> bytes:
    """The event's data: its `data` lines, joined by LF; b"" for a comment or a heartbeat."""
    if event.startswith(b"data:") and event.endswith(b"\n\n") and event.find(b"\n") == len(event) - 2:
        return event[5:].strip()  # one line, as nearly all have
    return b"\n".join(map(bytes.strip, _DATA.findall(event)))


def is_whole(rest: bytes) -> bool:
    """Whether an event that lacks its empty line has arrived whole: its data is `[DONE]`, or a JSON object."""
    data = data_of(rest)
    if data == DONE:
        return True
    try:
        return isinstance(msgspec.json.decode(data), dict)
    except UNREADABLE:
        return False
