"""Streams of the Messages API, written: events in, bytes out. The grammar is in `stream`."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine import hub
from engine.values import Usage
from engine.wire.anthropic_messages import PROTOCOL
from engine.wire.anthropic_messages.blocks import input_of, sealed
from engine.wire.anthropic_messages.reply import details, pictured, reason_for, write_citation
from engine.wire.anthropic_messages.stream_frame import begun, delta_prefix, ended, filled
from engine.wire.anthropic_messages.stream_frame import event as framed
from engine.wire.anthropic_messages.usage import written, written_delta

__all__ = ["Encoder"]

TEXT = b'{"type":"text","text":""}'
THINKING = b'{"type":"thinking","thinking":"","signature":""}'

_FILLED_WITH: dict[type, str] = {hub.TextDelta: "text", hub.ThinkingDelta: "thinking"}

_ENCODER = msgspec.json.Encoder()
_OBJECT: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])

_json = _ENCODER.encode


class Encoder:
    """One answer on its way out, valid for the SDKs in whatever order its events come.

    *input_tokens* is reported at the start if the true count is not known yet; the end corrects it. Of several answers
    only the first is written. A call is written whole before what follows it: where a provider sends several at once,
    the later ones wait. `Finished` and `Metered` go out with `close`, once; nothing goes out after `Failed`.
    """

    def __init__(self, *, model: str, input_tokens: int = 0) -> None:
        self._model = model
        self._input_tokens = input_tokens
        self._started = False
        self._index = -1
        """Index of the block that is open, or was open last."""
        self._kind = ""
        """Type of the open block: `text`, `thinking`, `tool_use`; empty for none."""
        self._prefix = b""
        """What the open block's deltas begin with, up to the text."""
        self._call: hub.CallOpened | None = None
        self._argued: list[str] = []
        self._free_text = False
        self._ends_in_call = False
        self._waiting: list[hub.Event] = []
        """What has come while the open call is not whole."""
        self._refused: list[str] = []
        self._finished: hub.Finished | None = None
        self._usage: Usage | None = None
        self._failed = False

    def encode(self, event: hub.Event) -> bytes:
        """The bytes that may go out once *event* has come; b"" for none yet."""
        if self._kind and _FILLED_WITH.get(type(event)) == self._kind and not self._failed:
            return self._fill(event)
        if self._failed or _is_of_another(event):
            return b""
        return b"".join(self._told(event))

    def close(self) -> bytes:
        """The end of the stream: what is still open, the stop reason, the usage. Empty after `Failed`."""
        if self._failed:
            return b""
        out = [*self._start(hub.Opened()), *self._release()]
        finished = self._finished or hub.Finished(finish=hub.Finish.STOP)
        refused = "".join(self._refused)
        reason = reason_for(
            finished.finish,
            finished.finish_raw,
            finished.stop_sequence,
            calls=self._ends_in_call,
            refused=bool(refused),
        )
        delta: dict[str, Any] = {"stop_reason": reason, "stop_sequence": finished.stop_sequence or None}
        if refused:
            delta["stop_details"] = details(refused)
        usage = written_delta(self._usage or Usage(input=self._input_tokens))
        out.append(framed(b"message_delta", {"type": "message_delta", "delta": delta, "usage": usage}))
        out.append(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
        return b"".join(out)

    def _fill(self, event: Any) -> bytes:
        """A delta for the open block, which is what nearly all events are."""
        return filled(self._prefix, _json(event.text)) if event.text and not event.choice else b""

    def _told(self, event: hub.Event) -> Iterator[bytes]:
        match event:
            case hub.Metered():
                self._usage = event.usage
            case hub.Failed():
                self._failed = True
            case hub.Opened():
                yield from self._start(event)
            case hub.RefusalDelta():
                self._refused.append(event.text)
            case hub.LogProbs():
                return
            case hub.CallDelta() if self._call is not None and event.call == self._call.call:
                yield from self._argue(event.arguments)
            case hub.Finished():
                self._finished = self._finished or event
                yield from self._release()
            case _:
                yield from self._start(hub.Opened())
                yield from self._content(event)

    def _start(self, opened: hub.Opened) -> Iterator[bytes]:
        if self._started:
            return
        self._started = True
        message: dict[str, Any] = {
            "id": opened.id or "msg",
            "type": "message",
            "role": "assistant",
            "model": opened.model or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": written(self._usage or Usage(input=self._input_tokens)),
        }
        yield framed(b"message_start", {"type": "message_start", "message": message})

    def _content(self, event: hub.Event) -> Iterator[bytes]:
        """Write content other than the open call's arguments; it waits until that call is whole."""
        if self._call is not None and not self._is_whole():
            self._waiting.append(event)
            return
        match event:
            case hub.TextDelta() if event.text:
                yield from self._open("text", TEXT, b"text_delta", b"text")
                yield filled(self._prefix, _json(event.text))
            case hub.ThinkingDelta() if event.text:
                yield from self._open("thinking", THINKING, b"thinking_delta", b"thinking")
                yield filled(self._prefix, _json(event.text))
            case hub.ThinkingSigned():
                yield from self._sign(event)
            case hub.CallOpened():
                yield from self._begin_call(event)
            case hub.Cited():
                yield from self._cite(event.citation)
            case hub.MediaArrived():
                yield from self._content(hub.TextDelta(text=pictured(event.media)))
            case hub.Foreign() if event.protocol == PROTOCOL:
                yield from self._whole(event.raw)

    def _open(self, kind: str, block: bytes, delta: bytes, name: bytes) -> Iterator[bytes]:
        """Begin a block of *kind*, unless one is open; its deltas have the type *delta*, their text the key *name*."""
        if self._kind == kind:
            return
        yield from self._shut()
        self._index += 1
        self._kind = kind
        self._ends_in_call = kind == "tool_use"
        self._prefix = delta_prefix(self._index, delta, name)
        yield begun(self._index, block)

    def _shut(self) -> Iterator[bytes]:
        if not self._kind:
            return
        if self._free_text and self._call is not None:
            text = "".join(self._argued)
            whole = input_of(hub.ToolCall(id="", name="", arguments=text, custom=True))
            yield filled(self._prefix, _json(bytes(whole).decode()))
        self._kind, self._call, self._free_text = "", None, False
        yield ended(self._index)

    def _sign(self, event: hub.ThinkingSigned) -> Iterator[bytes]:
        """Write a signature, which ends the block of its thought; withheld reasoning is a block of its own."""
        if event.signature:
            yield from self._open("thinking", THINKING, b"thinking_delta", b"thinking")
            prefix = delta_prefix(self._index, b"signature_delta", b"signature")
            yield filled(prefix, _json(sealed(event.origin, event.id, event.signature)))
            yield from self._shut()
        if event.redacted:
            data = sealed(event.origin, event.id, event.redacted)
            yield from self._whole(msgspec.Raw(_json({"type": "redacted_thinking", "data": data})))

    def _begin_call(self, event: hub.CallOpened) -> Iterator[bytes]:
        yield from self._shut()
        block = _json({"type": "tool_use", "id": event.id, "name": event.name, "input": {}})
        yield from self._open("tool_use", block, b"input_json_delta", b"partial_json")
        self._call, self._argued, self._free_text = event, [], event.custom

    def _argue(self, arguments: str) -> Iterator[bytes]:
        if not arguments:
            return
        self._argued.append(arguments)
        if not self._free_text:
            yield filled(self._prefix, _json(arguments))
        if self._waiting and self._is_whole():
            yield from self._replay()

    def _is_whole(self) -> bool:
        """Whether the open call is whole: its arguments are an object, or are free text, whose end does not show."""
        if self._free_text:
            return True
        try:
            _OBJECT.decode("".join(self._argued))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def _replay(self) -> Iterator[bytes]:
        waiting, self._waiting = self._waiting, []
        for event in _gathered(waiting):
            yield from self._told(event)

    def _release(self) -> Iterator[bytes]:
        """End the open block and write all that waits: nothing more will come to complete a call."""
        yield from self._shut()
        while self._waiting:
            yield from self._replay()
            yield from self._shut()

    def _cite(self, citation: hub.Citation) -> Iterator[bytes]:
        raw = write_citation(citation)
        if raw is None:
            return
        yield from self._open("text", TEXT, b"text_delta", b"text")
        yield filled(delta_prefix(self._index, b"citations_delta", b"citation"), bytes(raw))

    def _whole(self, raw: msgspec.Raw) -> Iterator[bytes]:
        """Write a block in one go; its `input`, if any, goes in a delta, where the SDKs look for it."""
        yield from self._shut()
        self._index += 1
        self._ends_in_call = False
        block = _OBJECT.decode(raw)
        given = block.get("input")
        if given is None or bytes(given) == b"{}":
            yield begun(self._index, bytes(raw))
        else:
            yield begun(self._index, _json({**block, "input": {}}))
            prefix = delta_prefix(self._index, b"input_json_delta", b"partial_json")
            yield filled(prefix, _json(bytes(given).decode()))
        yield ended(self._index)


def _is_of_another(event: hub.Event) -> bool:
    """Whether *event* belongs to another answer than the first."""
    return not isinstance(event, hub.Opened | hub.Foreign | hub.Metered | hub.Failed) and event.choice > 0


def _gathered(waiting: Sequence[hub.Event]) -> Iterator[hub.Event]:
    """The events, with each call's deltas moved up to follow its beginning."""
    for event in waiting:
        if isinstance(event, hub.CallDelta):
            continue
        yield event
        if isinstance(event, hub.CallOpened):
            yield from (each for each in waiting if isinstance(each, hub.CallDelta) and each.call == event.call)
