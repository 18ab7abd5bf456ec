"""Tools of a request, and which of them the model must use.

Source: https://platform.openai.com/docs/api-reference/chat/create, read 2026-11.
"""

from typing import Any, Literal

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_chat import PROTOCOL

__all__ = ["read_choice", "read_tools", "write_choice", "write_tools"]

MODES: dict[str, Literal["auto", "none", "any"]] = {"auto": "auto", "none": "none", "required": "any", "any": "any"}
"""`any` is Mistral's."""
WORDS = {"auto": "auto", "none": "none", "any": "required"}


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"null")
    strict: bool | None = None


class _Custom(msgspec.Struct):
    name: str
    description: str | None = None
    format: msgspec.Raw = msgspec.Raw(b"null")


class _Tool(msgspec.Struct):
    type: str | None = None
    function: _Function | None = None
    custom: _Custom | None = None
    cache_control: msgspec.Raw = msgspec.Raw(b"null")


_TOOLS = msgspec.json.Decoder(list[_Tool] | None)
_FUNCTIONS = msgspec.json.Decoder(list[_Function] | None)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def read_tools(tools: msgspec.Raw | None, functions: msgspec.Raw | None) -> tuple[hub.Tool | hub.Foreign, ...]:
    """The tools in `tools`, and in the older `functions`.

    Raises:
        msgspec.DecodeError: they are not of the protocol's shape.
    """
    read: list[hub.Tool | hub.Foreign] = []
    if tools is not None:
        for at, tool in enumerate(_TOOLS.decode(tools) or ()):
            read.append(_read_tool(tool) or _foreign(tool.type, _RAWS.decode(tools)[at]))
    if functions is not None:
        read += [_read_function(function) for function in _FUNCTIONS.decode(functions) or ()]
    return tuple(read)


def _read_tool(tool: _Tool) -> hub.Tool | None:
    """The tool; None for one that only this protocol knows, which the provider runs."""
    if tool.function is not None and tool.type in {None, "function"}:
        return _read_function(tool.function, _unless_null(tool.cache_control))
    if tool.custom is not None and tool.type == "custom":
        custom = tool.custom
        return hub.Tool(
            name=custom.name,
            description=custom.description or "",
            parameters=_unless_null(custom.format),
            custom=True,
        )
    return None


def _read_function(function: _Function, cache: msgspec.Raw | None = None) -> hub.Tool:
    return hub.Tool(
        name=function.name,
        description=function.description or "",
        parameters=_unless_null(function.parameters),
        strict=function.strict,
        cache=cache,
    )


def _foreign(kind: str | None, raw: msgspec.Raw) -> hub.Foreign:
    if not kind or kind in {"function", "custom"}:
        raise BadRequest(f"a tool lacks {kind or 'its type'}", code="invalid_value", param="tools")
    return hub.Foreign(protocol=PROTOCOL, kind=kind, raw=raw)


def _unless_null(raw: msgspec.Raw) -> msgspec.Raw | None:
    return None if bytes(raw) == b"null" else raw


def write_tools(
    tools: tuple[hub.Tool | hub.Foreign, ...], *, cache: bool, dropped: list[str]
) -> list[dict[str, Any] | msgspec.Raw]:
    """`tools`. Those that only another protocol knows are left out, and their kinds added to *dropped*."""
    written: list[dict[str, Any] | msgspec.Raw] = []
    for tool in tools:
        if isinstance(tool, hub.Tool):
            written.append(_write_tool(tool, cache))
        elif tool.protocol == PROTOCOL:
            written.append(tool.raw)
        else:
            dropped.append(tool.kind)
    return written


def _write_tool(tool: hub.Tool, cache: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"name": tool.name}
    if tool.description:
        said["description"] = tool.description
    if tool.parameters is not None:
        said["format" if tool.custom else "parameters"] = tool.parameters
    if tool.strict is not None and not tool.custom:
        said["strict"] = tool.strict
    marker = {"cache_control": tool.cache} if cache and tool.cache is not None else {}
    return {"type": "custom", "custom": said} if tool.custom else {"type": "function", "function": said, **marker}


def read_choice(choice: Any) -> hub.ToolChoice | None:
    """What `tool_choice`, or `function_call`, says; None where the hub has no word for it.

    Raises:
        BadRequest: it is of no known shape.
    """
    match choice:
        case str() if choice in MODES:
            return hub.ToolChoice(mode=MODES[choice])
        case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}} | {"name": str(name)}:
            return hub.ToolChoice(mode="any", names=(name,))
        case {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [*tools]}}:
            chosen = [read_choice(tool) for tool in tools]
            return hub.ToolChoice(mode="any", names=tuple(name for tool in chosen if tool for name in tool.names))
        case {"type": str()}:
            return None
    raise BadRequest("tool_choice is of no known shape", code="invalid_type", param="tool_choice")


def write_choice(choice: hub.ToolChoice, tools: tuple[hub.Tool | hub.Foreign, ...]) -> Any:
    """`tool_choice`."""
    if choice.mode != "any" or not choice.names:
        return WORDS[choice.mode]
    custom = {tool.name for tool in tools if isinstance(tool, hub.Tool) and tool.custom}
    named = [_named(name, "custom" if name in custom else "function") for name in choice.names]
    if len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": named}}


def _named(name: str, kind: str) -> dict[str, Any]:
    return {"type": kind, kind: {"name": name}}
