"""Hub events → Converse's event streams, for the sandbox and the tests. `stream` reads them."""

import base64
from functools import lru_cache
from typing import Any

import msgspec

from engine import hub
from engine.errors import OutcomeKind
from engine.values import Usage
from engine.wire import eventstream
from engine.wire.bedrock import PROTOCOL
from engine.wire.bedrock.blocks import tool_id
from engine.wire.bedrock.usage import stop_reason_of, write_usage

__all__ = ["Encoder", "frame"]

_ENCODER = msgspec.json.Encoder()

_EXCEPTIONS = {
    OutcomeKind.RATE_LIMITED: "throttlingException",
    OutcomeKind.OVERLOADED: "serviceUnavailableException",
    OutcomeKind.BAD_REQUEST: "validationException",
    OutcomeKind.CONTEXT_LENGTH: "validationException",
    OutcomeKind.CONTENT_FILTER: "validationException",
}


def frame(event: str, payload: Any, *, message_type: str = "event") -> bytes:
    """One message of the stream; *event* names its type, an exception's if *message_type* is `exception`."""
    return eventstream.framed(_head(event, message_type), _ENCODER.encode(payload))


@lru_cache(maxsize=32)  # Converse has six kinds of event and five of exception
def _head(event: str, message_type: str) -> bytes:
    kind = {f":{message_type}-type": event, ":content-type": "application/json", ":message-type": message_type}
    return eventstream.encode_headers(kind)


class Encoder:
    """Writes one answer, with its first choice; opens and closes blocks itself, whatever order the events come in.

    Usage waits for `close`: Converse reports it last.
    """

    def __init__(self, *, model: str = "") -> None:  # noqa: ARG002 - Converse does not tell the model's name
        self._index = -1
        """Index of the block that was opened last."""
        self._kind = ""
        """That block's kind, `text` or `thinking`; empty when it takes no more pieces."""
        self._calls: dict[int, int] = {}
        """Number of an open call → the index of its block."""
        self._started = False
        self._finished = False
        self._failed = False
        self._wanted = 0
        self._usage = Usage()

    def encode(self, event: hub.Event) -> bytes:
        """The bytes that go out for *event*. After a finish or a failure only usage counts, and waits for `close`."""
        if isinstance(event, hub.Metered):
            self._usage = event.usage
            return b""
        if self._finished or self._failed:
            return b""
        return self._start() + self._encode(event)

    def close(self) -> bytes:
        """The end of the stream: the stop, unless that has gone out, and the metadata. Empty after a failure."""
        if self._failed:
            return b""
        stop = b"" if self._finished else self._start() + self._finish(hub.Finish.STOP, "", "")
        metadata = {"usage": write_usage(self._usage), "metrics": {"latencyMs": 0}}
        return stop + frame("metadata", metadata)

    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return frame("messageStart", {"role": "assistant"})

    def _encode(self, event: hub.Event) -> bytes:  # noqa: C901, PLR0911 - one line for each kind of event
        match event:
            case hub.TextDelta() | hub.RefusalDelta():
                return self._piece("text", {"text": event.text})
            case hub.ThinkingDelta():
                return self._piece("thinking", {"reasoningContent": {"text": event.text}})
            case hub.ThinkingSigned():
                return self._sign(event)
            case hub.CallOpened() if event.call not in self._calls:
                return self._call(event)
            case hub.CallDelta() if event.call in self._calls:
                return self._delta(self._calls[event.call], {"toolUse": {"input": event.arguments}})
            case hub.Cited():
                return self._piece("text", {"citation": _citation(event.citation)})
            case hub.MediaArrived():
                return self._media(event.media)
            case hub.Foreign() if event.protocol == PROTOCOL:
                return self._foreign(event)
            case hub.Finished():
                return self._finish(event.finish, event.finish_raw, event.stop_sequence)
            case hub.Failed():
                self._failed = True
                name = _EXCEPTIONS.get(event.outcome.kind, "internalServerException")
                return frame(name, {"message": event.outcome.message}, message_type="exception")
            case _:  # opened; log-probabilities and what is foreign here have no word
                return b""

    def _piece(self, kind: str, delta: dict[str, Any]) -> bytes:
        """A piece of text or reasoning; the first piece opens the block."""
        stop = b"" if self._kind == kind else self._open(kind)
        return stop + self._delta(self._index, delta)

    def _open(self, kind: str) -> bytes:
        """Begin a block; the bytes that end the one before. Calls stay open: their pieces may come at any time."""
        stop = self._stop()
        self._index += 1
        self._kind = kind
        return stop

    def _stop(self) -> bytes:
        kind, self._kind = self._kind, ""
        return frame("contentBlockStop", {"contentBlockIndex": self._index}) if kind else b""

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return frame("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})

    def _sign(self, event: hub.ThinkingSigned) -> bytes:
        if event.redacted:
            blob = base64.b64encode(event.redacted.encode()).decode()
            return self._whole("thinking", None, {"reasoningContent": {"redactedContent": blob}})
        return self._piece("thinking", {"reasoningContent": {"signature": event.signature}}) + self._stop()

    def _call(self, event: hub.CallOpened) -> bytes:
        self._wanted += 1
        stop = self._open("")
        self._calls[event.call] = self._index
        start = {"toolUse": {"toolUseId": tool_id(event.id), "name": event.name}}
        return stop + frame("contentBlockStart", {"contentBlockIndex": self._index, "start": start})

    def _whole(self, kind: str, start: dict[str, Any] | None, *deltas: dict[str, Any]) -> bytes:
        """A whole block."""
        out = self._open(kind)
        if start is not None:
            out += frame("contentBlockStart", {"contentBlockIndex": self._index, "start": start})
        return out + b"".join(self._delta(self._index, delta) for delta in deltas) + self._stop()

    def _media(self, media: hub.Media) -> bytes:
        if media.kind != "image" or not media.data:
            return b""
        start = {"image": {"format": media.media_type.removeprefix("image/") or "png"}}
        return self._whole("image", start, {"image": {"source": {"bytes": media.data}}})

    def _foreign(self, event: hub.Foreign) -> bytes:
        """A call or result of one of Bedrock's own tools, as a block; b"" for anything else."""
        block = msgspec.json.decode(event.raw)
        use, result = block.get("toolUse"), block.get("toolResult")
        if use:
            asked = _ENCODER.encode(use.pop("input", {})).decode()
            return self._whole("tool", {"toolUse": use}, {"toolUse": {"input": asked}})
        if result:
            said = result.pop("content", [])
            return self._whole("tool", {"toolResult": result}, {"toolResult": said})
        return b""

    def _finish(self, finish: hub.Finish, raw: str, stop_sequence: str) -> bytes:
        self._finished = True
        out = self._stop()
        for index in self._calls.values():
            out += frame("contentBlockStop", {"contentBlockIndex": index})
        said: dict[str, Any] = {"stopReason": stop_reason_of(finish, raw, calls=self._wanted > 0)}
        if stop_sequence:
            said["additionalModelResponseFields"] = {"stop_sequence": stop_sequence}
        return out + frame("messageStop", said)


def _citation(citation: hub.Citation) -> Any:
    if citation.foreign is not None and citation.foreign.protocol == PROTOCOL:
        return citation.foreign.raw
    location = {"location": {"web": {"url": citation.url}}} if citation.url else {}
    return {"title": citation.title, "sourceContent": [{"text": citation.quote}]} | location
