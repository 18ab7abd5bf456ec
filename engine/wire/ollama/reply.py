"""Whole answers of Ollama's chat: bytes → hub, and back. Answers have no id and are told apart by their time."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire.classing import read_json
from engine.wire.json_read import UNREADABLE
from engine.wire.ollama.messages import PROTOCOL, Said, decode_parts, encode_message, is_object
from engine.wire.ollama.usage import encode_usage, usage_of

__all__ = [
    "Answer",
    "created_at",
    "created_of",
    "decode_reply",
    "encode_reply",
    "finish_of",
    "prefix_of",
    "read_answer",
    "word_of",
]

_FINISHES = {"length": hub.Finish.LENGTH}
"""All other words mean a plain stop: `stop` and, where a model is only loaded or unloaded, `load` and `unload`."""


class Answer(msgspec.Struct):
    """An answer, or a line of a streamed one."""

    message: Said | None = None
    model: str | None = None
    created_at: str | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


_ANSWER = msgspec.json.Decoder(Answer)
_ENCODER = msgspec.json.Encoder()


def finish_of(word: str, *, calls: bool) -> hub.Finish:
    """What a reason means; *calls*: whether the answer has tool calls, for which Ollama says `stop`, too."""
    finish = _FINISHES.get(word, hub.Finish.STOP)
    return hub.Finish.TOOL_CALLS if calls and finish is hub.Finish.STOP else finish


def word_of(finish: hub.Finish | None) -> str:
    """Ollama's word for *finish*."""
    return "length" if finish is hub.Finish.LENGTH else "stop"


def prefix_of(stamp: str) -> str:
    """How ids that are made up for calls begin in the answer of that time: no two answers have the same time."""
    return "call_" + "".join(character for character in stamp if character in "0123456789")[:24]


def created_of(stamp: str) -> int | None:
    """Seconds since 1970; None where *stamp* is no time."""
    try:
        return int(datetime.fromisoformat(stamp).timestamp())
    except (ValueError, OverflowError):
        return None


def created_at(created: int | None) -> str:
    """The time as Ollama writes it; 1970 where none is known."""
    return datetime.fromtimestamp(created or 0, UTC).isoformat().replace("+00:00", "Z")


def read_answer(line: bytes) -> Answer:
    """The answer, or the line of one; even what is passed on unread is UTF-8.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no answer.
    """
    if not line.isascii():
        line.decode()
    return _ANSWER.decode(line)


def decode_reply(body: bytes) -> hub.Reply:
    """The answer in *body*.

    Raises:
        UpstreamMalformed: it is no answer of Ollama's chat.
    """
    try:
        answer = read_answer(body)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"not an answer of Ollama's chat: {exc}", received=True) from exc
    if answer.message is None:
        raise UpstreamMalformed("an answer of Ollama's chat without a message", received=True)
    stamp = answer.created_at or ""
    parts = decode_parts(answer.message, prefix_of(stamp))
    raw = answer.done_reason or ""
    calls = any(isinstance(part, hub.ToolCall) for part in parts)
    choice = hub.Choice(
        parts=parts,
        finish=finish_of(raw, calls=calls) if raw or answer.done else None,
        finish_raw=raw,
        logprobs=None
        if bytes(answer.logprobs) == b"null"
        else hub.Json(b'{"content":' + bytes(answer.logprobs) + b"}"),
    )
    return hub.Reply(
        model=answer.model or "",
        created=created_of(stamp),
        choices=(choice,),
        usage=usage_of(answer.prompt_eval_count, answer.eval_count),
        origin=PROTOCOL,
    )


def encode_reply(reply: hub.Reply) -> bytes:
    """*reply* as Ollama would have written it, with the first of several choices."""
    choice = reply.choices[0] if reply.choices else hub.Choice()
    parts = [part for part in map(_sayable, choice.parts) if part is not None]
    written: dict[str, Any] = {
        "model": reply.model,
        "created_at": created_at(reply.created),
        "message": {"role": "assistant", **encode_message(parts, [])},
        "done": True,
        "done_reason": choice.finish_raw if choice.finish_raw in {"load", "unload"} else word_of(choice.finish),
    }
    if choice.logprobs is not None and isinstance(said := read_json(choice.logprobs), dict):
        written["logprobs"] = said.get("content")
    if reply.usage is not None:
        written |= encode_usage(reply.usage)
    return _ENCODER.encode(written)


def _sayable(part: hub.Part) -> hub.Part | None:
    """*part*, if Ollama's answers have a place for it; arguments that are no object become an entry of one."""
    if isinstance(part, hub.Media) and (part.kind != "image" or not part.data):
        return None
    if isinstance(part, hub.ToolCall) and not is_object(part.arguments):
        return msgspec.structs.replace(part, custom=True)
    return part
