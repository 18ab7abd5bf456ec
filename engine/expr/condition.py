"""A compiled condition: what `when` and `unless` have become. Nothing here parses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from engine.errors import Place

__all__ = ["Condition", "Sets"]

Sets = Callable[[str], bool]
"""Whether the request sets a dotted path: the one function that conditions may call, as `request.sets('…')`."""


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """True or false of a request, in about a microsecond. Never raises: it was type-checked when it was compiled."""

    text: str
    """As written."""
    place: Place
    code: CodeType = field(repr=False)
    reads: frozenset[str] = frozenset()
    """The facts it looks at: `request.model`, `headers['x-tier']`, …"""

    def __call__(self, facts: Any, caller: Any, sets: Sets, offer: Any = None) -> bool:
        """Whether it holds. *facts* is a `values.Facts`, *caller* a `rules.program.Caller`; *offer* only for quirks."""
        raise NotImplementedError
