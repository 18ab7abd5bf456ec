"""Streams of Cohere's chat: bytes → events, and back.

Source: docs.cohere.com/docs/streaming, read 2026-11. `message-end` ends an answer; mostly a `[DONE]` follows it.
"""

from contextlib import suppress
from typing import Any

import msgspec

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import Outcome
from engine.wire import sse
from engine.wire.cohere.citation import decode_citation
from engine.wire.cohere.emit import Encoder
from engine.wire.cohere.error import outcome_of, read_reply_error
from engine.wire.cohere.messages import is_nothing
from engine.wire.cohere.reply import finish_of
from engine.wire.cohere.usage import read_usage
from engine.wire.json_read import UNREADABLE

__all__ = ["Decoder", "Encoder"]


MOST_UNREAD_BYTES = 64 * 1024
"""How much is kept of a body in which no event has come, to tell an error in plain JSON from a stream cut short."""


class _Content(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    """A message, or a piece of one. Lists occur only in `message-start`, where they are empty."""

    content: _Content | list[Any] | None = None
    tool_plan: str | None = None
    tool_calls: _Call | list[Any] | None = None
    citations: msgspec.Raw = msgspec.Raw(b"[]")


class _Delta(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: Any = None
    error: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    id: str | None = None
    delta: _Delta | None = None


_EVENT = msgspec.json.Decoder(_Event)


class Decoder:
    """One answer on its way in. Feed it every read, `close` it at the end of the body.

    If the provider fails, or its bytes are not of the protocol, `Failed` is the last event.
    """

    __slots__ = ("_blocks", "_calls", "_id", "_opened", "_out", "_silent", "_unread", "done")

    def __init__(self) -> None:
        self._blocks = sse.EventBlocks()
        self._out: list[hub.Event] = []
        self._unread = b""
        self._opened = False
        self._id = ""
        self._calls: dict[int, int] = {}
        """Cohere's index of a call → its number in the hub."""
        self._silent: set[int] = set()
        """Numbers of calls whose arguments have not begun to come."""
        self.done = False
        """The answer has ended, or failed: nothing that comes after it counts."""

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes."""
        if self.done:
            return []
        try:
            block = self._blocks.feed(data)
            for event in sse.events(block):
                self._read(event)
        except UpstreamFault as fault:
            self._fail(Outcome(kind=OutcomeKind.MALFORMED, status=200, message=fault.detail, received=True))
        return self._taken()

    def close(self) -> list[hub.Event]:
        """What was still held, after the provider has ended the body.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream at all.
        """
        if not self.done:
            with suppress(UpstreamMalformed):  # half an event, at the end of a body that ended too soon
                self._read(self._blocks.rest())
        if not (self.done or self._opened) and self._unread.strip():
            error = read_reply_error(self._unread)
            if error is None:
                raise UpstreamMalformed("not an event stream", received=True)
            self._fail(error)
        if not self.done:
            raise UpstreamReset("the stream ended before the answer did", received=True)
        return self._taken()

    def _taken(self) -> list[hub.Event]:
        out, self._out = self._out, []
        return out

    def _fail(self, outcome: Outcome) -> None:
        self.done = True
        self._out.append(hub.Failed(outcome=outcome))

    def _read(self, event: bytes) -> None:
        data = sse.data_of(event)
        if not data and not self._opened:
            self._unread = (self._unread + event)[:MOST_UNREAD_BYTES]
        if data and not self.done and data != sse.DONE:
            self._decode(data)

    def _decode(self, data: bytes) -> None:
        try:
            if not data.isascii():
                data.decode()  # what is passed on unread must be UTF-8, too
            event = _EVENT.decode(data)
            if not event.type:
                self._fail(outcome_of(msgspec.json.decode(data, type=dict[str, Any])))
            else:
                self._tell(event)
        except UNREADABLE as exc:
            raise UpstreamMalformed(f"an event that cannot be read: {exc}", received=True) from exc

    def _tell(self, event: _Event) -> None:
        if not self._opened:
            self._opened = True
            self._id = event.id or ""
            self._out.append(hub.Opened(id=self._id))
        delta = event.delta or _Delta()
        if event.type == "message-end":
            self._end(delta)
        elif delta.message is not None:
            self._say(event.index, delta.message)

    def _say(self, index: int, message: _Message) -> None:
        content, call = message.content, message.tool_calls
        if isinstance(content, _Content):
            if content.text:
                self._out.append(hub.TextDelta(text=content.text))
            if content.thinking:
                self._out.append(hub.ThinkingDelta(text=content.thinking))
        if message.tool_plan:
            self._out.append(hub.ThinkingDelta(text=message.tool_plan))
        if isinstance(call, _Call):
            self._call(index, call)
        if bytes(message.citations)[:1] == b"{":
            self._out.append(hub.Cited(citation=decode_citation(message.citations)))

    def _call(self, index: int, call: _Call) -> None:
        function = call.function or _Function()
        if index not in self._calls:
            self._calls[index] = number = len(self._calls)
            self._silent.add(number)
            made_up = f"call_{self._id[-8:]}_{number}"
            self._out.append(hub.CallOpened(call=number, id=call.id or made_up, name=function.name or ""))
        number = self._calls[index]
        if function.arguments and not (number in self._silent and is_nothing(function.arguments)):
            self._silent.discard(number)
            self._out.append(hub.CallDelta(call=number, arguments=function.arguments))

    def _end(self, delta: _Delta) -> None:
        self._out += [hub.CallDelta(call=number, arguments="{}") for number in sorted(self._silent)]
        usage = read_usage(delta.usage)
        if usage is not None:
            self._out.append(hub.Metered(usage=usage))
        if delta.error:
            self._fail(outcome_of({"message": delta.error}))
            return
        self.done = True
        raw = delta.finish_reason or ""
        self._out.append(hub.Finished(finish=finish_of(raw, calls=bool(self._calls)), finish_raw=raw))
