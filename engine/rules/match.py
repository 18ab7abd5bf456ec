"""Globs over names: `*`, `?`, `[ab]`, `{a,b}`, case-sensitive; compiled once, indexed by what is literal in them."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Globs", "RuleIndex"]


@dataclass(frozen=True, slots=True)
class Globs:
    """A set of names given as exact names and patterns."""

    texts: tuple[str, ...]
    """As written, in order."""

    def matches(self, name: str) -> bool:
        """Whether any of the patterns matches the whole of *name*."""
        raise NotImplementedError

    def carried(self, name: str) -> str | None:
        """What `*` of the first matching pattern stands for in *name*; None without a match, "" without a `*`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Which rules can match a name, without trying them all."""

    def candidates(self, name: str) -> Iterable[int]:
        """Indexes of the rules whose patterns match *name*, rising."""
        raise NotImplementedError
