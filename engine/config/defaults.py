"""Defaults, from the schemas: the one place where they are written is the one from which they are filled in.

A key without `default` in its schema is left out when it is absent: `x-absent` says there what that means.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from engine.config.placed import Placed
from engine.config.places import Sparse
from engine.config.schemas import Schema, schema
from engine.config.tree import Kind

__all__ = ["filled"]


class _Filler(msgspec.Struct, frozen=True):
    """What is filled into values of one schema node."""

    defaults: Mapping[str, Any]
    """Key → its default, itself filled in."""
    properties: Mapping[str, "_Filler"]
    others: "_Filler | None"
    """For keys that are not among `properties`."""
    items: "_Filler | None"

    def fill(self, value: Any) -> Any:
        """*value* with the default of every key that it leaves out, all the way down."""
        if isinstance(value, dict):
            own = {key: self._fill_key(key, inner) for key, inner in value.items()}
            return {**own, **{key: default for key, default in self.defaults.items() if key not in value}}
        if isinstance(value, list) and self.items is not None:
            items = [self.items.fill(item) for item in value]
            return Sparse(items, value.indexes) if isinstance(value, Sparse) else items
        return value

    def _fill_key(self, key: str, value: Any) -> Any:
        filler = self.properties.get(key, self.others)
        return value if filler is None else filler.fill(value)


def filled(at: Placed, kind: Kind, *properties: str) -> Placed:
    """The value at *at* with all defaults of its schema: of the kind's root, or of a property below it."""
    filler = _root(kind)
    for name in properties:
        filler = filler.properties[name]
    return at.with_value(filler.fill(at.value))


@cache
def _root(kind: Kind) -> _Filler:
    return _filler(schema(kind))


def _filler(node: Schema) -> _Filler:
    declared = node.get("properties", {})
    properties = {key: _filler(inner) for key, inner in declared.items()}
    others = node.get("additionalProperties")
    return _Filler(
        defaults={key: properties[key].fill(inner["default"]) for key, inner in declared.items() if "default" in inner},
        properties=properties,
        others=_filler(others) if isinstance(others, dict) else None,
        items=_filler(node["items"]) if "items" in node else None,
    )
