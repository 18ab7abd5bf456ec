"""Lines of JSON: where one ends. The other framing that providers stream in, beside that of `sse`."""

from engine.errors import UpstreamMalformed

__all__ = ["LineBlocks"]

MOST_LINE_BYTES = 16 * 1024 * 1024
"""One line. The largest thing that comes in one is a picture in base64, a few MiB."""


class LineBlocks:
    """Bytes in, whole lines out, however the bytes were cut.

    Each block is a run of lines with their ends. An incomplete line is held, at most `MOST_LINE_BYTES` of it.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The lines that *data* completes, b"" for none.

        Raises:
            UpstreamMalformed: a line longer than `MOST_LINE_BYTES`.
        """
        end = data.rfind(b"\n") + 1
        lines = bytes(self._held) + data[:end] if end else b""
        if end:
            self._held.clear()
        self._held += data[end:]
        if len(self._held) > MOST_LINE_BYTES:
            raise UpstreamMalformed(f"a line of more than {MOST_LINE_BYTES} bytes", received=True)
        return lines

    def rest(self) -> bytes:
        """What was held at the end: a line without its end, or part of one."""
        rest = bytes(self._held)
        self._held.clear()
        return rest
