"""`generationConfig` ↔ the hub's parameters.

What only Gemini has (`speechConfig`, `mediaResolution`, `imageConfig`, …) travels in `extra` under its dotted name,
`generationConfig.speechConfig`, and comes back from there.

Source: https://ai.google.dev/api/generate-content#GenerationConfig and
https://ai.google.dev/gemini-api/docs/thinking, read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.wire.body import malformed
from engine.wire.gemini.chunk import NOT_GIVEN, PROTOCOL, is_given
from engine.wire.gemini.schema import accepted, json_schema

__all__ = ["Settings", "read_settings", "write_settings"]

CONFIG = "generationConfig"
PREFIX = "generationConfig."


class _Thinking(msgspec.Struct, rename="camel"):
    thinking_budget: int | None = None
    thinking_level: str | None = None
    include_thoughts: bool | None = None


class _Config(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    """A whole number, but SDKs that keep it as a float send `40.0`."""
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    candidate_count: int | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    response_mime_type: str | None = None
    response_schema: msgspec.Raw = NOT_GIVEN
    response_json_schema: msgspec.Raw = NOT_GIVEN
    response_modalities: list[str] | None = None
    thinking_config: _Thinking | None = None


_CONFIG = msgspec.json.Decoder(_Config)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()

_KNOWN = frozenset(_Config.__struct_encode_fields__)

_PLAIN = {
    "maxOutputTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "seed": "seed",
    "candidateCount": "n",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
"""Fields that differ from the hub's in name only."""

_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}

DYNAMIC = -1
"""The budget that lets the model decide."""


class Settings(msgspec.Struct):
    """What a `generationConfig` says: fields of `hub.Request`, and what the hub has no word for."""

    known: dict[str, Any] = {}
    extra: dict[str, msgspec.Raw] = {}


def read_settings(raw: msgspec.Raw) -> Settings:
    """What *raw*, a `generationConfig`, says.

    Raises:
        BadRequest: it is no object, or one of its fields is of the wrong type.
    """
    if not is_given(raw):
        return Settings()
    try:
        config, fields = _CONFIG.decode(raw), _FIELDS.decode(raw)
        extra = {PREFIX + name: value for name, value in fields.items() if name not in _KNOWN and is_given(value)}
        known = {
            "max_tokens": config.max_output_tokens,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "top_k": None if config.top_k is None else int(config.top_k),
            "frequency_penalty": config.frequency_penalty,
            "presence_penalty": config.presence_penalty,
            "stop": tuple(config.stop_sequences or ()),
            "seed": config.seed,
            "n": config.candidate_count,
            "logprobs": config.response_logprobs,
            "top_logprobs": config.logprobs,
            "format": _format(config),
            "reasoning": _reasoning(config.thinking_config),
        }
    except msgspec.DecodeError as exc:
        raise malformed(CONFIG, exc) from exc
    _keep_own(config, fields, extra)
    return Settings(known=known, extra=extra)


def _keep_own(config: _Config, fields: dict[str, msgspec.Raw], extra: dict[str, msgspec.Raw]) -> None:
    """Put into *extra*, as they were sent, the fields that the hub can hold only in part."""
    if config.response_modalities and [each.upper() for each in config.response_modalities] != ["TEXT"]:
        extra[PREFIX + "responseModalities"] = fields["responseModalities"]
    if config.response_mime_type not in {None, "", "text/plain", "application/json"}:
        for name in ("responseMimeType", "responseSchema", "responseJsonSchema"):
            if name in fields:
                extra[PREFIX + name] = fields[name]


def _format(config: _Config) -> hub.OutputFormat | None:
    if config.response_mime_type not in {None, "", "application/json"}:
        return None
    if is_given(config.response_json_schema):
        return hub.OutputFormat(schema=config.response_json_schema)
    if is_given(config.response_schema):
        return hub.OutputFormat(schema=json_schema(config.response_schema))
    return hub.OutputFormat() if config.response_mime_type else None


def _reasoning(thinking: _Thinking | None) -> hub.Reasoning | None:
    """The thinking that is asked for. A budget of 0 means none, -1 that the model decides."""
    if thinking is None:
        return None
    budget, show = thinking.thinking_budget, thinking.include_thoughts
    effort = (thinking.thinking_level or "").lower()
    effort = effort if effort in _LEVELS else ""
    if budget == 0:
        return hub.Reasoning(effort="none", enabled=False, show=show)
    if budget is not None and budget < 0:
        return hub.Reasoning(effort=effort, enabled=True, show=show)
    if budget is None and not effort and show is None:
        return None
    return hub.Reasoning(effort=effort, budget_tokens=budget, show=show)


def write_settings(request: hub.Request) -> dict[str, Any]:
    """The `generationConfig` for *request*; empty where it says nothing of the kind.

    A schema's name and description have no place here. `strict` need not be said: Gemini always keeps to a schema.
    """
    said: dict[str, Any] = {name: getattr(request, attribute) for name, attribute in _PLAIN.items()}
    config = {name: value for name, value in said.items() if value is not None}
    if request.stop:
        config["stopSequences"] = request.stop
    if request.format is not None:
        config["responseMimeType"] = "application/json"
        if request.format.schema is not None:
            config["responseJsonSchema"] = accepted(request.format.schema)
    if request.reasoning is not None and (thinking := _thinking(request.reasoning)):
        config["thinkingConfig"] = thinking
    if request.origin == PROTOCOL:
        own = {name.removeprefix(PREFIX): raw for name, raw in request.extra.items() if name.startswith(PREFIX)}
        config.update(own)
    return config


def _thinking(reasoning: hub.Reasoning) -> dict[str, Any]:
    """The `thinkingConfig`. Gemini takes a level or a budget, not both; the budget is the more precise."""
    thinking: dict[str, Any] = {}
    if reasoning.enabled is False or reasoning.effort == "none" or reasoning.budget_tokens == 0:
        thinking["thinkingBudget"] = 0
    elif reasoning.budget_tokens is not None:
        thinking["thinkingBudget"] = reasoning.budget_tokens
    elif reasoning.effort in _LEVELS:
        thinking["thinkingLevel"] = _LEVELS[reasoning.effort]
    elif reasoning.enabled:
        thinking["thinkingBudget"] = DYNAMIC
    if reasoning.show is not None or reasoning.summary:
        thinking["includeThoughts"] = reasoning.show is not False
    return thinking
