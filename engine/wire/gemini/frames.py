"""Where one chunk of a stream ends: server-sent events, or, without `alt=sse`, the items of one JSON array."""

import re

from engine.errors import UpstreamMalformed
from engine.wire import sse
from engine.wire.sse import MOST_EVENT_BYTES

__all__ = ["Frames", "Items"]

_OUTSIDE = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')

_SPACE = b" \t\r\n,"


class Frames:
    """Bytes in, whole chunks out, however the bytes were cut; the first byte shows which kind of stream it is."""

    __slots__ = ("_blocks", "_head", "_items", "seen")

    def __init__(self) -> None:
        self._head = b""
        """White space that came before anything else."""
        self._items: Items | None = None
        self._blocks: sse.EventBlocks | None = None
        self.seen = False
        """Whether a chunk has arrived."""

    def feed(self, data: bytes) -> list[bytes]:
        """The JSON of each chunk that *data* completes.

        Raises:
            UpstreamMalformed: a chunk is too large.
        """
        if self._blocks is not None:
            block = self._blocks.feed(data)
            return self._events(block) if block else []
        if self._items is None:
            data = data.lstrip()
            if not data:
                return []
            if data.startswith(b"["):
                self._items = Items()
            else:
                self._blocks = sse.EventBlocks()
                return self.feed(data)
        items = self._items.feed(data)
        self.seen = self.seen or bool(items)
        return items

    @property
    def ended(self) -> bool:
        """Whether the array has been closed; a stream of events has no such end."""
        return self._items is not None and self._items.ended

    def close(self) -> tuple[list[bytes], bytes]:
        """The last chunk, if it lacks only the end of its event, and whatever else was left over."""
        if self._blocks is None:
            return [], self._items.rest() if self._items is not None else b""
        rest = self._blocks.rest()
        data = sse.data_of(rest)
        return ([data], b"") if data else ([], rest)

    def _events(self, block: bytes) -> list[bytes]:
        chunks = [data for event in sse.events(block) if (data := sse.data_of(event))]
        self.seen = self.seen or bool(chunks)
        return chunks


class Items:
    """A JSON array in, its items out, each as soon as it is complete. Their contents are not looked at."""

    __slots__ = ("_at", "_depth", "_held", "_in_string", "_start", "ended")

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0
        """Offset in `_held` up to which it has been searched."""
        self._start = 0
        """Offset in `_held` of the item that is not complete yet."""
        self._depth = 0
        """1 inside the array, more inside an item."""
        self._in_string = False
        self.ended = False

    def feed(self, data: bytes) -> list[bytes]:
        """The items that *data* completes.

        Raises:
            UpstreamMalformed: an item is larger than an event may be.
        """
        self._held += data
        items: list[bytes] = []
        while not self.ended and (found := self._next()) >= 0:
            self._step(found, items)
        del self._held[: self._start]
        self._at -= self._start
        self._start = 0
        if len(self._held) > MOST_EVENT_BYTES:
            raise UpstreamMalformed(f"an item of more than {MOST_EVENT_BYTES} bytes", received=True)
        return items

    def rest(self) -> bytes:
        """What was held at the end."""
        return bytes(self._held).strip(_SPACE)

    def _next(self) -> int:
        """Offset of the next byte that matters; -1 if none has come, all that has being marked as searched."""
        pattern = _IN_STRING if self._in_string else _OUTSIDE
        found = pattern.search(self._held, self._at)
        if found is None:
            self._at = max(self._at, len(self._held))
            return -1
        at = found.start()
        if self._held[at] == ord("\\") and at + 1 == len(self._held):  # the byte that it escapes has not arrived
            self._at = at
            return -1
        return at

    def _step(self, at: int, items: list[bytes]) -> None:
        byte = self._held[at]
        self._at = at + 1
        if byte == ord("\\"):
            self._at = at + 2
        elif byte == ord('"'):
            self._in_string = not self._in_string
        elif byte in b"{[":
            self._depth += 1
            if self._depth == 1:
                self._start = at + 1
        else:
            self._depth -= 1
            if self._depth == 1:
                items.append(bytes(self._held[self._start : at + 1]).strip(_SPACE))
                self._start = at + 1
            elif self._depth == 0:
                self.ended = True
                self._start = at + 1
