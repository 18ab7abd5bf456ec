"""Tools, and whether one must be called: Cohere's fields ↔ the hub's.

Source: docs.cohere.com/reference/chat and "Structured Outputs", read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.body import read_field
from engine.wire.json_edit import Fields

__all__ = ["decode_choice", "decode_tools", "encode_tools"]


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"null")


class _Tool(msgspec.Struct):
    function: _Function


class _Schema(msgspec.Struct):
    required: list[Any] = []


_TEXT = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool)
_TOOLS = msgspec.json.Decoder(list[_Tool])
_SCHEMA = msgspec.json.Decoder(_Schema)

_NOTHING = b'{"type":"object","properties":{}}'
"""The schema of a tool that takes nothing, since Cohere demands a schema."""

_CHOICES = {"REQUIRED": hub.ToolChoice(mode="any"), "NONE": hub.ToolChoice(mode="none")}


def decode_tools(fields: Fields) -> tuple[hub.Tool, ...]:
    """The tools; `strict_tools` applies to all of them."""
    strict = read_field(fields, "strict_tools", _FLAG)
    return tuple(
        hub.Tool(
            name=tool.function.name,
            description=tool.function.description or "",
            parameters=_schema(tool.function.parameters),
            strict=strict,
        )
        for tool in read_field(fields, "tools", _TOOLS) or ()
    )


def _schema(parameters: hub.Json) -> hub.Json | None:
    return None if bytes(parameters) in {b"null", _NOTHING} else parameters.copy()


def decode_choice(fields: Fields) -> hub.ToolChoice | None:
    """The choice; None where the model is free to choose."""
    choice = read_field(fields, "tool_choice", _TEXT)
    if choice is None:
        return None
    if choice not in _CHOICES:
        raise BadRequest("tool_choice must be REQUIRED or NONE", code="invalid_value", param="tool_choice")
    return _CHOICES[choice]


def encode_tools(request: hub.Request, dropped: list[str]) -> dict[str, Any]:
    """Tools and the choice. If that names tools, only those are sent: Cohere can be told to call, but not which."""
    choice = request.tool_choice or hub.AUTO
    tools = []
    for tool in request.tools:
        if isinstance(tool, hub.Foreign):
            dropped.append(tool.kind)
        elif tool.custom:
            dropped.append("custom")
        elif not choice.names or tool.name in choice.names:
            tools.append(tool)
    said: dict[str, Any] = {"tools": [_encode_tool(tool) for tool in tools]} if tools else {}
    strict = {tool.strict for tool in tools}
    if strict <= {True} and tools and all(_demands(tool) for tool in tools):
        said["strict_tools"] = True
    elif strict == {False}:
        said["strict_tools"] = False
    elif True in strict:
        dropped.append("strict")
    if tools and choice.mode != "auto":
        said["tool_choice"] = "REQUIRED" if choice.mode == "any" else "NONE"
    return said


def _demands(tool: hub.Tool) -> bool:
    """Whether the tool has a required parameter, as strict tools must ("Structured Outputs", read 2026-11)."""
    try:
        return bool(_SCHEMA.decode(tool.parameters or b"{}").required)
    except (msgspec.DecodeError, RecursionError):
        return False


def _encode_tool(tool: hub.Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = hub.Json(_NOTHING) if tool.parameters is None else tool.parameters
    return {"type": "function", "function": function}
