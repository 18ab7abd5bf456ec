"""Paths into JSON: JSON Pointer (RFC 6901), in which `*` stands for every item of a list."""

from typing import Any, TypeAlias

__all__ = ["Pointer", "first", "found", "put", "read"]

Pointer: TypeAlias = tuple[str, ...]
"""The steps, unescaped; empty for the whole value."""

_EVERY = "*"


def read(text: str) -> Pointer:
    """The steps of *text*, a JSON Pointer such as `/choices/*/text`; empty for the whole value."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])


def found(value: Any, pointer: Pointer) -> list[Any]:
    """Everything at *pointer*, in order; nulls count as nothing."""
    values = [value]
    for step in pointer:
        values = [inner for each in values for inner in _below(each, step)]
    return [each for each in values if each is not None]


def first(value: Any, pointer: Pointer | None) -> Any:
    """The first thing at *pointer*; None where there is nothing, or no pointer."""
    if pointer is None:
        return None
    return next(iter(found(value, pointer)), None)


def _below(value: Any, step: str) -> list[Any]:
    if isinstance(value, list):
        if step == _EVERY:
            return value
        return [value[int(step)]] if step.isascii() and step.isdecimal() and int(step) < len(value) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def put(root: Any, pointer: Pointer, value: Any) -> Any:
    """*root* with *value* at *pointer*, and whatever is missing on the way there; `*` is a list's first item."""
    if not pointer:
        return value
    step, *rest = pointer
    if step == _EVERY or step.isdecimal():
        items = list(root) if isinstance(root, list) else []
        at = 0 if step == _EVERY else int(step)
        items += [None] * (at + 1 - len(items))
        items[at] = put(items[at], tuple(rest), value)
        return items
    fields = dict(root) if isinstance(root, dict) else {}
    fields[step] = put(fields.get(step), tuple(rest), value)
    return fields
