"""What a request asks for beside the conversation: tools, the choice among them, the answer's shape, reasoning.

Each has a pair of functions, field ↔ hub value. Shapes: OpenAI's reference of `POST /responses`, 2026-11.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine import hub
from engine.wire.openai_responses import PROTOCOL

__all__ = [
    "custom_names",
    "read_choice",
    "read_reasoning",
    "read_text",
    "read_tools",
    "write_choice",
    "write_reasoning",
    "write_text",
    "write_tool",
]

BUDGETS = ((2_048, "low"), (16_384, "medium"))
"""(Largest thinking budget in tokens, its effort), for budgets of other protocols; a larger one is `high`. The bounds
are our own choice: OpenAI names efforts and gives no figures (guide on reasoning, 2026-11)."""


class _Tool(msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"null")
    strict: bool | None = None
    format: msgspec.Raw = msgspec.Raw(b"null")


class _Named(msgspec.Struct):
    type: str = ""
    name: str = ""


class _Allowed(msgspec.Struct):
    type: str
    name: str = ""
    mode: str = ""
    tools: list[_Named] = []


class _Format(msgspec.Struct):
    type: str = "text"
    name: str = ""
    description: str | None = None
    schema: msgspec.Raw = msgspec.Raw(b"null")
    strict: bool | None = None


class _Effort(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TOOL = msgspec.json.Decoder(_Tool)
_CHOICE = msgspec.json.Decoder(str | _Allowed)
_FORMAT = msgspec.json.Decoder(_Format)
_EFFORT = msgspec.json.Decoder(_Effort)

_MODES = {
    "auto": hub.ToolChoice(mode="auto"),
    "none": hub.ToolChoice(mode="none"),
    "required": hub.ToolChoice(mode="any"),
}
_WORDS = {"auto": "auto", "none": "none", "any": "required"}


def _given(raw: msgspec.Raw) -> msgspec.Raw | None:
    return None if bytes(raw) == b"null" else msgspec.Raw(bytes(raw))


def read_tools(raw: msgspec.Raw) -> tuple[hub.Tool | hub.Foreign, ...]:
    """The caller's functions; tools that OpenAI runs itself are foreign.

    Raises:
        msgspec.ValidationError: it is no list of tools.
    """
    return tuple(_read_tool(each) for each in _RAWS.decode(raw))


def _read_tool(raw: msgspec.Raw) -> hub.Tool | hub.Foreign:
    tool = _TOOL.decode(raw)
    if tool.type not in {"function", "custom"} or not tool.name:
        return hub.Foreign(protocol=PROTOCOL, kind=tool.type, raw=msgspec.Raw(bytes(raw)))
    custom = tool.type == "custom"
    return hub.Tool(
        name=tool.name,
        description=tool.description or "",
        parameters=_given(tool.format if custom else tool.parameters),
        strict=tool.strict,
        custom=custom,
    )


def write_tool(tool: hub.Tool, *, strict: bool | None) -> dict[str, Any]:
    """The tool's definition. *strict* is used where the tool does not say: this protocol takes silence for true."""
    if tool.custom:
        said: dict[str, Any] = {"type": "custom", "name": tool.name, "description": tool.description or None}
        said["format"] = tool.parameters
        return {name: value for name, value in said.items() if value is not None}
    said = {"type": "function", "name": tool.name, "parameters": tool.parameters}
    if tool.description:
        said["description"] = tool.description
    strict = strict if tool.strict is None else tool.strict
    return said if strict is None else {**said, "strict": strict}


def read_choice(raw: msgspec.Raw) -> hub.ToolChoice | None:
    """The choice among the caller's tools; None for one that only this protocol knows, such as that of a hosted tool.

    Raises:
        msgspec.ValidationError: it is neither a word nor an object with a type.
    """
    choice = _CHOICE.decode(raw)
    if isinstance(choice, str):
        return _MODES.get(choice)
    if choice.type in {"function", "custom"} and choice.name:
        return hub.ToolChoice(mode="any", names=(choice.name,))
    names = tuple(tool.name for tool in choice.tools if tool.type in {"function", "custom"} and tool.name)
    if choice.type == "allowed_tools" and choice.mode == "required" and names and len(names) == len(choice.tools):
        return hub.ToolChoice(mode="any", names=names)
    return None


def write_choice(choice: hub.ToolChoice, custom: frozenset[str]) -> Any:
    """The choice as a word or an object; *custom* are the names of the tools that take free text."""
    if not choice.names or choice.mode != "any":
        return _WORDS[choice.mode]
    named = [{"type": "custom" if name in custom else "function", "name": name} for name in choice.names]
    return named[0] if len(named) == 1 else {"type": "allowed_tools", "mode": "required", "tools": named}


def read_text(raw: msgspec.Raw) -> tuple[hub.OutputFormat | None, dict[str, msgspec.Raw]]:
    """The answer's shape, and what else `text` says, such as `verbosity`.

    Raises:
        msgspec.ValidationError: it is not of its shape.
    """
    said = {name: value for name, value in _OBJECT.decode(raw).items() if bytes(value) != b"null"}
    raw_format = said.pop("format", None)
    form = _FORMAT.decode(raw_format) if raw_format is not None else _Format()
    if form.type == "json_object":
        return hub.OutputFormat(), said
    if form.type == "json_schema" and (schema := _given(form.schema)) is not None:
        shape = hub.OutputFormat(schema=schema, name=form.name, description=form.description or "", strict=form.strict)
        return shape, said
    if form.type != "text" and raw_format is not None:  # a grammar, say
        said["format"] = raw_format
    return None, said


def write_text(form: hub.OutputFormat | None, more: Mapping[str, hub.Json]) -> dict[str, Any]:
    """The field `text`, empty for nothing; *more* has the fields in it that only this protocol knows."""
    text: dict[str, Any] = dict(more)
    if form is None:
        return text
    if form.schema is None:
        return {"format": {"type": "json_object"}, **text}
    said: dict[str, Any] = {"type": "json_schema", "name": form.name or "response", "schema": form.schema}
    if form.description:
        said["description"] = form.description
    if form.strict is not None:
        said["strict"] = form.strict
    return {"format": said, **text}


def read_reasoning(raw: msgspec.Raw) -> tuple[hub.Reasoning | None, dict[str, msgspec.Raw]]:
    """How much to think, and what else `reasoning` says, such as `context`.

    Raises:
        msgspec.ValidationError: it is not of its shape.
    """
    said = _EFFORT.decode(raw)
    known = {"effort", "summary", "generate_summary"}
    more = {k: v for k, v in _OBJECT.decode(raw).items() if k not in known and bytes(v) != b"null"}
    summary = said.summary or said.generate_summary or ""
    if not said.effort and not summary:
        return None, more
    return hub.Reasoning(effort=said.effort or "", summary=summary, show=True if summary else None), more


def write_reasoning(reasoning: hub.Reasoning | None, more: Mapping[str, hub.Json]) -> dict[str, Any]:
    """The field `reasoning`, empty for nothing. A budget becomes the effort in `BUDGETS`.

    That thinking is switched off is not said, since the models that cannot do without it refuse `none`.
    """
    said: dict[str, Any] = {}
    if reasoning is not None:
        effort = reasoning.effort or _effort(reasoning.budget_tokens)
        summary = reasoning.summary or ("auto" if reasoning.show else "")
        said = {name: value for name, value in (("effort", effort), ("summary", summary)) if value}
    return {**said, **more}


def _effort(budget_tokens: int | None) -> str:
    if budget_tokens is None or budget_tokens <= 0:
        return ""
    return next((effort for bound, effort in BUDGETS if budget_tokens <= bound), "high")


def custom_names(tools: Sequence[hub.Tool | hub.Foreign]) -> frozenset[str]:
    """The names of the tools that take free text."""
    return frozenset(tool.name for tool in tools if isinstance(tool, hub.Tool) and tool.custom)
