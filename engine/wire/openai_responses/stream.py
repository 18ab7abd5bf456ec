"""Streams of this protocol: a provider's bytes → events of the hub (`Decoder`), and back for a caller (`Encoder`).

Events are told apart by the `type` in their data; `event:` lines, comments and `[DONE]` may be there or not.
"""

from engine import hub
from engine.errors import UpstreamMalformed, UpstreamReset
from engine.wire import sse
from engine.wire.openai_responses.error import read_reply_error
from engine.wire.openai_responses.events import broken, read
from engine.wire.openai_responses.incoming import State
from engine.wire.openai_responses.writing import Encoder

__all__ = ["Decoder", "Encoder"]


MOST_HEAD_BYTES = 64 * 1024
"""How much is kept of a body without events, which may be an error."""


class Decoder:
    """Bytes in, hub events out, however the bytes were cut. Nothing follows a `Failed`.

    Holds the bytes of one event, and how much of each item was told.
    """

    __slots__ = ("_blocks", "_head", "_state")

    def __init__(self) -> None:
        self._blocks = sse.EventBlocks()
        self._state = State()
        self._head = b""
        """What came before the first event."""

    @property
    def done(self) -> bool:
        """Whether the event that ends an answer has been seen."""
        return self._state.done

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes."""
        if self._state.over:
            return []
        try:
            block = self._blocks.feed(data)
        except UpstreamMalformed as fault:
            out: list[hub.Event] = []
            broken(fault.detail, self._state, out)
            return out
        return self._block(block) if block else []

    def close(self) -> list[hub.Event]:
        """The last events, after the body has ended.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream at all.
        """
        if self._state.over:
            return []
        rest = self._blocks.rest()
        events = self._block(rest.rstrip(b"\n") + b"\n\n") if sse.is_whole(rest) else []
        if self._state.over:
            return events
        body = self._head + rest
        if not self._state.events and (outcome := read_reply_error(body)):
            self._state.over = True
            return [hub.Failed(outcome=outcome)]
        if not self._state.events and body.strip() and not _is_stream(body):
            raise UpstreamMalformed("not an event stream", received=True)
        raise UpstreamReset("the stream ended before the answer did", received=True)

    def _block(self, block: bytes) -> list[hub.Event]:
        out: list[hub.Event] = []
        state = self._state
        for event in sse.events(block):
            data = sse.data_of(event)
            if data and data != sse.DONE:
                read(data, state, out)
                if state.over:
                    break
            elif not state.events:
                self._head = (self._head + event)[:MOST_HEAD_BYTES]
        return out


def _is_stream(body: bytes) -> bool:
    """Whether a body without events begins with a comment, or with the beginning of an event."""
    return body.lstrip().startswith((b":", b"data:", b"event:"))
