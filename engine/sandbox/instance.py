"""A JSON schema → its smallest instance, always the same one."""

import math
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["instance"]

MOST_VALUES = 200
"""Values in one instance, and so its depth: three calls a level stay within Python's recursion limit of 1,000. What a
schema demands beyond that, of itself without end or of a long list, is null or
left out."""

LONGEST_TEXT = 1_000

_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "sandbox@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: object) -> Any:
    """The smallest value that *schema* (JSON Schema; local `$ref` only) allows. Patterns are not looked at."""
    return _Maker(schema).make(schema)


class _Maker:
    """Makes the instances of one schema's parts; counts them, since a schema may refer to itself."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._left = MOST_VALUES

    def make(self, schema: object) -> Any:
        self._left -= 1
        if not isinstance(schema, dict) or self._left < 0:
            return None
        if "const" in schema or "default" in schema:
            return schema.get("const", schema.get("default"))
        if isinstance(schema.get("$ref"), str):
            return self.make(_resolved(schema["$ref"], self._root))
        if choices := _items(schema, "enum"):
            return choices[0]
        if branches := _items(schema, "anyOf") or _items(schema, "oneOf"):
            return self.make(branches[0])
        return self._typed(schema)

    def _typed(self, schema: Mapping[str, Any]) -> Any:
        if parts := _items(schema, "allOf"):
            return _merged([self.make(part) for part in parts])
        form = schema.get("type")
        form = form[0] if isinstance(form, list) and form else form
        if form == "array":
            return self._list(schema)
        scalar = _SCALARS.get(form) if isinstance(form, str) else None
        return scalar(schema) if scalar else self._object(schema)

    def _list(self, schema: Mapping[str, Any]) -> list[Any]:
        items: list[Any] = []
        while len(items) < _size(schema, "minItems") and self._left > 0:
            items.append(self.make(schema.get("items")))
        return items

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        return {name: self.make(known.get(name)) for name in _items(schema, "required") if isinstance(name, str)}


def _items(schema: Mapping[str, Any], key: str) -> list[Any]:
    items = schema.get(key)
    return items if isinstance(items, list) else []


def _string(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(str(schema.get("format")), "sandbox")
    longest = schema.get("maxLength")
    text = text[:longest] if isinstance(longest, int) and longest >= 0 else text
    return text.ljust(min(_size(schema, "minLength"), LONGEST_TEXT), "x")


def _number(schema: Mapping[str, Any]) -> int | float:
    least = _limit(schema, "minimum")
    above = _limit(schema, "exclusiveMinimum")
    if above is not None:
        least = above + 1
    most = _limit(schema, "maximum")
    if least is not None:
        return least
    return most if most is not None and most < 0 else 0


def _limit(schema: Mapping[str, Any], key: str) -> int | float | None:
    limit = schema.get(key)
    return limit if isinstance(limit, int | float) and not isinstance(limit, bool) else None


def _size(schema: Mapping[str, Any], key: str) -> int:
    size = schema.get(key)
    return size if isinstance(size, int) and size > 0 else 0


def _resolved(reference: str, root: object) -> object:
    found = root
    for name in reference.removeprefix("#").split("/")[1:]:
        if not isinstance(found, dict):
            return None
        found = found.get(name.replace("~1", "/").replace("~0", "~"))
    return found


def _merged(parts: list[Any]) -> Any:
    merged: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, dict):
            return part
        merged.update(part)
    return merged


_SCALARS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "string": _string,
    "integer": lambda schema: math.ceil(_number(schema)),
    "number": _number,
    "boolean": lambda _: False,
    "null": lambda _: None,
}
