"""Gemini's fields in one spelling: the API takes `systemInstruction` and `system_instruction` alike.

Protocol buffers read their JSON that way. Names that callers chose themselves are left alone: those in arguments,
results, schemas and labels.
"""

import re
from typing import Any

import msgspec

from engine.wire.json_edit import Fields

__all__ = ["camel", "camelled", "canonical"]

_SNAKE_KEY = re.compile(rb'_[a-z]+"\s*:')
"""The end of a name that has an underscore. The pattern begins with a fixed character, so it is quick to search for."""

OWN_NAMES = frozenset(
    {
        "args",
        "response",
        "parameters",
        "parametersJsonSchema",
        "responseSchema",
        "responseJsonSchema",
        "partMetadata",
        "labels",
    }
)
"""Fields whose content is the caller's own: names in them keep their spelling."""

_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def canonical(fields: Fields) -> Fields:
    """*fields* with Gemini's names in camelCase at every depth; values without a name to change keep their bytes.

    Where a field comes in both spellings, the later one counts.

    Raises:
        msgspec.DecodeError: a value cannot be read.
    """
    return {camel(name): _canonical(camel(name), raw) for name, raw in fields.items()}


def _canonical(name: str, raw: msgspec.Raw) -> msgspec.Raw:
    if name in OWN_NAMES or not _SNAKE_KEY.search(raw):
        return raw
    return msgspec.Raw(_ENCODER.encode(camelled(_VALUE.decode(raw))))


def camelled(value: Any) -> Any:
    """A decoded value with Gemini's names in camelCase at every depth, except inside the fields of `OWN_NAMES`."""
    if isinstance(value, list):
        return [camelled(each) for each in value]
    if not isinstance(value, dict):
        return value
    renamed = ((camel(name), each) for name, each in value.items())
    return {name: each if name in OWN_NAMES else camelled(each) for name, each in renamed}


def camel(name: str) -> str:
    """`system_instruction` → `systemInstruction`; other names unchanged."""
    if "_" not in name or name.startswith("_"):
        return name
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
