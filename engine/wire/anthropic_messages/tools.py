"""Tools and their choice ↔ the hub's. Tools that Anthropic runs or defines stay as they are, as `Foreign`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from engine import hub
from engine.wire.anthropic_messages import PROTOCOL
from engine.wire.anthropic_messages.raw import NULL, said, unsaid

__all__ = ["read_choice", "read_tools", "write_choice", "write_tools"]

NO_INPUT = msgspec.Raw(b'{"type":"object","properties":{}}')
FREE_TEXT = msgspec.Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')
"""The schema of a custom tool, whose free text goes as `{"input": text}`."""


class _Tool(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A caller's tool. Fields that only this protocol has (`defer_loading`, `input_examples`) are not kept."""

    name: str
    description: str | None = None
    input_schema: msgspec.Raw = NULL
    strict: bool | None = None
    cache_control: msgspec.Raw = NULL


class _Typed(msgspec.Struct):
    type: str | None = None


class _Choice(msgspec.Struct, omit_defaults=True):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


_RAWS: msgspec.json.Decoder[list[msgspec.Raw] | None] = msgspec.json.Decoder(list[msgspec.Raw] | None)
_TYPED = msgspec.json.Decoder(_Typed)
_TOOL = msgspec.json.Decoder(_Tool)
_CHOICE: msgspec.json.Decoder[_Choice | None] = msgspec.json.Decoder(_Choice | None)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_tools(raw: msgspec.Raw) -> tuple[hub.Tool | hub.Foreign, ...]:
    """The tools of a request.

    Raises:
        msgspec.DecodeError: one is not of its shape.
    """
    return tuple(_read(tool) for tool in _RAWS.decode(raw) or ())


def _read(raw: msgspec.Raw) -> hub.Tool | hub.Foreign:
    kind = _TYPED.decode(raw).type
    if kind not in {None, "custom"}:
        return hub.Foreign(protocol=PROTOCOL, kind=str(kind), raw=raw)
    tool = _TOOL.decode(raw)
    return hub.Tool(
        name=tool.name,
        description=tool.description or "",
        parameters=said(tool.input_schema),
        strict=tool.strict,
        cache=said(tool.cache_control),
    )


def read_choice(raw: msgspec.Raw) -> tuple[hub.ToolChoice | None, bool | None]:
    """Whether tools must be used, and which; and whether several may be used at once. None for what was not said.

    Raises:
        msgspec.DecodeError: it is not of its shape, or its type is unknown.
    """
    given = _CHOICE.decode(raw)
    if given is None:
        return None, None
    parallel = None if given.disable_parallel_tool_use is None else not given.disable_parallel_tool_use
    match given:
        case _Choice(type="auto" | "none" | "any" as mode):
            return hub.ToolChoice(mode=mode), parallel
        case _Choice(type="tool", name=str(name)):
            return hub.ToolChoice(mode="any", names=(name,)), parallel
    raise msgspec.ValidationError("expected a choice of type auto, any, none, or tool with its name")


def write_tools(
    tools: Sequence[hub.Tool | hub.Foreign], choice: hub.ToolChoice | None
) -> tuple[list[_Tool | msgspec.Raw], list[str]]:
    """The tools, and the kinds of those that are left out, since only another protocol knows them.

    Where the model must use one of several named tools, only those are offered: the API has no other way to say it.
    """
    named = set(choice.names) if choice and len(choice.names) > 1 else None
    own = [tool for tool in tools if not isinstance(tool, hub.Foreign) and (named is None or tool.name in named)]
    kept = [tool for tool in tools if isinstance(tool, hub.Foreign) and tool.protocol == PROTOCOL]
    dropped = [tool.kind for tool in tools if isinstance(tool, hub.Foreign) and tool.protocol != PROTOCOL]
    if not dropped and named is None:  # in the given order, on which the prompt cache depends
        return [tool.raw if isinstance(tool, hub.Foreign) else _tool(tool) for tool in tools], []
    return [*(_tool(tool) for tool in own), *(tool.raw for tool in kept)], dropped


def _tool(tool: hub.Tool) -> _Tool:
    return _Tool(
        name=tool.name,
        description=tool.description or None,
        input_schema=FREE_TEXT if tool.custom else _schema(tool.parameters),
        strict=None if tool.custom else tool.strict,
        cache_control=unsaid(tool.cache),
    )


def _schema(parameters: msgspec.Raw | None) -> msgspec.Raw:
    """The schema, which must have `"type": "object"`: OpenAI's callers may omit that, Gemini's the whole schema."""
    if parameters is None:
        return NO_INPUT
    try:
        schema = _OBJECT.decode(parameters)
    except (msgspec.DecodeError, RecursionError):
        return parameters
    if "type" in schema:
        return parameters
    return msgspec.Raw(msgspec.json.encode({"type": "object", **schema}))


def write_choice(choice: hub.ToolChoice | None, *, parallel: bool | None) -> dict[str, Any] | None:
    """The `tool_choice` of a request with tools; None where there is nothing to say."""
    if choice is None and parallel is not False:
        return None
    mode = choice.mode if choice else "auto"
    if mode == "none":
        return {"type": "none"}
    said: dict[str, Any] = {"type": mode}
    if choice and len(choice.names) == 1:
        said = {"type": "tool", "name": choice.names[0]}
    if parallel is not None:
        said["disable_parallel_tool_use"] = not parallel
    return said
