"""Edits of a JSON object's top level that leave every nested byte alone.

Knows how a request body is read as raw fields, changed and written again. Does not know any protocol.
"""

import msgspec

__all__ = ["Edit", "Fields", "apply", "sets"]

Fields = dict[str, msgspec.Raw]
"""The top level of a JSON object: name → the value's own bytes. Shared between attempts, so never changed in place."""


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a request: `rename`, then `drop`, then `set`, then `default`. Values are JSON, already encoded."""

    default: tuple[tuple[str, bytes], ...] = ()
    """Written where the key is absent."""
    set: tuple[tuple[str, bytes], ...] = ()
    """Written in any case."""
    rename: tuple[tuple[str, str], ...] = ()
    """Old → new name; when both are present the new one stays and the old one is dropped."""
    drop: tuple[str, ...] = ()
    """Removed and reported."""


def apply(fields: Fields, edit: Edit) -> tuple[Fields, tuple[str, ...]]:
    """The fields after *edit*, and the names of the caller's fields that it removed, in the order of the edit.

    *fields* itself is returned when nothing changes; a renamed field keeps its place.
    """
    if not _changes(fields, edit):
        return fields, ()
    edited, lost = fields, []
    for old, new in edit.rename:
        if old in edited and new in edited:
            lost.append(old)
            edited = {name: value for name, value in edited.items() if name != old}
        elif old in edited:
            edited = {new if name == old else name: value for name, value in edited.items()}
    lost += [name for name in edit.drop if name in edited]
    edited = {name: value for name, value in edited.items() if name not in edit.drop}
    edited.update((name, msgspec.Raw(value)) for name, value in edit.set)
    for name, value in edit.default:
        edited.setdefault(name, msgspec.Raw(value))
    return edited, tuple(lost)


def _changes(fields: Fields, edit: Edit) -> bool:
    return (
        any(old in fields for old, _ in edit.rename)
        or any(name in fields for name in edit.drop)
        or any(name not in fields or bytes(fields[name]) != value for name, value in edit.set)
        or any(name not in fields for name, _ in edit.default)
    )


def sets(fields: Fields, path: str) -> bool:
    """Whether the request gives *path*, say `reasoning.effort`, a value; null is none, since SDKs send it for unset."""
    first, *rest = path.split(".")
    value = fields.get(first)
    for name in rest:
        if value is None:
            return False
        try:
            value = _OBJECT.decode(value).get(name)
        except (msgspec.ValidationError, RecursionError):  # no object; or one too deep to look into from here
            return False
    return value is not None and bytes(value) != b"null"
