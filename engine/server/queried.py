"""What became of one SELECT, as its process tells the worker that asked."""

import msgspec

__all__ = ["Queried"]


class Queried(msgspec.Struct, frozen=True, kw_only=True):
    """As MessagePack, all that `engine _query` writes."""

    rows: bytes = b""
    """A JSON list of objects."""
    truncated: bool = False
    """There were more rows than are answered."""
    problem: str = ""
    """What is wrong with the query, in one line; empty when it was answered."""
