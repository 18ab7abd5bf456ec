"""Requests to Ollama's chat: hub → fields, and back. Source: docs.ollama.com/api/chat, read 2026-11."""

from typing import Any

import msgspec

from engine import hub
from engine.wire.body import malformed, read_field
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields
from engine.wire.ollama.messages import PROTOCOL, decode_messages, encode_messages

__all__ = ["decode_request", "encode_request", "finish"]


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"null")


class _Tool(msgspec.Struct):
    function: _Function


_ENCODER = msgspec.json.Encoder()
_TEXT = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool)
_TEXTS = msgspec.json.Decoder(str | tuple[str, ...])
_TOOLS = msgspec.json.Decoder(list[_Tool])
_THINK = msgspec.json.Decoder(bool | str)
_WHOLE = msgspec.json.Decoder(int)
_NUMBER = msgspec.json.Decoder(float)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])

_TOP: tuple[tuple[str, msgspec.json.Decoder[Any]], ...] = (
    ("model", _TEXT),
    ("stream", _FLAG),
    ("logprobs", _FLAG),
    ("top_logprobs", _WHOLE),
)
"""Top-level fields that have the same name in the hub."""

_READ = {name for name, _ in _TOP} | {"messages", "tools", "format", "think", "options"}

_OPTIONS: tuple[tuple[str, str, msgspec.json.Decoder[Any]], ...] = (
    ("num_predict", "max_tokens", _WHOLE),
    ("temperature", "temperature", _NUMBER),
    ("top_p", "top_p", _NUMBER),
    ("top_k", "top_k", _WHOLE),
    ("frequency_penalty", "frequency_penalty", _NUMBER),
    ("presence_penalty", "presence_penalty", _NUMBER),
    ("seed", "seed", _WHOLE),
    ("stop", "stop", _TEXTS),
)
"""Ollama's name in `options`, the hub's, and the type of the value. Other options stay in `extra`, under `options`."""

_UNSAYABLE = ("parallel_tool_calls", "n", "user", "service_tier")
"""Fields of the hub that Ollama has no word for: dropped and reported."""

_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""Efforts → Ollama's levels. GPT-OSS ignores true and false and wants a level (docs.ollama.com/capabilities/thinking,
read 2026-11); for other models any level means "on"."""


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that goes to the provider. `stream` is always said, since Ollama streams unless told not to."""
    return _ENCODER.encode({**fields, "model": model, "stream": stream})


def decode_request(fields: Fields) -> hub.Request:
    """The request that *fields* make.

    Raises:
        BadRequest: a field is not of the protocol's shape; `param` names it.
    """
    said: dict[str, Any] = {"model": "", "stream": True}
    said |= _present({name: read_field(fields, name, decoder) for name, decoder in _TOP})
    options = read_field(fields, "options", _OBJECT) or {}
    said |= _present({theirs: read_field(options, ours, decoder) for ours, theirs, decoder in _OPTIONS})
    said["stop"] = (said["stop"],) if isinstance(said.get("stop"), str) else said.get("stop", ())
    if said.get("max_tokens", 0) < 0:  # -1 and -2 mean no limit
        del said["max_tokens"]
    try:
        messages = decode_messages(fields.get("messages", hub.Json(b"[]")))
    except (msgspec.DecodeError, RecursionError) as exc:
        raise malformed("messages", exc) from exc
    return hub.Request(
        messages=messages,
        tools=_decode_tools(fields),
        format=_decode_format(fields),
        reasoning=_decode_think(fields),
        extra=_extra(fields, options),
        origin=PROTOCOL,
        **said,
    )


def _present(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _extra(fields: Fields, options: Fields) -> Fields:
    extra = {name: raw for name, raw in fields.items() if name not in _READ}
    known = {ours for ours, _, _ in _OPTIONS}
    rest = {name: raw for name, raw in options.items() if name not in known or _is_endless(name, raw)}
    return extra | ({"options": hub.Json(_ENCODER.encode(rest))} if rest else {})


def _is_endless(name: str, raw: hub.Json) -> bool:
    return name == "num_predict" and bytes(raw).startswith(b"-")


def _decode_tools(fields: Fields) -> tuple[hub.Tool, ...]:
    return tuple(
        hub.Tool(
            name=tool.function.name,
            description=tool.function.description or "",
            parameters=tool.function.parameters.copy() if bytes(tool.function.parameters) != b"null" else None,
        )
        for tool in read_field(fields, "tools", _TOOLS) or ()
    )


def _decode_format(fields: Fields) -> hub.OutputFormat | None:
    """The answer's shape: `"json"` or a schema; old clients send an empty string for none."""
    raw = bytes(fields.get("format", b"null"))
    if raw in {b"null", b'""'}:
        return None
    if raw == b'"json"':
        return hub.OutputFormat()
    read_field(fields, "format", _OBJECT)
    return hub.OutputFormat(schema=hub.Json(raw))


def _decode_think(fields: Fields) -> hub.Reasoning | None:
    think = read_field(fields, "think", _THINK)
    if think is None:
        return None
    return hub.Reasoning(effort=think) if isinstance(think, str) else hub.Reasoning(enabled=think)


def encode_request(request: hub.Request) -> Encoded:
    """*request* in Ollama's words.

    Raises:
        BadRequest: `content_not_supported`, Ollama does not take some content.
    """
    dropped: list[str] = []
    said: dict[str, Any] = {"messages": encode_messages(request.messages, dropped)}
    said |= _encode_tools(request, dropped)
    if request.format is not None:
        said["format"] = "json" if request.format.schema is None else request.format.schema
    said |= _encode_think(request.reasoning, dropped)
    said |= _present({name: getattr(request, name) for name in ("logprobs", "top_logprobs")})
    dropped += [name for name in _UNSAYABLE if _says(request, name)]
    extra = dict(request.extra) if request.origin == PROTOCOL else {}
    dropped += () if request.origin == PROTOCOL else request.extra
    options = {ours: getattr(request, theirs) for ours, theirs, _ in _OPTIONS}
    options = {name: value for name, value in options.items() if value is not None and value != ()}
    options |= _OBJECT.decode(extra.pop("options", b"{}"))
    if options:
        said["options"] = options
    return Encoded(
        {name: hub.Json(_ENCODER.encode(value)) for name, value in said.items()} | extra, tuple(dict.fromkeys(dropped))
    )


def _says(request: hub.Request, name: str) -> bool:
    """Whether a field is set to something that Ollama would not do anyway."""
    value = getattr(request, name)
    return value not in {None, ""} and (name, value) not in {("n", 1), ("parallel_tool_calls", True)}


def _encode_tools(request: hub.Request, dropped: list[str]) -> dict[str, Any]:
    """Tools. If none may be called, none are sent; if named ones, only those. That one *must* be called is dropped."""
    choice = request.tool_choice or hub.AUTO
    if request.tools and choice.mode == "any":
        dropped.append("tool_choice")
    tools = []
    for tool in request.tools:
        if isinstance(tool, hub.Foreign):
            dropped.append(tool.kind)
        elif tool.custom:
            dropped.append("custom")
        elif choice.mode != "none" and (not choice.names or tool.name in choice.names):
            tools.append(_encode_tool(tool))
            dropped += ["strict"] if tool.strict else []
    return {"tools": tools} if tools else {}


def _encode_tool(tool: hub.Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    return {"type": "function", "function": function}


def _encode_think(reasoning: hub.Reasoning | None, dropped: list[str]) -> dict[str, Any]:
    """Thinking off, on, or at a level. Ollama has no budgets: any above zero is on, and reported."""
    if reasoning is None:
        return {}
    dropped += ["budget_tokens"] if reasoning.budget_tokens else []
    dropped += ["reasoning.summary"] if reasoning.summary else []
    dropped += ["reasoning.show"] if reasoning.show is False else []
    if reasoning.enabled is False or reasoning.effort == "none" or reasoning.budget_tokens == 0:
        return {"think": False}
    if reasoning.effort:
        return {"think": _LEVELS.get(reasoning.effort, "high")}
    return {"think": True} if reasoning.enabled or reasoning.budget_tokens else {}
