"""Streams of the Messages API, read: bytes in, events out. The grammar is in `stream`."""

from collections.abc import Iterator
from typing import Any

import msgspec

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.values import Outcome
from engine.wire import sse
from engine.wire.anthropic_messages.blocks import read_cited, unsealed
from engine.wire.anthropic_messages.error import outcome_of, read_reply_error
from engine.wire.anthropic_messages.raw import NULL
from engine.wire.anthropic_messages.reply import explanation
from engine.wire.anthropic_messages.stop import finish_of
from engine.wire.anthropic_messages.stream_block import READ, BlockStart, Delta, Event, OpenBlock, Started
from engine.wire.anthropic_messages.stream_frame import is_stream
from engine.wire.anthropic_messages.usage import COUNTS, read_usage
from engine.wire.json_read import UNREADABLE

__all__ = ["Decoder"]

MOST_HELD_BYTES = 16 * 1024 * 1024
"""How much of open blocks is held, to be handed on when they close: as much as one event may have."""

MOST_STRAY_BYTES = 64 * 1024
"""How much is kept of a body that may turn out to be an error instead of a stream."""


class _Typed(msgspec.Struct, gc=False):
    type: str


_EVENT = msgspec.json.Decoder(Event)
_DELTA: msgspec.json.Decoder[Delta | None] = msgspec.json.Decoder(Delta | None)
_STARTED = msgspec.json.Decoder(Started)
_BLOCK = msgspec.json.Decoder(BlockStart)
_TYPED = msgspec.json.Decoder(_Typed)
_OBJECT: msgspec.json.Decoder[dict[str, Any] | None] = msgspec.json.Decoder(dict[str, Any] | None)


class Decoder:
    """One answer on its way in: feed it every read, `close` it at the end of the body.

    After an error inside the stream, or an event that cannot be read, `Failed` is the last event.
    """

    def __init__(self) -> None:
        self.done = False
        """`message_stop` has been seen, or a failure: nothing that comes after it counts."""
        self._blocks = sse.EventBlocks()
        self._stray: bytes | None = b""
        """What came before the first event; None after it."""
        self._open: dict[int, OpenBlock] = {}
        self._calls = 0
        self._ends_in_call = False
        self._length = 0
        """Characters of text so far."""
        self._held = 0
        self._usage: dict[str, Any] = {}
        self._finished = False
        self._tail = ""
        """The end of the message's id, to make up ids for calls without one."""

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes."""
        if self.done:
            return []
        try:
            block = self._blocks.feed(data)
        except UpstreamMalformed as fault:
            return self._fail(fault.detail)
        return self._take(block) if block else []

    def close(self) -> list[hub.Event]:
        """The last events, after the provider has ended the body. A stop reason is a proper end, as is `message_stop`.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream at all.
        """
        rest = self._blocks.rest()
        events = self._take(rest.rstrip(b"\n") + b"\n\n") if not self.done and sse.is_whole(rest) else []
        if self.done or self._finished:
            return events if self.done else [*events, *self._close_all()]
        if self._stray is not None and not is_stream(self._stray + rest):
            return self._no_stream(self._stray + rest)
        raise UpstreamReset("the stream ended before the answer did", received=True)

    def _no_stream(self, body: bytes) -> list[hub.Event]:
        self.done = True
        if outcome := read_reply_error(body):
            return [hub.Failed(outcome=outcome)]
        raise UpstreamMalformed("not an event stream", received=True)

    def _take(self, block: bytes) -> list[hub.Event]:
        out: list[hub.Event] = []
        for event in sse.events(block):
            data = sse.data_of(event)
            if data:
                self._stray = None
                self._read(data, out)
            elif self._stray is not None and len(self._stray) < MOST_STRAY_BYTES:
                self._stray += event
            if self.done:
                break
        return out

    def _read(self, data: bytes, out: list[hub.Event]) -> None:
        if data == sse.DONE:
            out += self._close_all()
            self.done = True
            return
        try:
            self._tell(_EVENT.decode(data), data, out)
        except UNREADABLE as exc:
            out += self._fail(f"an event that cannot be read: {exc}")

    def _tell(self, event: Event, data: bytes, out: list[hub.Event]) -> None:
        match event.type:
            case "content_block_delta":
                self._delta(event, out)
            case "content_block_start":
                self._begin(event.index, event.content_block, out)
            case "content_block_stop":
                self._stop(event.index, out)
            case "message_start":
                out += self._start(_STARTED.decode(event.message))
            case "message_delta":
                out += self._end(event)
            case "message_stop":
                out += self._close_all()
                self.done = True
            case "error":
                out.append(hub.Failed(outcome=outcome_of(_OBJECT.decode(data) or {})))
                self.done = True

    def _start(self, message: Started) -> Iterator[hub.Event]:
        ident = message.id if isinstance(message.id, str) else ""
        self._tail = ident[-8:]
        yield hub.Opened(id=ident, model=message.model if isinstance(message.model, str) else "")
        yield from self._meter(message.usage)

    def _meter(self, usage: object) -> Iterator[hub.Event]:
        """The usage so far. Counts are cumulative; one not repeated still holds. The first of output is provisional."""
        if isinstance(usage, dict):
            self._usage.update((name, usage[name]) for name in COUNTS & usage.keys() if usage[name] is not None)
            if read := read_usage(self._usage):
                yield hub.Metered(usage=read)

    def _end(self, event: Event) -> Iterator[hub.Event]:
        delta = _DELTA.decode(event.delta) or Delta()
        if delta.stop_reason and not self._finished:
            yield from self._close_all()
            self._finished = True
            if refused := explanation(delta.stop_details):
                yield hub.RefusalDelta(text=refused)
            yield hub.Finished(
                finish=finish_of(delta.stop_reason, calls=self._ends_in_call),
                finish_raw=delta.stop_reason,
                stop_sequence=delta.stop_sequence or "",
            )
        yield from self._meter(_OBJECT.decode(event.usage))

    def _begin(self, index: int, raw: msgspec.Raw, out: list[hub.Event]) -> None:
        kind = _TYPED.decode(raw).type
        self._hold(len(bytes(raw)))
        block = self._open[index] = OpenBlock(kind)
        self._ends_in_call = kind == "tool_use"
        if kind not in READ:
            block.foreign = _OBJECT.decode(raw) or {}
            return
        given = _BLOCK.decode(raw)
        match kind:
            case "text":
                block.start = self._length
                block.citations += (raw for raw in given.citations or () if _OBJECT.decode(raw))
                self._say(given.text, out)
            case "thinking":
                block.signature = given.signature or ""
                _think(given.thinking, out)
            case "redacted_thinking" if given.data:
                origin, ident, own = unsealed(given.data)
                out.append(hub.ThinkingSigned(redacted=own, origin=origin, id=ident))
            case "tool_use":
                self._call(block, given, out)

    def _call(self, block: OpenBlock, given: BlockStart, out: list[hub.Event]) -> None:
        block.call = self._calls
        self._calls += 1
        if given.input != NULL:
            block.whole = str(memoryview(given.input), "utf-8")
        ident = given.id or f"call_{self._tail}_{block.call}"
        out.append(hub.CallOpened(call=block.call, id=ident, name=given.name or ""))

    def _delta(self, event: Event, out: list[hub.Event]) -> None:
        block = self._open.get(event.index)
        if block is not None and block.kind not in READ:
            self._hold(len(bytes(event.delta)))
            block.extend(_OBJECT.decode(event.delta) or {})
            return
        delta = _DELTA.decode(event.delta) or Delta()
        block = block or self._implied(event.index, delta)
        if delta.text:
            self._say(delta.text, out)
        elif delta.partial_json and block.kind == "tool_use":
            block.argued = True
            out.append(hub.CallDelta(call=block.call, arguments=delta.partial_json))
        elif delta.thinking:
            _think(delta.thinking, out)
        elif delta.signature:
            block.signature = delta.signature
        elif delta.citation != NULL and _OBJECT.decode(delta.citation):
            self._hold(len(bytes(delta.citation)))
            block.citations.append(delta.citation)

    def _implied(self, index: int, delta: Delta) -> OpenBlock:
        """The block that a look-alike never began; what comes in it tells its type, unless it is a call."""
        block = self._open[index] = OpenBlock("text" if delta.text or delta.citation != NULL else "thinking")
        block.start = self._length
        return block

    def _say(self, text: str | None, out: list[hub.Event]) -> None:
        if text:
            self._length += len(text)
            out.append(hub.TextDelta(text=text))

    def _hold(self, size_bytes: int) -> None:
        self._held += size_bytes
        if self._held > MOST_HELD_BYTES:
            raise msgspec.DecodeError(f"blocks of more than {MOST_HELD_BYTES} bytes")

    def _stop(self, index: int, out: list[hub.Event]) -> None:
        block = self._open.pop(index, None)
        if block is not None:
            out += self._close(block)
        if not self._open:
            self._held = 0

    def _close_all(self) -> list[hub.Event]:
        """The events of the blocks that were left open."""
        blocks, self._open = self._open, {}
        return [event for block in blocks.values() for event in self._close(block)]

    def _close(self, block: OpenBlock) -> Iterator[hub.Event]:
        match block.kind:
            case "text":
                for raw in block.citations:
                    yield hub.Cited(citation=read_cited(raw, block.start, self._length))
            case "thinking" if block.signature:
                origin, ident, own = unsealed(block.signature)
                yield hub.ThinkingSigned(signature=own, origin=origin, id=ident)
            case "tool_use" if not block.argued:
                yield hub.CallDelta(call=block.call, arguments=block.whole)
            case kind if kind not in READ:
                yield block.whole_foreign()

    def _fail(self, detail: str) -> list[hub.Event]:
        self.done = True
        return [hub.Failed(outcome=Outcome(kind=OutcomeKind.MALFORMED, status=200, message=detail, received=True))]


def _think(text: str | None, out: list[hub.Event]) -> None:
    if text:
        out.append(hub.ThinkingDelta(text=text))
