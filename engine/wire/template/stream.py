"""Streams of a template's API: pieces of JSON → events, and back; and whole answers given as a stream."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamReset
from engine.values import Outcome
from engine.wire import sse
from engine.wire.fold import fold, spread
from engine.wire.json_read import decoded
from engine.wire.lines import LineBlocks
from engine.wire.template.chat import decode_reply, encode_reply, finish_of, text_at, usage_of, with_usage, word_of
from engine.wire.template.error import outcome_of, read_reply_error
from engine.wire.template.pointer import put
from engine.wire.template.values import Chat, Framing, Stream

__all__ = ["Decoder", "Encoder", "WholeDecoder", "WholeEncoder"]

_PIECE: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()
MOST_WHOLE_BYTES = 16 * 1024 * 1024
"""The most that an answer in one piece may have; far above any text."""


def _pieces(framing: Framing, whole: bytes) -> Iterator[bytes]:
    """The data of the events or lines in *whole*, without blank ones."""
    pieces = map(sse.data_of, sse.events(whole)) if framing == "sse" else (line.strip() for line in whole.split(b"\n"))
    return (piece for piece in pieces if piece)


class Decoder:
    """One answer on its way in. Feed it every read, `close` it at the end of the body.

    If the provider fails, or its bytes are no JSON, `Failed` is the last event.
    """

    __slots__ = ("_blocks", "_chat", "_finished", "_opened", "_stream", "done")

    def __init__(self, chat: Chat, stream: Stream) -> None:
        self._chat = chat
        self._stream = stream
        self._blocks: sse.EventBlocks | LineBlocks = sse.EventBlocks() if stream.framing == "sse" else LineBlocks()
        self._finished = False
        self._opened = False
        self.done = False
        """The answer has ended, or failed: nothing that comes after it counts."""

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events of the pieces that *data* completes."""
        return [] if self.done else self._guarded(lambda: self._blocks.feed(data))

    def close(self) -> list[hub.Event]:
        """What was still held, after the provider has ended the body.

        Raises:
            UpstreamReset: the body ended before the answer did.
        """
        events = [] if self.done else self._guarded(self._blocks.rest)
        if self.done:
            return events
        # If the template names a mark of the end, it must have come; if not, the end of the body is the answer's.
        if not self._opened or ((self._stream.end or self._stream.finish) and not self._finished):
            raise UpstreamReset("the stream ended before the answer did", received=self._opened)
        return [*events, *self._ended()]

    def _guarded(self, taken: Callable[[], bytes]) -> list[hub.Event]:
        events: list[hub.Event] = []
        try:
            for piece in _pieces(self._stream.framing, taken()):
                events += self._read(piece)
                if self.done:
                    break
        except UpstreamFault as fault:
            self.done = True
            outcome = Outcome(kind=OutcomeKind.MALFORMED, status=200, message=fault.detail, received=True)
            events.append(hub.Failed(outcome=outcome))
        return events

    def _read(self, piece: bytes) -> Iterator[hub.Event]:
        if self._stream.end and piece == self._stream.end.encode():
            self.done = True
            yield from self._ended()
            return
        value = decoded(_PIECE, piece, "a piece that cannot be read")
        failure = outcome_of(self._chat.ask, value)
        if failure is not None:
            self.done = True
            yield hub.Failed(outcome=failure)
            return
        if not self._opened:
            self._opened = True
            yield hub.Opened()
        if text := text_at(value, self._stream.text):
            yield hub.TextDelta(text=text)
        usage = usage_of(value, self._stream.usage)
        if usage is not None:
            yield hub.Metered(usage=usage)
        finish, raw = finish_of(value, self._stream.finish, self._chat.finishes)
        if finish is not None and not self._finished:
            self._finished = True
            yield hub.Finished(finish=finish, finish_raw=raw)

    def _ended(self) -> list[hub.Event]:
        """The finish, unless a piece has told it."""
        told, self._finished = self._finished, True
        return [] if told else [hub.Finished(finish=hub.Finish.STOP)]


class WholeDecoder:
    """A whole answer, for a caller who wants a stream: everything comes at the end."""

    __slots__ = ("_chat", "_held", "done")

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._held = bytearray()
        self.done = False

    def feed(self, data: bytes) -> list[hub.Event]:
        """No events, unless the body is too large: then `Failed`."""
        if self.done:
            return []
        self._held += data
        if len(self._held) <= MOST_WHOLE_BYTES:
            return []
        self.done = True
        message = f"an answer of more than {MOST_WHOLE_BYTES} bytes"
        return [hub.Failed(outcome=Outcome(kind=OutcomeKind.MALFORMED, status=200, message=message, received=True))]

    def close(self) -> list[hub.Event]:
        """All events of the answer.

        Raises:
            UpstreamMalformed: the body was no answer.
        """
        if self.done:
            return []
        self.done = True
        body = bytes(self._held)
        failure = read_reply_error(self._chat.ask, body)
        return [hub.Failed(outcome=failure)] if failure else list(spread(decode_reply(body, self._chat)))


class Encoder:
    """Events → pieces, for stand-ins of the provider."""

    __slots__ = ("_chat", "_stream")

    def __init__(self, chat: Chat, stream: Stream) -> None:
        self._chat = chat
        self._stream = stream

    def encode(self, event: hub.Event) -> bytes:
        """The piece for *event*; b"" for what the API cannot say."""
        match event:
            case hub.TextDelta():
                return self._framed(put(None, self._stream.text, event.text))
            case hub.Metered() if self._stream.usage:
                return self._framed(with_usage(None, event.usage, self._stream.usage))
            case hub.Finished() if self._stream.finish is not None:
                return self._framed(put(None, self._stream.finish, word_of(event.finish, self._chat.finishes)))
            case _:
                return b""

    def close(self) -> bytes:
        """The piece that ends the stream; b"" where the API has none."""
        return self._frame(self._stream.end.encode()) if self._stream.end else b""

    def _framed(self, value: object) -> bytes:
        return self._frame(_ENCODER.encode(value))

    def _frame(self, data: bytes) -> bytes:
        return b"data: %b\n\n" % data if self._stream.framing == "sse" else data + b"\n"


class WholeEncoder:
    """Events → one whole answer at the end, for stand-ins of a provider without streams."""

    __slots__ = ("_chat", "_events")

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._events: list[hub.Event] = []

    def encode(self, event: hub.Event) -> bytes:
        """b"": nothing goes out before the end."""
        self._events.append(event)
        return b""

    def close(self) -> bytes:
        """The answer."""
        return encode_reply(fold(self._events), self._chat)
