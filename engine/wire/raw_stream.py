"""A streamed answer that is not text at all: bytes in, bytes out, as they come."""

from engine.errors import UpstreamReset
from engine.values import Measures, Outcome, Usage

__all__ = ["RawStream"]


class RawStream:
    """Sound on its way through. Implements `stream.AnswerStream`; the last piece waits for `close`."""

    __slots__ = ("_held", "content_events", "done", "error", "finish_reason", "measures", "started", "usage")

    def __init__(self, measures: Measures) -> None:
        self._held = b""
        self.started = False
        self.done = False
        self.error: Outcome | None = None
        self.usage: Usage | None = Usage()
        """No tokens are counted."""
        self.measures = measures
        """What was asked for is what is charged."""
        self.finish_reason: str | None = None
        self.content_events = 0

    def feed(self, data: bytes) -> bytes:
        """The piece fed before *data*; b"" for the first."""
        out, self._held = self._held, data
        self.content_events += 1
        self.started = self.started or bool(out)
        return out

    def close(self) -> bytes:
        """The last piece.

        Raises:
            UpstreamReset: there was none.
        """
        if not self._held:
            raise UpstreamReset("the answer ended before it began", received=True)
        self.started = True
        return self._held
