"""Gemini's requests as far as routing looks into them. The path names the model and says whether to stream."""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadRequest
from engine.values import NOTHING
from engine.wire import estimate
from engine.wire.body import MOST_BITS, depth_checked, has_items, members, read_fields, too_large, whole
from engine.wire.envelope import Envelope
from engine.wire.gemini.carried import carried
from engine.wire.gemini.chunk import NOT_GIVEN
from engine.wire.gemini.outgoing import finish
from engine.wire.gemini.spelling import camel, canonical
from engine.wire.json_edit import Fields

__all__ = ["envelope_of", "finish", "read_envelope"]

SMALL = frozenset({"generationConfig", "labels"})
"""The fields that routing reads."""

_VALUE = msgspec.json.Decoder()


@depth_checked
def read_envelope(body: bytes, *, model: str, stream: bool) -> Envelope:
    """The request in *body*; *model* and *stream* are what the path says.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, `contents` is missing or of the
            wrong type, a number is too large. `param` names the field.
    """
    return envelope_of(read_fields(body), len(body), model=model, stream=stream)


def envelope_of(fields: Fields, size_bytes: int, *, model: str, stream: bool) -> Envelope:
    """What routing looks at in *fields*, whose body had *size_bytes*.

    Raises:
        BadRequest: as `read_envelope`.
    """
    if not model:
        raise BadRequest("the path names no model", code="missing_required_parameter", param="model")
    known = _read_small(fields)
    found = carried(fields.get("contents", NOT_GIVEN))
    config = members(known, "generationConfig")
    low, likely, high = estimate.estimate(size_bytes, found)
    labels = known.get("labels")
    metadata = {name: value for name, value in labels.items() if isinstance(value, str)} if labels else NOTHING
    return Envelope(
        fields=fields,
        model=model,
        stream=stream,
        asks_usage=True,
        max_tokens=whole(config, "maxOutputTokens", "generationConfig."),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_tools=has_items(fields, "tools"),
        has_images=found.images,
        has_audio=found.audio,
        has_files=found.files,
        wants_json=config.get("responseMimeType") == "application/json",
        reasoning=_reasoning(config),
        session=metadata.get("session_id", ""),
        metadata=metadata,
    )


def _read_small(fields: Fields) -> dict[str, Any]:
    small = {name: raw for name, raw in fields.items() if camel(name) in SMALL}
    name = "generationConfig"
    try:
        known = {name: _VALUE.decode(raw) for name, raw in canonical(small).items()}
    except msgspec.DecodeError as exc:  # JSON that cannot be read has a number out of range
        raise too_large(name) from exc
    for name, value in members(known, "generationConfig").items():
        if type(value) is int and value.bit_length() > MOST_BITS:
            raise too_large(f"generationConfig.{name}")
    members(known, "labels")
    return known


def _reasoning(config: Mapping[str, Any]) -> bool:
    """Whether thinking is asked for; a budget of 0 does not."""
    thinking = config.get("thinkingConfig")
    return isinstance(thinking, dict) and bool(thinking) and thinking.get("thinkingBudget") != 0
