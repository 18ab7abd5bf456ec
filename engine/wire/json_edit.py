"""Edits of a JSON object's top level that leave every nested byte alone.

Knows: how a request body is read as raw fields, changed and written again. Does not know any protocol.
"""

from dataclasses import dataclass

__all__ = ["Edit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of a request: `rename`, then `drop`, then `set`, then `default`. Values are JSON, already encoded."""

    default: tuple[tuple[str, bytes], ...] = ()
    """Put where the key is absent."""
    set: tuple[tuple[str, bytes], ...] = ()
    """Put in any case."""
    rename: tuple[tuple[str, str], ...] = ()
    """Old → new name; when both are present the new one stays and the old one is dropped."""
    drop: tuple[str, ...] = ()
    """Removed and reported."""
