"""Streams of Cohere's chat on their way out: events → bytes. Source: docs.cohere.com/docs/streaming, read 2026-11."""

from typing import Any

import msgspec

from engine import hub
from engine.values import Usage
from engine.wire.cohere.citation import encode_citation
from engine.wire.cohere.reply import word_of
from engine.wire.cohere.usage import encode_usage

__all__ = ["Encoder"]

_ENCODER = msgspec.json.Encoder()


class Encoder:
    """The events of one answer on their way out: `encode` each, then `close`. Of several choices the first is written.

    Blocks of content and calls are opened and closed as the events need it. An answer ends with one `message-end`; it
    waits for `close`, so that usage may come before or after the finish.
    """

    __slots__ = ("_block", "_calls", "_cited", "_ended", "_finish", "_index", "_opened", "_usage")

    def __init__(self, *, model: str) -> None:  # noqa: ARG002 - Cohere's events do not name the model; all encoders are built alike
        self._opened = self._ended = False
        self._block = ""
        """Kind of the content block that is open; empty for none."""
        self._index = -1
        """Index of the last content block."""
        self._calls = 0
        self._cited = 0
        self._finish: hub.Finished | None = None
        self._usage: Usage | None = None

    def encode(self, event: hub.Event) -> bytes:  # noqa: C901, PLR0911 - one case for each kind of event
        """The bytes that go out for *event*, b"" for none."""
        if self._ended or _choice(event):
            return b""
        match event:
            case hub.TextDelta() | hub.RefusalDelta():
                return self._within("text") + self._delta("text", event.text)
            case hub.ThinkingDelta():
                return self._within("thinking") + self._delta("thinking", event.text)
            case hub.CallOpened():
                return self._within("") + self._open_call(event)
            case hub.CallDelta():
                call = {"tool_calls": {"function": {"arguments": event.arguments}}}
                return _event("tool-call-delta", event.call, {"message": call})
            case hub.Cited():
                return self._within("text") + self._cite(event.citation)
            case hub.Opened():
                return self._open(event.id)
            case hub.Finished():
                self._finish = event
            case hub.Metered():
                self._usage = event.usage
            case hub.Failed():
                return self._end({"finish_reason": "ERROR", "error": event.outcome.message})
            case _:  # signatures, pictures, log-probabilities and foreign content have no event
                pass
        return b""

    def close(self) -> bytes:
        """The end of a clean stream; b"" if it has failed."""
        if self._ended:
            return b""
        finish = self._finish
        delta: dict[str, Any] = {"finish_reason": word_of(finish.finish, finish.finish_raw) if finish else "COMPLETE"}
        if self._usage is not None:
            delta["usage"] = encode_usage(self._usage)
        return self._end(delta) + b"data: [DONE]\n\n"

    def _open(self, id_: str) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        return _event("message-start", None, {"message": message}, id=id_)

    def _within(self, kind: str) -> bytes:
        """The bytes after which a block of *kind* is open; with an empty *kind*, none is."""
        if self._block == kind and self._opened:
            return b""
        out = self._open("")
        if self._block:
            out += _event("content-end", self._index, None)
        self._block = kind
        if kind:
            self._index += 1
            out += _event("content-start", self._index, {"message": {"content": {"type": kind, kind: ""}}})
        return out

    def _delta(self, kind: str, text: str) -> bytes:
        head = b'event: content-delta\ndata: {"type":"content-delta","index":%d,"delta":{"message":{"content":{"%s":'
        return head % (self._index, kind.encode()) + _ENCODER.encode(text) + b"}}}}\n\n"

    def _open_call(self, event: hub.CallOpened) -> bytes:
        self._calls += 1
        call = {"id": event.id, "type": "function", "function": {"name": event.name, "arguments": ""}}
        return _event("tool-call-start", event.call, {"message": {"tool_calls": call}})

    def _cite(self, citation: hub.Citation) -> bytes:
        at = self._cited
        self._cited += 1
        start = _event("citation-start", at, {"message": {"citations": encode_citation(citation, "")}})
        return start + _event("citation-end", at, None)

    def _end(self, delta: dict[str, Any]) -> bytes:
        out = self._open("") + self._within("")
        out += b"".join(_event("tool-call-end", index, None) for index in range(self._calls))
        self._ended = True
        return out + _event("message-end", None, delta)


def _event(kind: str, index: int | None, delta: dict[str, Any] | None, **more: str) -> bytes:
    said: dict[str, Any] = {**more, "type": kind}
    if index is not None:
        said["index"] = index
    if delta is not None:
        said["delta"] = delta
    data = _ENCODER.encode(said).replace(
        b"\n", b" "
    )  # JSON that is passed on unread may have line ends outside its strings
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _choice(event: hub.Event) -> int:
    """Index of the answer that *event* belongs to; one that is about all, or does not say, belongs to the first."""
    return 0 if isinstance(event, hub.Opened | hub.Metered | hub.Failed | hub.Foreign) else event.choice
