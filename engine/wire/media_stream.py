"""Streams of pictures, speech and transcripts, relayed: bytes in, the bytes that may go out now, and what they said.

They are alike: pieces come in events of one type, and the end of the answer, with its usage, in one of another. Until
the first piece everything is held, since an error may come inside a 200 and another target may still take over.

Source: OpenAI's OpenAPI document, ImageGenStreamEvent, CreateSpeechResponseStreamEvent and
CreateTranscriptionResponseStreamEvent, and docs.mistral.ai/api, "audio/transcriptions", read 2026-11.
"""

from abc import ABC, abstractmethod
from typing import Any

import msgspec

from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.values import NO_MEASURES, Measures, Outcome, Usage
from engine.wire import sse
from engine.wire.json_read import UNREADABLE
from engine.wire.openai_chat.error import outcome_of, read_reply_error

__all__ = ["MediaStream", "Said"]

MOST_HELD_BYTES = 16 * 1024
"""How much is held before the first piece; beyond it the stream is relayed as it is."""

_PIECES = (".delta", ".segment", ".partial_image")
_ENDS = (".done", ".completed")


class Said(msgspec.Struct):
    """As much of an event as is read: what is large in it is skipped."""

    type: Any = None
    usage: Any = None
    error: Any = None


_SAID = msgspec.json.Decoder(Said)


class MediaStream(ABC):
    """One answer on its way through; implements `stream.AnswerStream`.

    Feed it every read; stop when `error` is set; `close` it at the end of the body.

    An error inside the stream, an event that cannot be read or one that does not end sets `error`, and nothing goes out
    after it. `[DONE]` waits for `close`. Each surface reads its last events in `_end`.
    """

    __slots__ = (
        "_blocks",
        "_ended",
        "_held",
        "_terminator",
        "content_events",
        "done",
        "error",
        "finish_reason",
        "measures",
        "started",
        "usage",
    )

    def __init__(self) -> None:
        self._blocks = sse.EventBlocks()
        self._held = b""
        self._terminator = b""
        self._ended = False
        self.done = False
        """`[DONE]` has been seen: nothing that comes after it counts. Not every provider sends it."""
        self.started = False
        """A piece has been seen, so bytes go out and no other target can take over."""
        self.content_events = 0
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.measures: Measures = NO_MEASURES
        self.error: Outcome | None = None

    def feed(self, data: bytes) -> bytes:
        """The bytes that may go out after *data*, b"" for none yet."""
        try:
            block = self._blocks.feed(data)
        except UpstreamMalformed as fault:
            self._fail(fault.detail)
            return b""
        return self._pass(block) if block else b""

    def close(self) -> bytes:
        """The last bytes and the terminator, after the provider has ended the body. May still set `error`.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream at all.
        """
        rest = self._blocks.rest()
        last = self.feed(rest.rstrip(b"\n") + b"\n\n") if rest.strip() and sse.is_whole(rest) else b""
        if self.error:
            return last
        if self._ended:
            return last + self._terminator
        unread = self._held + rest
        if not self.started and (error := read_reply_error(unread)):
            self.error = error
            return b""
        if not self.started and unread.strip() and b"data:" not in unread:
            raise UpstreamMalformed("not an event stream", received=True)
        raise UpstreamReset("the stream ended before the answer did", received=True)

    def _pass(self, block: bytes) -> bytes:
        out: list[bytes] = []
        for event in sse.events(block):
            if self.error or self.done:
                break
            out.append(self._read(event))
        passed = b"".join(out)
        if self.error and not self.started:
            return b""
        self._held += passed
        if not self.started and len(self._held) <= MOST_HELD_BYTES:
            return b""
        self.started = True
        held, self._held = self._held, b""
        return held

    def _read(self, event: bytes) -> bytes:
        """The bytes that go out for one event."""
        data = sse.data_of(event)
        if not data:
            return event
        if data == sse.DONE:
            self.done = True
            self._terminator = event
            return b""
        try:
            said = _SAID.decode(data)
        except UNREADABLE as exc:
            self._fail(f"an event that cannot be read: {exc}")
            return b""
        if said.error or said.type == "error":
            self.error = outcome_of({"error": said.error} if said.error else msgspec.json.decode(data))
            return b""
        self._note(said)
        return event

    def _fail(self, detail: str) -> None:
        self.error = Outcome(kind=OutcomeKind.MALFORMED, status=200, message=detail, received=True)

    def _note(self, said: Said) -> None:
        kind = said.type if isinstance(said.type, str) else ""
        if kind.endswith(_PIECES):
            self.started = True
            self.content_events += 1
        elif kind.endswith(_ENDS):
            self.started = self._ended = True
            self._end(said)

    @abstractmethod
    def _end(self, said: Said) -> None:
        """Take `usage` and `measures` from the event that ends a picture, a speech or a transcript."""
