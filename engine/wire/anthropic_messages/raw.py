"""JSON that is passed on unread, where it may be missing. A field's null and its absence are the same."""

import msgspec

__all__ = ["NULL", "said", "unsaid"]

NULL = msgspec.Raw(b"null")
"""The default of a struct's field; msgspec leaves the field out where it holds this very object (`omit_defaults`)."""


def said(raw: msgspec.Raw) -> msgspec.Raw | None:
    """*raw*; None where it is null."""
    return None if raw == NULL else raw


def unsaid(raw: msgspec.Raw | None) -> msgspec.Raw:
    """*raw*; the default that is left out where it is None."""
    return NULL if raw is None else raw
