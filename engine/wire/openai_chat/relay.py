"""OpenAI's chat streams, relayed: bytes in, the bytes that may go out now, and what they said on the way.

Until the first content everything is looked at and held, since an error may come inside a 200 and another target may
still take over. After it bytes pass as they are; only events that say usage, the finish or an error are parsed.
"""

from typing import Any

import msgspec

from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import NO_MEASURES, Outcome, Usage
from engine.wire import sse
from engine.wire.json_read import UNREADABLE
from engine.wire.openai_chat.error import outcome_of, read_reply_error
from engine.wire.openai_chat.usage import read_usage

__all__ = ["ChatStream"]

MOST_HELD_BYTES = 16 * 1024
"""What is held before the first content; beyond it the stream is relayed as it is."""

_TELLING = (b'"usage":{', b'"finish_reason":"', b'"error":', b"[DONE]", b'": ')
"""What stands in an event that has to be parsed. The last is JSON written with blanks, which is parsed throughout. In a
text these quotes would be escaped; where one matches all the same, parsing does no harm."""

_CONTENT = (
    "content",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "tool_calls",
    "function_call",
    "refusal",
    "audio",
    "images",
)
"""Keys of a delta that the caller has been waiting for."""


class _Choice(msgspec.Struct, gc=False):
    delta: Any = None
    finish_reason: Any = None
    usage: Any = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    id: Any = None
    model: Any = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None


_CHUNK = msgspec.json.Decoder(_Chunk)


class ChatStream:
    """One answer on its way through. Feed it every read; stop when `error` is set; `close` it at the end of the body.

    An error inside the stream, a chunk that cannot be read and an event without end set `error`, and nothing after it
    goes out. `[DONE]` waits for `close`, so that something can still be said before it. With *strip_usage* the chunk
    that carries nothing but usage is taken out, since we asked for it and the caller did not.
    """

    __slots__ = (
        "_blocks",
        "_held",
        "_strip_usage",
        "_terminator",
        "content_events",
        "done",
        "error",
        "finish_reason",
        "measures",
        "reply_id",
        "reply_model",
        "started",
        "usage",
    )

    def __init__(self, *, strip_usage: bool) -> None:
        self._strip_usage = strip_usage
        self._blocks = sse.EventBlocks()
        self._held = b""
        self._terminator = b""
        self.done = False
        """`[DONE]` has been seen: nothing that comes after it counts."""
        self.started = False
        """Content has been seen, so bytes go out and no other target can take over."""
        self.content_events = 0
        """Events with content so far; about one token each."""
        self.usage: Usage | None = None
        """The last one reported: some providers report a growing count in every chunk."""
        self.measures = NO_MEASURES
        self.finish_reason: str | None = None
        self.error: Outcome | None = None
        self.reply_id = ""
        """Of the first chunk that names one; Azure's first does not."""
        self.reply_model = ""

    def feed(self, data: bytes) -> bytes:
        """The bytes that may go out after *data*, b"" for none yet."""
        try:
            block = self._blocks.feed(data)
        except UpstreamMalformed as fault:
            self._fail(fault)
            return b""
        return self._pass(block) if block else b""

    def close(self) -> bytes:
        """The last bytes and the terminator, after the provider has ended the body. May still set `error`.

        A finish reason is a proper end, as is `[DONE]`, which not every provider sends.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream at all.
        """
        rest = self._blocks.rest()
        last = self._pass(rest.rstrip(b"\n") + b"\n\n") if sse.is_whole(rest) else b""
        if self.error or self.done or self.finish_reason is not None:
            return last + self._terminator
        if not self.started and (error := read_reply_error(self._held + rest)):
            self.error = error
            return b""
        if not self.started and b"data:" not in self._held + rest and (self._held + rest).strip():
            raise UpstreamMalformed("not an event stream", received=True)
        raise UpstreamReset("the stream ended before the answer did", received=True)

    def _pass(self, block: bytes) -> bytes:
        if self.error or self.done:
            return b""
        return self._relay(block) if self.started else self._look(block)

    def _look(self, block: bytes) -> bytes:
        """Before the first content: every event is parsed and held."""
        passed = 0
        for event in sse.events(block):
            passed += len(event)
            kept = self._read(event)
            if self.done and not self.started:
                self._fail(UpstreamMalformed("the stream ended without an answer", received=True))
            if self.error:
                self._held = b""
                return b""
            self._held += kept
            if self.started or len(self._held) > MOST_HELD_BYTES:
                self.started = True
                head, self._held = self._held, b""
                return head + self._relay(block[passed:])
        return b""

    def _relay(self, block: bytes) -> bytes:
        """After it: from one telling event to the next, what lies between goes out unread."""
        out: list[bytes] = []
        start = 0
        while not (self.error or self.done):
            found = _telling(block, start)
            end_before = block.rfind(b"\n\n", start, found)
            begin = start if end_before < 0 else end_before + 2
            self.content_events += block.count(b'"delta"', start, begin)
            out.append(block[start:begin])
            if found == len(block):
                break
            start = block.find(b"\n\n", found) + 2
            out.append(self._read(block[begin:start]))
        return b"".join(out)

    def _read(self, event: bytes) -> bytes:
        """One event, parsed; the bytes that go out for it."""
        data = sse.data_of(event)
        if not data:
            return event
        if data == sse.DONE:
            self.done = True
            self._terminator = event
            return b""
        try:
            chunk = _CHUNK.decode(data)
        except UNREADABLE as exc:
            self._fail(UpstreamMalformed(f"a chunk that cannot be read: {exc}", received=True))
            return b""
        passed = self._note(chunk, event)
        if chunk.error:  # noted all the same: OpenRouter sends usage in the chunk that carries the error
            self.error = outcome_of({"error": chunk.error})
            return b""
        return passed

    def _note(self, chunk: _Chunk, event: bytes) -> bytes:
        choices = chunk.choices or ()
        self.reply_id = self.reply_id or _text(chunk.id)
        self.reply_model = self.reply_model or _text(chunk.model)
        usage = _usage(chunk)
        self.usage = usage or self.usage
        for choice in choices:
            if _has_content(choice.delta):
                self.content_events += 1
                self.started = True
            if _text(choice.finish_reason):
                self.finish_reason = choice.finish_reason
                self.started = True
        return b"" if usage and not choices and self._strip_usage else event

    def _fail(self, fault: UpstreamFault) -> None:
        self.error = Outcome(kind=OutcomeKind.MALFORMED, status=200, message=fault.detail, received=True)


def _telling(block: bytes, start: int) -> int:
    """Where the next event that has to be parsed gives itself away; the block's length if none does."""
    first = len(block)
    for mark in _TELLING:
        found = block.find(mark, start, first)
        if found >= 0:
            first = found
    return first


def _usage(chunk: _Chunk) -> Usage | None:
    """At the top; at Groq, when not asked for, in `x_groq` alone; at Moonshot in the choice."""
    if chunk.usage:
        return read_usage(chunk.usage)
    if isinstance(chunk.x_groq, dict):
        return read_usage(chunk.x_groq.get("usage"))
    return next((read_usage(choice.usage) for choice in chunk.choices or () if choice.usage), None)


def _has_content(delta: object) -> bool:
    return isinstance(delta, dict) and any(delta.get(name) for name in _CONTENT)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
