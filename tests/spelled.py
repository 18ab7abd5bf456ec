"""Counts as golden files have them."""

from typing import Any

from msgspec import structs

from engine.values import Measures, Usage

__all__ = ["spelled"]


def spelled(value: Any) -> Any:
    """*value* with all counts in it, those too that are left out where they are written down."""
    if isinstance(value, Usage | Measures):
        return structs.asdict(value)
    if isinstance(value, list | tuple):
        return [spelled(each) for each in value]
    if isinstance(value, dict):
        return {name: spelled(each) for name, each in value.items()}
    found = {name: getattr(value, name, None) for name in ("usage", "measures")}
    counts = {name: spelled(each) for name, each in found.items() if each is not None}
    return structs.replace(value, **counts) if counts else value
