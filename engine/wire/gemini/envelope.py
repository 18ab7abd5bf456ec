"""Gemini's requests as far as routing looks into them. The model, and whether to stream, stand in the path."""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadRequest
from engine.values import NOTHING
from engine.wire import estimate
from engine.wire.envelope import Envelope
from engine.wire.gemini.carried import carried
from engine.wire.gemini.chunk import NOT_GIVEN, is_given
from engine.wire.gemini.outgoing import finish
from engine.wire.gemini.spelling import camel, canonical
from engine.wire.json_edit import Fields

__all__ = ["envelope_of", "finish", "read_envelope", "read_fields"]

MOST_BITS = 63
"""Of a whole number in `generationConfig`: what the usage database can hold."""

SMALL = frozenset({"generationConfig", "labels"})
"""The fields that routing reads."""

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VALUE = msgspec.json.Decoder()


def read_envelope(body: bytes, *, model: str, stream: bool) -> Envelope:
    """The request that *body* is; *model* and *stream* are what the path says.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, `contents` is missing or of the
            wrong type, a number is too large. `param` names the field.
    """
    return envelope_of(read_fields(body), len(body), model=model, stream=stream)


def read_fields(body: bytes) -> Fields:
    """The top level of *body*.

    Raises:
        BadRequest: it is no JSON object.
    """
    try:
        if not body.isascii():
            body.decode()
        return _FIELDS.decode(body)
    except UnicodeDecodeError as exc:
        raise BadRequest(f"the body is not UTF-8: {exc.reason} at byte {exc.start}", code="invalid_utf8") from exc
    except msgspec.ValidationError as exc:
        raise BadRequest("the body must be a JSON object", code="invalid_json") from exc
    except msgspec.DecodeError as exc:
        raise BadRequest(f"the body cannot be read as JSON: {exc}", code="invalid_json") from exc
    except RecursionError as exc:
        raise BadRequest("the body is nested too deeply", code="invalid_json") from exc


def envelope_of(fields: Fields, size_bytes: int, *, model: str, stream: bool) -> Envelope:
    """What routing looks at of *fields*, which took *size_bytes*.

    Raises:
        BadRequest: as `read_envelope`.
    """
    if not model:
        raise BadRequest("the path names no model", code="missing_required_parameter", param="model")
    try:
        known = _read_small(fields)
        found = carried(next((raw for name, raw in fields.items() if name == "contents"), NOT_GIVEN))
    except RecursionError as exc:
        raise BadRequest("the body is nested too deeply", code="invalid_json") from exc
    config = _object(known, "generationConfig")
    low, likely, high = estimate.estimate(size_bytes, found)
    labels = known.get("labels")
    metadata = {name: value for name, value in labels.items() if isinstance(value, str)} if labels else NOTHING
    return Envelope(
        fields=fields,
        model=model,
        stream=stream,
        asks_usage=True,
        max_tokens=_max_tokens(config),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_tools=_has_items(fields),
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
    except msgspec.DecodeError as exc:  # what is JSON and yet cannot be read is a number out of range
        raise _too_large(name) from exc
    for name, value in _object(known, "generationConfig").items():
        if type(value) is int and value.bit_length() > MOST_BITS:
            raise _too_large(f"generationConfig.{name}")
    if not isinstance(known.get("labels"), dict | None):
        raise _wrong("labels", "an object")
    return known


def _too_large(name: str) -> BadRequest:
    return BadRequest(f"{name}: a number is too large", code="number_out_of_range", param=name)


def _wrong(param: str, expected: str) -> BadRequest:
    return BadRequest(f"{param} must be {expected}", code="invalid_type", param=param)


def _object(known: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = known.get(name)
    if value is None:
        return NOTHING
    if not isinstance(value, dict):
        raise _wrong(name, "an object")
    return value


def _max_tokens(config: Mapping[str, Any]) -> int | None:
    value = config.get("maxOutputTokens")
    if value is not None and (type(value) is not int or value < 0):
        raise _wrong("generationConfig.maxOutputTokens", "a whole number that is not negative")
    return value


def _has_items(fields: Fields) -> bool:
    raw = fields.get("tools", NOT_GIVEN)
    return is_given(raw) and len(bytes(raw).strip(b"[] \t\r\n")) > 0


def _reasoning(config: Mapping[str, Any]) -> bool:
    """Whether thinking is asked for; a budget of nothing asks for none."""
    thinking = config.get("thinkingConfig")
    return isinstance(thinking, dict) and bool(thinking) and thinking.get("thinkingBudget") != 0
