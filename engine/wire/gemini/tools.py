"""`tools` and `toolConfig` ↔ the hub's tools and the choice among them.

Functions are sent with `parametersJsonSchema`, which takes JSON Schema as it is; the older `parameters`, a dialect of
OpenAPI, are read as well. Google's own tools (`googleSearch`, `codeExecution`, `urlContext`, …) are foreign.

Source: https://ai.google.dev/api/caching#Tool and #FunctionCallingConfig, read 2026-11.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.gemini.chunk import NOT_GIVEN, PROTOCOL, is_given
from engine.wire.gemini.schema import accepted, json_schema

__all__ = ["read_choice", "read_tools", "write_choice", "write_tools"]

FUNCTIONS = "functionDeclarations"


class _Declaration(msgspec.Struct, rename="camel"):
    """A function's declaration. What it says about the result (`response`, `behavior`) has no place in the hub."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = NOT_GIVEN
    parameters_json_schema: msgspec.Raw = NOT_GIVEN


class _Calling(msgspec.Struct, rename="camel"):
    mode: str | None = None
    allowed_function_names: list[str] | None = None


class _ToolConfig(msgspec.Struct, rename="camel"):
    function_calling_config: _Calling | None = None


_TOOLS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_DECLARATIONS = msgspec.json.Decoder(list[_Declaration] | _Declaration)
_TOOL_CONFIG = msgspec.json.Decoder(_ToolConfig)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()

_CHOICES = {
    "AUTO": hub.AUTO,
    "VALIDATED": hub.AUTO,
    "MODE_UNSPECIFIED": hub.AUTO,
    "NONE": hub.ToolChoice(mode="none"),
    "ANY": hub.ToolChoice(mode="any"),
}
"""`VALIDATED` is `AUTO` with arguments that keep to the schema; the word itself is kept in `extra`."""


def read_tools(raw: msgspec.Raw) -> tuple[hub.Tool | hub.Foreign, ...]:
    """The tools in *raw*, the request's `tools`, in order.

    Raises:
        BadRequest: it is no list of tools.
    """
    if not is_given(raw):
        return ()
    try:
        return tuple(tool for entry in _TOOLS.decode(raw) for tool in _in_entry(entry))
    except msgspec.DecodeError as exc:
        raise BadRequest(f"tools cannot be read: {exc}", code="invalid_type", param="tools") from exc


def _in_entry(entry: dict[str, msgspec.Raw]) -> Iterator[hub.Tool | hub.Foreign]:
    for name, value in entry.items():
        if not is_given(value):
            continue
        if name != FUNCTIONS:
            yield hub.Foreign(protocol=PROTOCOL, kind=name, raw=msgspec.Raw(_ENCODER.encode({name: value})))
            continue
        declared = _DECLARATIONS.decode(value)
        for each in declared if isinstance(declared, list) else [declared]:
            yield hub.Tool(name=each.name, description=each.description or "", parameters=_parameters(each))


def _parameters(declared: _Declaration) -> msgspec.Raw | None:
    if is_given(declared.parameters_json_schema):
        return declared.parameters_json_schema
    return json_schema(declared.parameters) if is_given(declared.parameters) else None


def read_choice(raw: msgspec.Raw) -> tuple[hub.ToolChoice | None, bool]:
    """Which tools *raw*, the request's `toolConfig`, lets or makes the model use, and whether it says nothing else.

    Raises:
        BadRequest: it is of the wrong shape.
    """
    if not is_given(raw):
        return None, True
    try:
        config, fields = _TOOL_CONFIG.decode(raw), _FIELDS.decode(raw)
    except msgspec.DecodeError as exc:
        raise BadRequest(f"toolConfig cannot be read: {exc}", code="invalid_type", param="toolConfig") from exc
    calling = config.function_calling_config
    if calling is None or not calling.mode:
        return None, not fields
    mode = calling.mode.upper()
    choice = _CHOICES.get(mode)
    names = tuple(calling.allowed_function_names or ())
    if choice is not None and choice.mode == "any" and names:
        choice = hub.ToolChoice(mode="any", names=names)
    whole = fields.keys() == {"functionCallingConfig"} and mode in {"AUTO", "NONE", "ANY"}
    return choice, whole and (mode == "ANY" or not names)


def write_tools(tools: tuple[hub.Tool | hub.Foreign, ...], dropped: list[str]) -> list[Any]:
    """The request's `tools`: all functions are in one entry, since Vertex takes no second one.

    Tools of other protocols, and tools that take free text, are left out and named in *dropped* by their kind.
    """
    entries: list[Any] = []
    functions: list[dict[str, Any]] = []
    for tool in tools:
        if isinstance(tool, hub.Foreign):
            if tool.protocol == PROTOCOL:
                entries.append(tool.raw)
            else:
                dropped.append(tool.kind)
        elif tool.custom:
            dropped.append("custom")
        else:
            if not functions:
                entries.append({FUNCTIONS: functions})
            functions.append(_declared(tool))
    return entries


def _declared(tool: hub.Tool) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.parameters is not None:
        declared["parametersJsonSchema"] = accepted(tool.parameters)
    return declared


def write_choice(choice: hub.ToolChoice) -> dict[str, Any]:
    """The `toolConfig` for *choice*."""
    calling: dict[str, Any] = {"mode": choice.mode.upper()}
    if choice.mode == "any" and choice.names:
        calling["allowedFunctionNames"] = choice.names
    return {"functionCallingConfig": calling}
