"""Converse's whole answers: body → hub, and hub → body."""

from typing import Any

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire.bedrock import PROTOCOL
from engine.wire.bedrock.blocks import Blocks
from engine.wire.bedrock.parts import parts
from engine.wire.bedrock.usage import TokenUsage, finish_of, read_usage, stop_reason_of, write_usage
from engine.wire.json_read import UNREADABLE

__all__ = ["decode_reply", "encode_reply"]


class _Message(msgspec.Struct):
    content: list[msgspec.Raw] = []


class _Output(msgspec.Struct):
    message: _Message


class _Tier(msgspec.Struct):
    type: str = ""


class _Reply(msgspec.Struct, rename="camel", kw_only=True):
    output: _Output
    stop_reason: str = ""
    usage: TokenUsage | None = None
    service_tier: _Tier | None = None


_REPLY = msgspec.json.Decoder(_Reply)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_READ = frozenset(field.encode_name for field in msgspec.structs.fields(_Reply))
_MORE = "additionalModelResponseFields"


def decode_reply(body: bytes) -> hub.Reply:
    """The answer in *body*. Converse gives it neither an id nor the model's name.

    Raises:
        UpstreamMalformed: it is no answer of Converse's.
    """
    try:
        said = _REPLY.decode(body)
        content = parts(said.output.message.content, results=False)
        fields = _FIELDS.decode(body)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"not an answer of Converse's: {exc}", received=True) from exc
    calls = any(isinstance(part, hub.ToolCall) for part in content)
    choice = hub.Choice(
        parts=tuple(content),
        finish=finish_of(said.stop_reason, calls=calls),
        finish_raw=said.stop_reason,
        stop_sequence=stop_sequence(fields.get(_MORE, msgspec.Raw())),
    )
    return hub.Reply(
        choices=(choice,),
        usage=read_usage(said.usage),
        service_tier=said.service_tier.type if said.service_tier else "",
        extra={name: raw for name, raw in fields.items() if name not in _READ},
        origin=PROTOCOL,
    )


def stop_sequence(more: msgspec.Raw) -> str:
    """The stop sequence that was met, if the caller asked for it by `additionalModelResponseFieldPaths`; else empty."""
    try:
        said: Any = msgspec.json.decode(more) if more else None
    except (msgspec.DecodeError, RecursionError):
        return ""
    met = said.get("stop_sequence") if isinstance(said, dict) else None
    return met if isinstance(met, str) else ""


def encode_reply(reply: hub.Reply) -> bytes:
    """The answer as Converse would have written it, with the first choice. For answers of our own making."""
    choice = reply.choices[0] if reply.choices else hub.Choice()
    calls = any(isinstance(part, hub.ToolCall) for part in choice.parts)
    body: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": Blocks("").content(choice.parts)}},
        "stopReason": stop_reason_of(choice.finish, choice.finish_raw, calls=calls),
    }
    if reply.usage:
        body["usage"] = write_usage(reply.usage)
    if reply.service_tier:
        body["serviceTier"] = {"type": reply.service_tier}
    if reply.origin == PROTOCOL:
        body |= reply.extra
    body.setdefault("metrics", {"latencyMs": 0})
    if choice.stop_sequence:
        body.setdefault(_MORE, {"stop_sequence": choice.stop_sequence})
    return msgspec.json.encode(body)
