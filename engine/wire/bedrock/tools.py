"""Converse's tools and which of them a model must use, both ways."""

from typing import Any

import msgspec

from engine import hub
from engine.wire.bedrock import PROTOCOL
from engine.wire.bedrock.blocks import Blocks, not_supported
from engine.wire.bedrock.parts import CachePoint, cached, foreign

__all__ = ["Config", "read_choice", "read_tools", "write_tools"]

NOTHING_TAKEN: dict[str, Any] = {"type": "object", "properties": {}}


class _Schema(msgspec.Struct):
    json: msgspec.Raw = msgspec.Raw()


class _Spec(msgspec.Struct, rename="camel", kw_only=True):
    name: str
    description: str = ""
    input_schema: _Schema | None = None
    strict: bool | None = None


class _Tool(msgspec.Struct, rename="camel", kw_only=True):
    tool_spec: _Spec | None = None
    cache_point: CachePoint | None = None


class _Named(msgspec.Struct):
    name: str


class _Choice(msgspec.Struct, kw_only=True):
    auto: Any = None
    any: Any = None
    tool: _Named | None = None


class Config(msgspec.Struct, rename="camel", kw_only=True):
    """Converse's `toolConfig`."""

    tools: list[msgspec.Raw] = []
    tool_choice: _Choice | None = None


_TOOL = msgspec.json.Decoder(_Tool)


def read_tools(config: Config) -> tuple[hub.Tool | hub.Foreign, ...]:
    """The tools; anything but a `toolSpec`, such as a system tool, is foreign.

    Raises:
        msgspec.ValidationError: a tool is not of the protocol's shape.
    """
    tools: list[hub.Tool | hub.Foreign] = []
    for raw in config.tools:
        tool = _TOOL.decode(raw)
        last = tools[-1] if tools else None
        if tool.cache_point is not None and isinstance(last, hub.Tool) and last.cache is None:
            tools[-1] = msgspec.structs.replace(last, cache=cached(tool.cache_point))
        else:
            tools.append(_tool(tool.tool_spec) if tool.tool_spec else foreign(raw))
    return tuple(tools)


def _tool(spec: _Spec) -> hub.Tool:
    schema = (spec.input_schema.json or None) if spec.input_schema else None
    return hub.Tool(name=spec.name, description=spec.description, parameters=schema, strict=spec.strict)


def read_choice(config: Config) -> hub.ToolChoice | None:
    """Which tools must be used; None when it is not said."""
    choice = config.tool_choice
    if choice is None:
        return None
    if choice.tool is not None:
        return hub.ToolChoice(mode="any", names=(choice.tool.name,))
    return hub.ToolChoice(mode="any") if choice.any is not None else hub.AUTO


def write_tools(request: hub.Request, blocks: Blocks, lost: list[str]) -> dict[str, Any]:
    """`toolConfig`, if there is one to write; the names of what was left out go to *lost*.

    Converse refuses calls and results in a conversation without tools. If the caller sends no tools, the ones that were
    called are declared, with a schema that takes anything.
    """
    choice = request.tool_choice or hub.AUTO
    called = _called(request.messages)
    if choice.mode == "none" and not called:
        return {}
    tools = _specs(request, choice, blocks) or _stand_ins(called)
    if not tools:
        return {}
    if choice.mode == "none":
        lost.append("tool_choice")
    said = _choice(choice) if request.tool_choice else {}
    return {"toolConfig": {"tools": tools} | said}


def _specs(request: hub.Request, choice: hub.ToolChoice, blocks: Blocks) -> list[Any]:
    specs: list[Any] = []
    only = choice.names if len(choice.names) > 1 else ()
    for tool in request.tools:
        if isinstance(tool, hub.Foreign):
            specs += [tool.raw] if tool.protocol == PROTOCOL else []
            blocks.dropped |= {} if tool.protocol == PROTOCOL else {tool.kind: None}
        elif not only or tool.name in only:
            specs += [{"toolSpec": _spec(tool)}, *blocks.cached(tool.cache)]
    return specs


def _spec(tool: hub.Tool) -> dict[str, Any]:
    if tool.custom:
        raise not_supported(f"tool '{tool.name}', which takes free text,", "tools")
    spec: dict[str, Any] = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": tool.parameters or NOTHING_TAKEN}
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return spec


def _called(messages: tuple[hub.Message, ...]) -> list[str]:
    """The names of the tools that were called, in order, once each; `tool` for results that do not name theirs."""
    names: dict[str, None] = {}
    for message in messages:
        for part in message.parts:
            if isinstance(part, hub.ToolCall | hub.ToolResult):
                names[part.name or "tool"] = None
    return list(names)


def _stand_ins(called: list[str]) -> list[Any]:
    return [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}} for name in called]


def _choice(choice: hub.ToolChoice) -> dict[str, Any]:
    """`toolChoice`. Where one of several named tools must be used, `write_tools` offers only those."""
    match choice.mode:
        case "any" if len(choice.names) == 1:
            return {"toolChoice": {"tool": {"name": choice.names[0]}}}
        case "any":
            return {"toolChoice": {"any": {}}}
        case "auto":
            return {"toolChoice": {"auto": {}}}
        case "none":
            return {}
