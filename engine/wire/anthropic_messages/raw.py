"""JSON that is passed on unread and may be missing: a null field and an absent one are the same."""

import msgspec

__all__ = ["NULL", "said", "unsaid"]

NULL = msgspec.Raw(b"null")
"""A struct field's default; msgspec leaves the field out if it holds this very object (`omit_defaults`)."""


def said(raw: msgspec.Raw) -> msgspec.Raw | None:
    """*raw*; None where it is null."""
    return None if raw == NULL else raw


def unsaid(raw: msgspec.Raw | None) -> msgspec.Raw:
    """*raw*; where that is None, the default that msgspec leaves out."""
    return NULL if raw is None else raw
