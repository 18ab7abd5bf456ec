"""What the writer may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "nearest"]

CUTOFF = 0.6
"""difflib's own: about one wrong letter in three."""
MAX_CANDIDATES = 2_000
"""Comparing takes some 10 µs a name; a suggestion is not worth more than 20 ms."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of *known* that is most like *word*; None when none is like it."""
    names = list(known)
    like = [name for name in names if name[:1].lower() == word[:1].lower()] if len(names) > MAX_CANDIDATES else names
    found = get_close_matches(word, like[:MAX_CANDIDATES], n=1, cutoff=CUTOFF)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint `did you mean '…'?`; empty when nothing comes close."""
    found = nearest(word, known)
    return f"did you mean '{found}'?" if found else ""
