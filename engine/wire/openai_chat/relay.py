"""OpenAI's chat streams, relayed: bytes in, the bytes that may go out now, and what they said on the way.

Until the first content everything is parsed and held, since an error may come inside a 200 and another target may still
take over. After it bytes pass as they are; only events that may tell usage, the finish or an error are parsed.
"""

import re
from typing import Any

import msgspec

from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import NO_MEASURES, Measures, Outcome, Usage
from engine.wire import sse
from engine.wire.json_read import UNREADABLE
from engine.wire.openai_chat.error import outcome_of, read_reply_error
from engine.wire.openai_chat.usage import read_usage

__all__ = ["ChatStream"]

MOST_HELD_BYTES = 16 * 1024
"""How much is held before the first content; beyond it the stream is relayed as it is."""

_FINISHED = re.compile(rb'_reason"\s*:\s*"')
_USAGE = b'"usage"'
_USED = re.compile(_USAGE + rb"\s*:\s*[^\sn]")
"""A finish (`_FINISHED`) or a usage that is not null, however the JSON is spaced. Inside a text the quotes would be
escaped; where one matches all the same, parsing does no harm."""

_ERROR = b'"error"'
"""The key; or else a value, which costs only a needless parse."""

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


class ChatStream(msgspec.Struct, kw_only=True, eq=False):
    """One answer on its way through. Feed it every read; stop when `error` is set; `close` it at the end of the body.

    An error inside the stream, a chunk that cannot be read or an event that does not end sets `error`, and nothing goes
    out after it. `[DONE]` waits for `close`, so that something can still be said before it. With *strip_usage* a chunk
    that carries only usage is taken out: we asked for it, the caller did not.
    """

    strip_usage: bool
    done: bool = False
    """`[DONE]` has been seen: nothing that comes after it counts."""
    started: bool = False
    """Content has been seen, so bytes go out and no other target can take over."""
    content_events: int = 0
    """Events with content so far; about one token each."""
    usage: Usage | None = None
    """The last one reported: some providers report a growing count in every chunk."""
    measures: Measures = NO_MEASURES
    finish_reason: str | None = None
    error: Outcome | None = None
    reply_id: str = ""
    """From the first chunk that has one; Azure's very first has none."""
    reply_model: str = ""
    _blocks: sse.EventBlocks = msgspec.field(default_factory=sse.EventBlocks)
    _held: bytes = b""
    _terminator: bytes = b""

    def feed(self, data: bytes) -> bytes:
        """The bytes that may go out after *data*, b"" for none yet."""
        try:
            block = self._blocks.feed(data)
        except UpstreamMalformed as fault:
            self._fail(fault)
            return b""
        return self._pass(block)

    def close(self) -> bytes:
        """The last bytes and the terminator, after the provider has ended the body. May still set `error`.

        A finish reason is a proper end, as is `[DONE]`, which not every provider sends.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream at all.
        """
        rest = self._blocks.rest()
        last = self._pass(rest.rstrip(b"\n") + b"\n\n") if rest and sse.is_whole(rest) else b""
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
        """After it: what precedes the first event to be parsed goes out unread; from there on each is looked at."""
        first = _first_telling(block)
        if first == len(block):
            return self._unread(block)
        begin = block.rfind(b"\n\n", 0, first) + 2
        begin = 0 if begin == 1 else begin
        out = [self._unread(block[:begin])]
        for event in sse.events(block[begin:]):
            out.append(self._read(event) if _first_telling(event) < len(event) else self._unread(event))
            if self.error or self.done:
                break
        return b"".join(out)

    def _unread(self, events: bytes) -> bytes:
        self.content_events += events.count(b'"delta"')
        return events

    def _read(self, event: bytes) -> bytes:
        """The bytes that go out for one event, once it has been parsed."""
        data = sse.data_of(event)
        if not data:
            return event
        if data == sse.DONE:
            self.done = True
            self._terminator = event
            if not self.started:
                self._fail(UpstreamMalformed("the stream ended without an answer", received=True))
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
            if isinstance(choice.delta, dict) and any(map(choice.delta.get, _CONTENT)):
                self.content_events += 1
                self.started = True
            if choice.finish_reason and isinstance(choice.finish_reason, str):
                self.finish_reason = choice.finish_reason
                self.started = True
        return b"" if usage and not choices and self.strip_usage else event

    def _fail(self, fault: UpstreamFault) -> None:
        self.error = Outcome(kind=OutcomeKind.MALFORMED, status=200, message=fault.detail, received=True)


def _first_telling(events: bytes) -> int:
    """Offset of the first sign that one of *events* has to be parsed; their length when none has to.

    It searches for one word after the other: an expression for all of them takes three times as long.
    """
    first = len(events)
    for word in (sse.DONE, _ERROR):
        at = events.find(word, 0, first)
        first = first if at < 0 else at
    at = events.find(_USAGE, 0, first)
    if at >= 0 and (used := _USED.search(events, at, first)):
        first = used.start()
    finished = _FINISHED.search(events, 0, first)
    return finished.start() if finished else first


def _usage(chunk: _Chunk) -> Usage | None:
    """The usage in *chunk*: at its top; at Groq, if not asked for, in `x_groq` alone; at Moonshot in the choice."""
    if chunk.usage:
        return read_usage(chunk.usage)
    if isinstance(chunk.x_groq, dict):
        return read_usage(chunk.x_groq.get("usage"))
    for choice in chunk.choices or ():
        if choice.usage:
            return read_usage(choice.usage)
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
