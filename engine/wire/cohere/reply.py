"""Whole answers of Cohere's chat: bytes → hub, and back."""

from typing import Any

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire.cohere.citation import PROTOCOL
from engine.wire.cohere.messages import Said, decode_parts, encode_message
from engine.wire.cohere.usage import encode_usage, read_usage
from engine.wire.json_read import UNREADABLE

__all__ = ["decode_reply", "encode_reply", "finish_of", "word_of"]

_FINISHES = {
    "COMPLETE": hub.Finish.STOP,
    "STOP_SEQUENCE": hub.Finish.STOP,
    "MAX_TOKENS": hub.Finish.LENGTH,
    "TOOL_CALL": hub.Finish.TOOL_CALLS,
    "ERROR_TOXIC": hub.Finish.CONTENT_FILTER,
    "ERROR": hub.Finish.ERROR,
    "TIMEOUT": hub.Finish.ERROR,
}

_WORDS = {
    hub.Finish.STOP: "COMPLETE",
    hub.Finish.LENGTH: "MAX_TOKENS",
    hub.Finish.TOOL_CALLS: "TOOL_CALL",
    hub.Finish.CONTENT_FILTER: "ERROR",
    hub.Finish.PAUSE: "COMPLETE",
    hub.Finish.ERROR: "ERROR",
}


class _Reply(msgspec.Struct):
    message: Said
    id: str | None = None
    finish_reason: str | None = None
    usage: Any = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


_REPLY = msgspec.json.Decoder(_Reply)
_ENCODER = msgspec.json.Encoder()


def finish_of(word: str, *, calls: bool) -> hub.Finish:
    """What a finish reason means; *calls*: the answer has tool calls, whatever the reason says."""
    finish = _FINISHES.get(word, hub.Finish.ERROR)
    return hub.Finish.TOOL_CALLS if calls and finish is hub.Finish.STOP else finish


def word_of(finish: hub.Finish | None, raw: str) -> str:
    """Cohere's word for *finish*; *raw* itself if it is one of Cohere's words and means the same."""
    if finish is not None and _FINISHES.get(raw) is finish:
        return raw
    return _WORDS[finish or hub.Finish.STOP]


def decode_reply(body: bytes) -> hub.Reply:
    """The answer in *body*. It does not name its model. Log-probabilities stay in `extra`, since they are by piece.

    Raises:
        UpstreamMalformed: it is no answer of Cohere's chat.
    """
    try:
        if not body.isascii():
            body.decode()  # even what is passed on unread must be UTF-8
        reply = _REPLY.decode(body)
        parts = decode_parts(reply.message)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"not an answer of Cohere's chat: {exc}", received=True) from exc
    raw = reply.finish_reason or ""
    calls = any(isinstance(part, hub.ToolCall) for part in parts)
    choice = hub.Choice(parts=parts, finish=finish_of(raw, calls=calls) if raw else None, finish_raw=raw)
    logprobs = {} if bytes(reply.logprobs) == b"null" else {"logprobs": reply.logprobs.copy()}
    usage = read_usage(reply.usage)
    return hub.Reply(id=reply.id or "", choices=(choice,), usage=usage, extra=logprobs, origin=PROTOCOL)


def encode_reply(reply: hub.Reply) -> bytes:
    """*reply* as Cohere would have written it, with the first of several choices."""
    choice = reply.choices[0] if reply.choices else hub.Choice()
    parts = [part for part in choice.parts if not isinstance(part, hub.Media)]
    written: dict[str, Any] = {
        "id": reply.id,
        "message": {"role": "assistant", **encode_message(parts, [])},
        "finish_reason": word_of(choice.finish, choice.finish_raw),
    }
    if reply.usage is not None:
        written["usage"] = encode_usage(reply.usage)
    if reply.origin == PROTOCOL:
        written |= reply.extra
    return _ENCODER.encode(written)
