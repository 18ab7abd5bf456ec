"""How one field of a request is read, at the top or inside `options`."""

from typing import TypeVar

import msgspec

from engine.errors import BadRequest
from engine.wire.json_edit import Fields

__all__ = ["malformed", "read"]

T = TypeVar("T")


def read(fields: Fields, name: str, decoder: msgspec.json.Decoder[T]) -> T | None:
    """The value of a field; None where it is absent or null.

    Raises:
        BadRequest: it is something else; `param` names it.
    """
    raw = fields.get(name)
    if raw is None or bytes(raw) == b"null":
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise malformed(name, exc) from exc


def malformed(name: str, exc: Exception) -> BadRequest:
    """The fault of a caller whose field *name* could not be read, in the words of *exc*."""
    detail = str(exc).replace("`$", f"`{name}")
    return BadRequest(f"{name} cannot be read: {detail}", code="invalid_type", param=name)
