"""Converse's parameters, both ways: everything in a request that is neither conversation nor tools.

Left out and reported, since Converse cannot say them: those in `UNSAID`, `top_k` and reasoning for models that take
none, a JSON answer without a schema, and tiers that it has no word for.
"""

from typing import Any

import msgspec

from engine import hub
from engine.wire.anthropic_messages.schema import closed
from engine.wire.bedrock import PROTOCOL, reasoning

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
"""Callers' word → Converse's word. Source: Bedrock's API reference, "ServiceTier", 2026-11."""


LEAST_TOP_P_THINKING = 0.95
"""The least `top_p` while Claude thinks. Source: Anthropic's documentation, "Extended thinking", 2026-11."""
_OFF = {"type": "disabled"}


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
    """The fields of a `hub.Request` that *said* sets, and what is left of the body's, in whole or in part.

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
    """The answer's shape that is asked for; None where *config* asks for something else, or more."""
    try:
        schema = _OUTPUT.decode(config).text_format.structure.json_schema
    except msgspec.ValidationError:
        return None
    return hub.OutputFormat(
        schema=msgspec.Raw(schema.schema.encode()), name=schema.name, description=schema.description
    )


def write_parameters(
    request: hub.Request, maker: str, lost: list[str], *, adaptive: bool | None = None
) -> dict[str, Any]:
    """The body's fields for the request's parameters; the names of what was left out go to *lost*."""
    lost += [name for name in UNSAID if getattr(request, name) not in {None, "", _HARMLESS.get(name)}]
    ruled = maker == reasoning.ANTHROPIC and request.origin not in {PROTOCOL, reasoning.ANTHROPIC}
    thinks = reasoning.write_reasoning(request, maker, adaptive=adaptive)
    if thinks is None or (ruled and thinks and _forced(request)):
        lost.append("reasoning")
        thinks = {}
    sampling: dict[str, Any] = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    if ruled:  # callers that use a protocol of Claude's own know its rules
        sampling = _claude_sampling(sampling, thinking=_is_on(thinks), lost=lost)
    top_k = _top_k(sampling["top_k"], maker, lost)
    written = {
        "inferenceConfig": _inference(request, sampling),
        "outputConfig": _output(request.format, lost, close=ruled),
        "serviceTier": _tier(request.service_tier, lost),
        MORE: thinks | top_k,
    }
    return {name: value for name, value in written.items() if value}


def _forced(request: hub.Request) -> bool:
    """Whether a tool must be used; Claude refuses thinking then."""
    return bool(request.tools) and request.tool_choice is not None and request.tool_choice.mode == "any"


def _is_on(thinks: dict[str, Any]) -> bool:
    return bool(thinks.get("thinking", _OFF) != _OFF)


def _claude_sampling(asked: dict[str, Any], *, thinking: bool, lost: list[str]) -> dict[str, Any]:
    """Temperature, `top_p` and `top_k` as far as Claude takes them: few while it thinks, never both of the first two.

    Source: Bedrock's user guide, "Anthropic Claude Messages API", and Anthropic's, "Extended thinking", 2026-11.
    """
    kept = dict(asked)
    if kept["temperature"] is not None and kept["temperature"] > 1:
        kept["temperature"] = 1.0
    if thinking:
        kept["top_k"] = None
        kept["temperature"] = 1.0 if kept["temperature"] == 1 else None
        if kept["top_p"] is not None and kept["top_p"] < LEAST_TOP_P_THINKING:
            kept["top_p"] = None
    if kept["temperature"] is not None:
        kept["top_p"] = None
    lost += [name for name, value in asked.items() if kept[name] != value]
    return kept


def _top_k(top_k: int | None, maker: str, lost: list[str]) -> dict[str, Any]:
    if top_k is None:
        return {}
    said = reasoning.write_top_k(top_k, maker)
    lost += [] if said else ["top_k"]
    return said or {}


def _inference(request: hub.Request, sampling: dict[str, Any]) -> dict[str, Any]:
    said = {
        "maxTokens": request.max_tokens,
        "temperature": sampling["temperature"],
        "topP": sampling["top_p"],
        "stopSequences": request.stop or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _output(form: hub.OutputFormat | None, lost: list[str], *, close: bool) -> _Output | None:
    """Structured output; the schema is JSON in a string, and always strict. *close*: forbid its objects further keys.

    Source: Bedrock's API reference, "OutputConfig" and "JsonSchemaDefinition", 2026-11.
    """
    if form is None:
        return None
    if form.schema is None:
        lost.append("response_format")
        return None
    text = bytes(closed(form.schema) if close else form.schema).decode()
    return _Output(_TextFormat("json_schema", _Structure(_Schema(text, form.name, form.description))))


def _tier(tier: str, lost: list[str]) -> dict[str, str] | None:
    if tier in {"", "auto"}:  # without a tier it is auto anyway
        return None
    if tier not in _TIERS:
        lost.append("service_tier")
        return None
    return {"type": _TIERS[tier]}


def merged(additional: dict[str, Any], before: hub.Json | None) -> dict[str, Any]:
    """*additional*, with those fields of *before* that it does not set."""
    return (_VALUES.decode(before) if before is not None else {}) | additional
