"""JSON Schemas as the Messages API takes them for structured output."""

from typing import Any

import msgspec

__all__ = ["closed"]


def closed(schema: msgspec.Raw) -> msgspec.Raw:
    """*schema* with `additionalProperties: false` wherever an object's is not said, which the API demands.

    It only narrows what the model may write: whatever fits it, fits *schema*. Returned as it is where it is no object.

    Source: platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations", read 2026-11.
    """
    try:
        read = msgspec.json.decode(schema)
        return msgspec.Raw(msgspec.json.encode(_closed(read))) if isinstance(read, dict) else schema
    except (msgspec.DecodeError, RecursionError):
        return schema


def _closed(node: Any) -> Any:
    """The node, closed throughout. A property may be called like a keyword; closing it changes nothing then."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _closed(value) for name, value in node.items()}
    if node.get("type") == "object" and isinstance(node.get("properties"), dict):
        kept.setdefault("additionalProperties", False)
    return kept
