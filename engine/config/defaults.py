"""Defaults, from the schemas: the one place where they are written is the one from which they are filled in.

A key without `default` in its schema is left out when it is absent: `x-absent` says there what that means.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from engine.config.placed import Placed

__all__ = ["filled"]


@dataclass(frozen=True, slots=True)
class _Filler:
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
            return [self.items.fill(item) for item in value]
        return value

    def _fill_key(self, key: str, value: Any) -> Any:
        filler = self.properties.get(key, self.others)
        return value if filler is None else filler.fill(value)


def filled(at: Placed, schema: str, *properties: str) -> Placed:
    """The value at *at* with all defaults of `schemas/<schema>.json`, or of the property below its root."""
    filler = _root(schema)
    for name in properties:
        filler = filler.properties[name]
    return at.with_value(filler.fill(at.value))


@cache
def _root(schema: str) -> _Filler:
    return _filler(_read(f"{schema}.json"), f"{schema}.json")


@cache
def _read(file: str) -> Any:
    return json.loads(resources.files("engine").joinpath("schemas", file).read_bytes())


def _filler(node: Any, file: str) -> _Filler:
    """The filler of a schema node that stands in *file*."""
    node, file = _resolved(node, file)
    properties = {key: _filler(inner, file) for key, inner in node.get("properties", {}).items()}
    defaults = {
        key: properties[key].fill(inner["default"])
        for key, inner in node.get("properties", {}).items()
        if "default" in inner
    }
    others = node.get("additionalProperties")
    return _Filler(
        defaults=defaults,
        properties=properties,
        others=_filler(others, file) if isinstance(others, dict) else None,
        items=_filler(node["items"], file) if "items" in node else None,
    )


def _resolved(node: Any, file: str) -> tuple[Any, str]:
    """*node*, or what its `$ref` points at, and the file that it stands in."""
    while "$ref" in node:
        target, _, pointer = node["$ref"].partition("#")
        file = target or file
        node = _read(file)
        for step in pointer.strip("/").split("/"):
            node = node[step]
    return node, file
