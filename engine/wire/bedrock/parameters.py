"""Converse's parameters, both ways: everything of a request that is neither conversation nor tools.

Left out and reported, since Converse cannot say it: see `UNSAID`; `top_k` and reasoning for models that take none, a
JSON answer without a schema, and tiers that it has no word for.
"""

from typing import Any

import msgspec

from engine import hub
from engine.wire.bedrock import reasoning

__all__ = ["MORE", "Parameters", "merged", "read_parameters", "write_parameters"]

MORE = "additionalModelRequestFields"
"""What Bedrock hands to the model unread."""

UNSAID = (
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "n",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
    "user",
)
"""Fields of a request that Converse has no word for, reported under the same names."""

_HARMLESS = {"n": 1, "parallel_tool_calls": True, "logprobs": False}
"""Values that ask for what happens anyway."""

_TIERS = {"default": "default", "standard_only": "default", "flex": "flex", "priority": "priority"} | {
    "reserved": "reserved"
}
"""What callers say → Converse's word. Source: Bedrock's API reference, "ServiceTier", 2026-11."""


class _Inference(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: tuple[str, ...] | None = None


class _Schema(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    schema: str
    name: str = ""
    description: str = ""


class _Structure(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    json_schema: _Schema


class _TextFormat(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    structure: _Structure


class _Output(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    text_format: _TextFormat


class _Tier(msgspec.Struct, forbid_unknown_fields=True):
    type: str


class Parameters(msgspec.Struct, rename="camel", kw_only=True):
    """The fields of a body that are read here."""

    inference_config: _Inference | None = None
    output_config: msgspec.Raw = msgspec.Raw()
    service_tier: _Tier | None = None
    additional_model_request_fields: dict[str, msgspec.Raw] | None = None


_OUTPUT = msgspec.json.Decoder(_Output)
_VALUES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()


def read_parameters(said: Parameters) -> tuple[dict[str, Any], dict[str, hub.Json]]:
    """The fields of a `hub.Request` that *said* sets, and those of the body that are left, in whole or in part.

    The additional fields are read as Anthropic's models take them.
    """
    config = said.inference_config or _Inference()
    asked, top_k, rest = reasoning.read_additional(said.additional_model_request_fields or {})
    read: dict[str, Any] = {
        "max_tokens": config.max_tokens,
        "temperature": config.temperature,
        "top_p": config.top_p,
        "stop": config.stop_sequences or (),
        "top_k": top_k,
        "reasoning": asked,
        "service_tier": said.service_tier.type if said.service_tier else "",
    }
    left = {MORE: msgspec.Raw(_ENCODER.encode(rest))} if rest else {}
    if said.output_config:
        read["format"] = _format(said.output_config)
        left |= {} if read["format"] else {"outputConfig": said.output_config}
    return read, left


def _format(config: msgspec.Raw) -> hub.OutputFormat | None:
    """The shape that is asked for; None where *config* says something else, or more."""
    try:
        schema = _OUTPUT.decode(config).text_format.structure.json_schema
    except msgspec.ValidationError:
        return None
    return hub.OutputFormat(
        schema=msgspec.Raw(schema.schema.encode()), name=schema.name, description=schema.description
    )


def write_parameters(request: hub.Request, maker: str, lost: list[str]) -> dict[str, Any]:
    """The fields of the body that say the request's parameters; the names of what was left out go to *lost*."""
    lost += [name for name in UNSAID if getattr(request, name) not in {None, "", _HARMLESS.get(name)}]
    written = {
        "inferenceConfig": _inference(request),
        "outputConfig": _output(request.format, lost),
        "serviceTier": _tier(request.service_tier, lost),
        MORE: _additional(request, maker, lost),
    }
    return {name: value for name, value in written.items() if value}


def _inference(request: hub.Request) -> dict[str, Any]:
    said = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": request.stop or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _output(form: hub.OutputFormat | None, lost: list[str]) -> _Output | None:
    """Structured output; the schema is JSON in a string, and always strict.

    Source: Bedrock's API reference, "OutputConfig" and "JsonSchemaDefinition", 2026-11.
    """
    if form is None:
        return None
    if form.schema is None:
        lost.append("response_format")
        return None
    schema = _Schema(schema=bytes(form.schema).decode(), name=form.name, description=form.description)
    return _Output(_TextFormat("json_schema", _Structure(schema)))


def _tier(tier: str, lost: list[str]) -> dict[str, str] | None:
    if tier in {"", "auto"}:  # auto is what happens without one
        return None
    if tier not in _TIERS:
        lost.append("service_tier")
        return None
    return {"type": _TIERS[tier]}


def _additional(request: hub.Request, maker: str, lost: list[str]) -> dict[str, Any]:
    """What goes to the model beside Converse's own parameters; of a request of our own protocol, what came there."""
    fields: dict[str, Any] = {}
    if request.top_k is not None:
        said = reasoning.write_top_k(request.top_k, maker)
        lost += [] if said else ["top_k"]
        fields |= said or {}
    if request.reasoning is not None:
        said = reasoning.write_reasoning(request.reasoning, maker, request.model, request.max_tokens)
        lost += [] if said else ["reasoning_effort" if request.reasoning.effort else "thinking"]
        fields |= said or {}
    return fields


def merged(additional: dict[str, Any], before: hub.Json | None) -> dict[str, Any]:
    """*additional*, and what stood there before that it does not say."""
    return (_VALUES.decode(before) if before is not None else {}) | additional
