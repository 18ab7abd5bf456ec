"""Gemini's older schemas, a dialect of OpenAPI 3.0 → JSON Schema, which the hub and Gemini's newer fields use.

Source: https://ai.google.dev/api/caching#Schema, read 2026-11.
"""

from collections.abc import Callable
from typing import Any

import msgspec

__all__ = ["accepted", "json_schema"]

_WHOLE = frozenset({"maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties"})
"""Counts, which protocol buffers write as strings in JSON."""

_VALUE = msgspec.json.Decoder()
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()


def json_schema(raw: msgspec.Raw) -> msgspec.Raw:
    """The JSON Schema that means the same as *raw*: types in lower case, `nullable` as a type, Gemini's hints left out.

    Raises:
        msgspec.DecodeError: *raw* cannot be read.
        RecursionError: it is nested too deeply.
    """
    return msgspec.Raw(_ENCODER.encode(_lowered(_VALUE.decode(raw))))


def accepted(raw: msgspec.Raw) -> msgspec.Raw:
    """The JSON Schema *raw* without `$schema`, which is not among the keywords that Gemini says it takes.

    Source: https://ai.google.dev/api/generate-content#GenerationConfig, `responseJsonSchema`, read 2026-11.
    """
    if b'"$schema"' not in bytes(raw):
        return raw
    try:
        schema = _FIELDS.decode(raw)
    except (msgspec.DecodeError, RecursionError):  # the provider will say what is wrong with it
        return raw
    return msgspec.Raw(_ENCODER.encode({name: value for name, value in schema.items() if name != "$schema"}))


def _lowered(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    said: dict[str, Any] = schema
    lowered: dict[str, Any] = {}
    for written, value in said.items():
        name = _SPELLED.get(written, written)
        if name not in _LEFT_OUT:
            lowered[name] = _READ[name](value) if name in _READ else value
    return _nullable(lowered) if schema.get("nullable") is True else lowered


def _nullable(lowered: dict[str, Any]) -> dict[str, Any]:
    if isinstance(lowered.get("type"), str):
        lowered["type"] = [lowered["type"], "null"]
        if "enum" in lowered and isinstance(lowered["enum"], list) and None not in lowered["enum"]:
            lowered["enum"] = [*lowered["enum"], None]
    elif isinstance(lowered.get("anyOf"), list):
        lowered["anyOf"] = [*lowered["anyOf"], {"type": "null"}]
    return lowered


def _type(value: Any) -> Any:
    if isinstance(value, list):
        return [_type(each) for each in value]
    return value.lower() if isinstance(value, str) else value


def _each(value: Any) -> Any:
    return [_lowered(each) for each in value] if isinstance(value, list) else _lowered(value)


def _named(value: Any) -> Any:
    return {name: _lowered(each) for name, each in value.items()} if isinstance(value, dict) else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


_READ: dict[str, Callable[[Any], Any]] = {
    "type": _type,
    "items": _each,
    "anyOf": _each,
    "prefixItems": _each,
    "additionalProperties": _lowered,
    "properties": _named,
    "$defs": _named,
    **dict.fromkeys(_WHOLE, _whole),
}
"""The keywords whose values need more than to be copied."""

_LEFT_OUT = frozenset({"nullable", "propertyOrdering", "example"})

_SPELLED = {
    "any_of": "anyOf",
    "max_items": "maxItems",
    "min_items": "minItems",
    "max_length": "maxLength",
    "min_length": "minLength",
    "max_properties": "maxProperties",
    "min_properties": "minProperties",
    "property_ordering": "propertyOrdering",
    "additional_properties": "additionalProperties",
}
"""The SDKs' own names for schema fields → their names in JSON."""
