"""JSON Schemas as the Messages API takes them for structured output."""

from typing import Any

import msgspec

__all__ = ["closed"]


def closed(schema: msgspec.Raw) -> msgspec.Raw:
    """*schema* with `additionalProperties: false`, which the API demands, on every object that does not set it.

    That only narrows what the model may write: whatever fits the result fits *schema*. What is no object comes back as
    it is.

    Source: platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations", read 2026-11.
    """
    try:
        read = msgspec.json.decode(schema)
        return msgspec.Raw(msgspec.json.encode(_closed(read))) if isinstance(read, dict) else schema
    except (msgspec.DecodeError, RecursionError):
        return schema


def _closed(node: Any) -> Any:
    """*node*, closed throughout. A property may be named like a keyword; closing it does no harm then."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _closed(value) for name, value in node.items()}
    if node.get("type") == "object" and isinstance(node.get("properties"), dict):
        kept.setdefault("additionalProperties", False)
    return kept
