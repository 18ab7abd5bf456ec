"""Requests of the Messages API ↔ `hub.Request`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.anthropic_messages import PROTOCOL
from engine.wire.anthropic_messages.messages import Writer, read_messages, read_system
from engine.wire.anthropic_messages.raw import NULL, said
from engine.wire.anthropic_messages.reasoning import Thinks, read_reasoning, write_reasoning
from engine.wire.anthropic_messages.schema import closed
from engine.wire.anthropic_messages.tools import read_choice, read_tools, write_choice, write_tools
from engine.wire.body import malformed, too_deep
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields

__all__ = ["DEFAULT_MAX_TOKENS", "decode_request", "encode_request"]

DEFAULT_MAX_TOKENS = 4_096
"""Sent where nobody said more, since the API demands `max_tokens`: every model since Claude 3 can write that much."""

UNSAYABLE = {
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "seed": None,
    "n": 1,
    "logprobs": False,
    "top_logprobs": 0,
}
"""What the API has no field for → the value that changes nothing. All others are dropped and reported by name, as are:

`response_format` without a schema; `service_tier` other than OpenAI's `auto` and `default`; `temperature`
above 1, which is cut to 1; `top_p` beside `temperature`, which newer models refuse; `temperature`, `top_k` and a small
`top_p` beside thinking; `reasoning` beside a forced tool, or without room for it; `name` of a message; `citations` that
are not Anthropic's; fields, tools and content that only another protocol knows, by their own names.
"""

TIERS = {"auto": "auto", "default": "standard_only"}
"""OpenAI's words for the tiers of service → Anthropic's."""

LEAST_TOP_P_THINKING = 0.95
"""With thinking, `top_p` must be from 0.95 to 1. Source: …/extended-thinking, "Feature compatibility", read 2026-11."""

KNOWN = frozenset(
    {
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "output_format",
        "service_tier",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)

T = TypeVar("T")


class _Format(msgspec.Struct):
    type: str
    schema: msgspec.Raw = NULL


_OBJECT: msgspec.json.Decoder[dict[str, msgspec.Raw] | None] = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_FORMAT: msgspec.json.Decoder[_Format | None] = msgspec.json.Decoder(_Format | None)
_TEXT: msgspec.json.Decoder[str | None] = msgspec.json.Decoder(str | None)
_TEXTS: msgspec.json.Decoder[list[str] | None] = msgspec.json.Decoder(list[str] | None)
_WHOLE: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(int | None)
_NUMBER: msgspec.json.Decoder[float | None] = msgspec.json.Decoder(float | None)
_FLAG: msgspec.json.Decoder[bool | None] = msgspec.json.Decoder(bool | None)


def decode_request(fields: Fields) -> hub.Request:
    """What a caller's request means.

    Raises:
        BadRequest: it is not of the protocol's shape; `param` names the field.
    """
    try:
        return _decode(fields)
    except RecursionError as exc:
        raise too_deep() from exc


def _decode(fields: Fields) -> hub.Request:
    messages = read_messages(fields.get("messages", NULL))
    if not messages:
        raise BadRequest("messages must not be empty", code="invalid_value", param="messages")
    choice, parallel = _read(fields, "tool_choice", read_choice)
    config = _read(fields, "output_config", _OBJECT.decode) or {}
    metadata = _read(fields, "metadata", _OBJECT.decode) or {}
    effort = _read(config, "effort", _TEXT.decode, "output_config.") or ""
    tier = _read(fields, "service_tier", _TEXT.decode) or ""
    return hub.Request(
        model=_read(fields, "model", _TEXT.decode) or "",
        messages=(*_read(fields, "system", read_system), *messages),
        stream=_read(fields, "stream", _FLAG.decode) or False,
        tools=_read(fields, "tools", read_tools),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=_read(fields, "max_tokens", _WHOLE.decode),
        temperature=_read(fields, "temperature", _NUMBER.decode),
        top_p=_read(fields, "top_p", _NUMBER.decode),
        top_k=_read(fields, "top_k", _WHOLE.decode),
        stop=tuple(_read(fields, "stop_sequences", lambda raw: _TEXTS.decode(raw) or [])),
        format=_format(fields, config),
        reasoning=_read(fields, "thinking", lambda raw: read_reasoning(raw, effort)),
        user=_read(metadata, "user_id", _TEXT.decode, "metadata.") or "",
        service_tier=next((word for word, own in TIERS.items() if own == tier), tier),
        extra=_extra(fields, config, metadata),
        origin=PROTOCOL,
    )


def _read(fields: Mapping[str, msgspec.Raw], name: str, read: Callable[[msgspec.Raw], T], prefix: str = "") -> T:
    """The value of a field; an absent one is read as null, since SDKs send null for unset."""
    try:
        return read(fields.get(name, NULL))
    except msgspec.DecodeError as exc:
        raise malformed(prefix + name, exc) from exc


def _format(fields: Fields, config: Mapping[str, msgspec.Raw]) -> hub.OutputFormat | None:
    """The answer's shape, from `output_config.format` or the beta's `output_format`."""
    given = _read(config, "format", _FORMAT.decode, "output_config.") or _read(fields, "output_format", _FORMAT.decode)
    return hub.OutputFormat(schema=said(given.schema)) if given else None


def _extra(fields: Fields, config: Fields, metadata: Fields) -> dict[str, hub.Json]:
    """What only this protocol knows, with the unread rest of the objects that are read in part."""
    extra = {name: value for name, value in fields.items() if name not in KNOWN}
    for name, value, read in (("output_config", config, {"effort", "format"}), ("metadata", metadata, {"user_id"})):
        rest = {key: each for key, each in value.items() if key not in read}
        if rest:
            extra[name] = msgspec.Raw(msgspec.json.encode(rest))
    return extra


def encode_request(
    request: hub.Request, *, default_max_tokens: int = DEFAULT_MAX_TOKENS, adaptive: bool | None = None
) -> Encoded:
    """*request* for a provider of this protocol.

    *default_max_tokens* is sent where the caller gave none: the most that the model writes, if that is known.
    *adaptive*: whether the model takes `adaptive` thinking and an effort, or a budget; None when that is not known.

    Raises:
        BadRequest: `content_not_supported`, the protocol has no block for some content.
    """
    max_tokens = default_max_tokens if request.max_tokens is None else request.max_tokens
    writer = Writer(request.origin)
    native = request.origin == PROTOCOL
    tools, foreign = write_tools(request.tools, request.tool_choice)
    thinks = write_reasoning(request, max_tokens=max_tokens, adaptive=adaptive)
    if thinks.is_on and _forced(request) and not native:
        thinks = Thinks(dropped=("reasoning",))
    sampling, unsampled = _sampling(request, thinking=thinks.is_on) if not native else (_sampled(request), ())
    said = {
        "messages": writer.turns(request.messages),
        "system": writer.system(request.messages),
        "max_tokens": max_tokens,
        **sampling,
        "stop_sequences": (request.stop if native else _stops(request)) or None,
        "tools": tools or None,
        "tool_choice": write_choice(request.tool_choice, parallel=request.parallel_tool_calls) if tools else None,
        "thinking": thinks.thinking,
        **_objects(request, thinks.effort),
        "service_tier": TIERS.get(request.service_tier) or (request.service_tier if native else "") or None,
    }
    fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in said.items() if value is not None}
    if native:
        fields = {**request.extra, **fields}
    dropped = (*_unsayable(request), *unsampled, *thinks.dropped, *foreign, *writer.dropped)
    return Encoded(fields, tuple(dict.fromkeys(dropped)))


def _forced(request: hub.Request) -> bool:
    """Whether a tool must be used; the API refuses thinking then."""
    return bool(request.tools) and request.tool_choice is not None and request.tool_choice.mode == "any"


def _sampled(request: hub.Request) -> dict[str, Any]:
    return {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}


def _sampling(request: hub.Request, *, thinking: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Temperature, `top_p` and `top_k` as far as the API takes them, and the names of those changed or left out."""
    asked = {name: value for name, value in _sampled(request).items() if value is not None}
    kept = dict(asked)
    if kept.get("temperature", 0) > 1:
        kept["temperature"] = 1.0
    if thinking:
        kept.pop("top_k", None)
        if kept.get("temperature") != 1:
            kept.pop("temperature", None)
        if kept.get("top_p", 1) < LEAST_TOP_P_THINKING:
            kept.pop("top_p")
    if "temperature" in kept:
        kept.pop("top_p", None)
    return kept, tuple(name for name, value in asked.items() if kept.get(name) != value)


def _stops(request: hub.Request) -> list[str]:
    """The stop sequences that the API takes; it refuses any that is only white space."""
    return [sequence for sequence in request.stop if sequence.strip()]


def _objects(request: hub.Request, effort: str) -> dict[str, Any]:
    """`output_config` and `metadata`: what we write, with the entries of the caller's own that are not read."""
    extra = request.extra if request.origin == PROTOCOL else {}
    config: dict[str, Any] = {**(_OBJECT.decode(extra.get("output_config", NULL)) or {})}
    metadata: dict[str, Any] = {**(_OBJECT.decode(extra.get("metadata", NULL)) or {})}
    if effort:
        config["effort"] = effort
    if request.format and request.format.schema is not None:
        schema = request.format.schema if request.origin == PROTOCOL else closed(request.format.schema)
        config["format"] = {"type": "json_schema", "schema": schema}
    if request.user:
        metadata["user_id"] = request.user
    return {"output_config": config or None, "metadata": metadata or None}


def _unsayable(request: hub.Request) -> list[str]:
    """The caller's names for what the API cannot say at all."""
    names = [name for name, idle in UNSAYABLE.items() if getattr(request, name) not in (None, idle)]
    if request.format and request.format.schema is None:
        names.append("response_format")
    if request.origin != PROTOCOL:
        names += ["service_tier"] if request.service_tier and request.service_tier not in TIERS else []
        names += ["stop"] if len(_stops(request)) < len(request.stop) else []
        names += request.extra
    return names
