"""Requests to Cohere's chat: hub → fields, and back.

Bounds and defaults: docs.cohere.com/reference/chat, read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.wire.body import malformed, read_field
from engine.wire.cohere.citation import PROTOCOL
from engine.wire.cohere.messages import decode_messages, encode_messages
from engine.wire.cohere.tools import decode_choice, decode_tools, encode_tools
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields

__all__ = ["decode_request", "encode_request", "finish"]


class _Format(msgspec.Struct):
    type: str
    json_schema: msgspec.Raw = msgspec.Raw(b"")


class _Thinking(msgspec.Struct):
    type: str
    token_budget: int | None = None


_ENCODER = msgspec.json.Encoder()
_TEXT = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool)
_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_FORMAT = msgspec.json.Decoder(_Format)
_THINKING = msgspec.json.Decoder(_Thinking)
_WHOLE = msgspec.json.Decoder(int)
_NUMBER = msgspec.json.Decoder(float)

_PLAIN: tuple[tuple[str, str, msgspec.json.Decoder[Any]], ...] = (
    ("model", "model", _TEXT),
    ("stream", "stream", _FLAG),
    ("max_tokens", "max_tokens", _WHOLE),
    ("temperature", "temperature", _NUMBER),
    ("p", "top_p", _NUMBER),
    ("k", "top_k", _WHOLE),
    ("frequency_penalty", "frequency_penalty", _NUMBER),
    ("presence_penalty", "presence_penalty", _NUMBER),
    ("seed", "seed", _WHOLE),
    ("stop_sequences", "stop", _TEXTS),
    ("logprobs", "logprobs", _FLAG),
)
"""Cohere's name, the hub's, and the type of the value."""

_READ = {name for name, _, _ in _PLAIN} | {
    "messages",
    "tools",
    "strict_tools",
    "tool_choice",
    "response_format",
    "thinking",
}

_UNSAYABLE = ("parallel_tool_calls", "n", "top_logprobs", "user", "service_tier")
"""Fields of the hub that Cohere has no word for: dropped and reported."""

_BOUNDS = {"p": (0.01, 0.99), "k": (0, 500), "frequency_penalty": (0.0, 1.0), "presence_penalty": (0.0, 1.0)}
"""Cohere refuses values outside, such as `top_p: 1` from other protocols: the nearest that it takes is sent."""


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that goes to the provider. Usage comes in every stream, unasked."""
    return _ENCODER.encode({**fields, "model": model, "stream": stream})


def decode_request(fields: Fields) -> hub.Request:
    """The request that *fields* make.

    Raises:
        BadRequest: a field is not of the protocol's shape; `param` names it.
    """
    said = {theirs: read_field(fields, ours, decoder) for ours, theirs, decoder in _PLAIN}
    known = {name: value for name, value in said.items() if value is not None}
    known.setdefault("model", "")
    try:
        messages = decode_messages(fields.get("messages", hub.Json(b"[]")))
    except (msgspec.DecodeError, RecursionError) as exc:
        raise malformed("messages", exc) from exc
    return hub.Request(
        messages=messages,
        tools=decode_tools(fields),
        tool_choice=decode_choice(fields),
        format=_decode_format(fields),
        reasoning=_decode_thinking(fields),
        extra={name: raw for name, raw in fields.items() if name not in _READ},
        origin=PROTOCOL,
        **known,
    )


def _decode_format(fields: Fields) -> hub.OutputFormat | None:
    form = read_field(fields, "response_format", _FORMAT)
    if form is None or form.type != "json_object":
        return None
    return hub.OutputFormat(schema=form.json_schema.copy() if bytes(form.json_schema) not in {b"", b"null"} else None)


def _decode_thinking(fields: Fields) -> hub.Reasoning | None:
    thinking = read_field(fields, "thinking", _THINKING)
    if thinking is None:
        return None
    return hub.Reasoning(enabled=thinking.type != "disabled", budget_tokens=thinking.token_budget)


def encode_request(request: hub.Request) -> Encoded:
    """*request* in Cohere's words.

    Raises:
        BadRequest: `content_not_supported`, Cohere does not take some content.
    """
    dropped: list[str] = []
    said: dict[str, Any] = {"messages": encode_messages(request.messages, dropped)}
    said |= _encode_plain(request, dropped)
    said |= encode_tools(request, dropped)
    if request.format is not None:
        schema = request.format.schema
        said["response_format"] = {"type": "json_object", **({"json_schema": schema} if schema is not None else {})}
    said |= _encode_thinking(request.reasoning, dropped)
    dropped += [name for name in _UNSAYABLE if _says(request, name)]
    fields = {name: hub.Json(_ENCODER.encode(value)) for name, value in said.items()}
    if request.origin == PROTOCOL:
        fields |= request.extra
    else:
        dropped += request.extra
    return Encoded(fields, tuple(dict.fromkeys(dropped)))


def _says(request: hub.Request, name: str) -> bool:
    """Whether a field is set to something that Cohere would not do anyway."""
    value = getattr(request, name)
    return value not in {None, ""} and (name, value) not in {("n", 1), ("parallel_tool_calls", True)}


def _encode_plain(request: hub.Request, dropped: list[str]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for ours, theirs, _ in _PLAIN[2:]:
        value = getattr(request, theirs)
        if value is None or value == ():
            continue
        low, high = _BOUNDS.get(ours, (value, value))
        said[ours] = min(max(value, low), high)
        if ours.endswith("_penalty") and value < 0:  # the nearest to a reward for repetition is no penalty
            dropped.append(theirs)
    if said.get("frequency_penalty") and said.get("presence_penalty"):  # "cannot specify both"
        dropped.append("presence_penalty")
    if said.get("frequency_penalty") is not None:
        said.pop("presence_penalty", None)
    return said


def _encode_thinking(reasoning: hub.Reasoning | None, dropped: list[str]) -> dict[str, Any]:
    """Thinking on, on with a budget, or off. Cohere has no levels of effort: any above `none` is on, and reported."""
    if reasoning is None:
        return {}
    dropped += ["reasoning_effort"] if reasoning.effort not in {"", "none"} else []
    dropped += ["reasoning.summary"] if reasoning.summary else []
    dropped += ["reasoning.show"] if reasoning.show is False else []
    if reasoning.enabled is False or reasoning.effort == "none" or reasoning.budget_tokens == 0:
        return {"thinking": {"type": "disabled"}}
    budget = reasoning.budget_tokens if reasoning.budget_tokens and reasoning.budget_tokens > 0 else None
    if not (reasoning.enabled or reasoning.effort or budget):
        return {}
    return {"thinking": {"type": "enabled", **({"token_budget": budget} if budget else {})}}
