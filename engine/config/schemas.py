"""The JSON Schemas of the configuration files, as data: loaded, and with every `$ref` put in.

They carry annotations of our own beside the standard's keywords: `x-expects` (what would be right, for messages),
`x-unit` (a scalar with a unit), `x-reference` (`${env:…}` may stand here), `x-secret` (what stands here is never
shown), `x-absent` (what leaving it out means, where that is no value), `x-hints` (refused value → hint) and `x-why`
(why a `not` refuses).
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from engine.config.places import Path as KeyPath
from engine.config.tree import Kind

__all__ = ["FOLDER", "Schema", "at", "digest", "schema", "text"]

FOLDER = Path(__file__).parent.parent / "schemas"

Schema = dict[str, Any]


@cache
def text(name: str) -> str:
    """The file `schemas/NAME.json`."""
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


@cache
def digest() -> str:
    """SHA-256 (hex) of all schemas together."""
    return hashlib.sha256("".join(text(path.stem) for path in sorted(FOLDER.glob("*.json"))).encode()).hexdigest()


@cache
def schema(kind: Kind) -> Schema:
    """The schema of *kind* without references: what a `$ref` stood beside wins over what it referred to."""
    expanded: Schema = _expanded(json.loads(text(kind.value)), kind.value)
    return expanded


def at(root: Schema, path: KeyPath) -> Schema:
    """What *root* says of the value at *path*; an empty schema where it says nothing."""
    found = root
    for step in path:
        found = _child(found, step)
    return found


def _child(parent: Schema, step: str | int) -> Schema:
    if isinstance(step, int):
        items: Schema = parent.get("items", {})
        return items
    named: Schema | None = parent.get("properties", {}).get(step)
    if named is not None:
        return named
    others = parent.get("additionalProperties", {})
    return others if isinstance(others, dict) else {}


@cache
def _definition(file: str, name: str) -> Schema:
    """`$defs/NAME` of one file, without references."""
    found: Schema = _expanded(json.loads(text(file))["$defs"][name], file)
    return found


def _expanded(value: Any, file: str) -> Any:
    """*value*, read from *file*, with its references put in. Schemas do not refer to themselves, so this ends."""
    if isinstance(value, list):
        return [_expanded(item, file) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _expanded(item, file) for key, item in value.items() if key not in {"$ref", "$defs"}}
    if "$ref" not in value:
        return inner
    other, _, name = value["$ref"].partition("#/$defs/")
    return {**_definition(other.removesuffix(".json") or file, name), **inner}
