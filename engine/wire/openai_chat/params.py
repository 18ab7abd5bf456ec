"""The shape of the answer, and the reasoning, that a request asks for.

Source: https://platform.openai.com/docs/api-reference/chat/create and
https://openrouter.ai/docs/use-cases/reasoning-tokens, read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest

__all__ = [
    "read_format",
    "read_reasoning",
    "write_effort",
    "write_format",
    "write_reasoning",
]

DEFAULT_SCHEMA_NAME = "response"
"""OpenAI demands a name for a schema; Mistral and others do without."""

EFFORT_BUDGETS = ((2_048, "low"), (8_192, "medium"))
"""(Largest budget in tokens, its effort); a larger budget is `high`. Our own reckoning, after OpenRouter, which turns
efforts into 20, 50 and 80 per cent of the output."""


class _Schema(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    schema: msgspec.Raw = msgspec.Raw(b"{}")
    strict: bool | None = None


class _Format(msgspec.Struct):
    type: str
    json_schema: _Schema | None = None


_FORMAT = msgspec.json.Decoder(_Format)


def read_format(raw: msgspec.Raw) -> hub.OutputFormat | str:
    """What `response_format` asks for; only its type if that is neither JSON nor a schema (`text` asks for nothing).

    Raises:
        msgspec.DecodeError: it is not of the protocol's shape.
    """
    form = _FORMAT.decode(raw)
    if form.type == "json_object":
        return hub.OutputFormat()
    if form.type != "json_schema":
        return form.type
    schema = form.json_schema
    if schema is None:
        raise BadRequest("response_format lacks json_schema", code="invalid_value", param="response_format.json_schema")
    return hub.OutputFormat(
        schema=schema.schema,
        name=schema.name or DEFAULT_SCHEMA_NAME,
        description=schema.description or "",
        strict=schema.strict,
    )


def write_format(form: hub.OutputFormat) -> dict[str, Any]:
    """`response_format`."""
    if form.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name or DEFAULT_SCHEMA_NAME}
    if form.description:
        schema["description"] = form.description
    schema["schema"] = form.schema
    if form.strict is not None:
        schema["strict"] = form.strict
    return {"type": "json_schema", "json_schema": schema}


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None
    summary: str | None = None


_REASONING = msgspec.json.Decoder(_Reasoning | None)


def read_reasoning(effort: str | None, asked: msgspec.Raw | None) -> hub.Reasoning | None:
    """What `reasoning_effort` and OpenRouter's `reasoning` say together; None where they say nothing.

    Raises:
        msgspec.DecodeError: `reasoning` is not of its shape.
    """
    said = (_REASONING.decode(asked) if asked is not None else None) or _Reasoning()
    read = hub.Reasoning(
        effort=said.effort or effort or "",
        budget_tokens=said.max_tokens,
        enabled=said.enabled,
        show=None if said.exclude is None else not said.exclude,
        summary=said.summary or "",
    )
    return None if read == hub.Reasoning() else read


def write_reasoning(reasoning: hub.Reasoning) -> dict[str, Any]:
    """OpenRouter's `reasoning` object."""
    said: dict[str, Any] = {
        "effort": reasoning.effort or None,
        "max_tokens": reasoning.budget_tokens,
        "enabled": reasoning.enabled,
        "exclude": None if reasoning.show is None else not reasoning.show,
        "summary": reasoning.summary or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def write_effort(reasoning: hub.Reasoning) -> str:
    """`reasoning_effort`; empty where it is better left out.

    A budget becomes the effort nearest to it. Where thinking is wanted, but not how much is said, there is nothing to
    write: a model that thinks does so anyway.
    """
    if reasoning.effort:
        return reasoning.effort
    if reasoning.enabled is False:
        return "none"
    if reasoning.budget_tokens is None:
        return ""
    return next((effort for most, effort in EFFORT_BUDGETS if reasoning.budget_tokens <= most), "high")
