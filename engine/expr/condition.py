"""Compiled expressions: what `when`, `unless` and the leaves of templates have become. Nothing here parses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from types import CodeType, FunctionType
from typing import Any

from engine.errors import Place
from engine.expr.network import Network
from engine.expr.regex import Regex

__all__ = ["Condition", "Constant", "Sets", "Value"]

Sets = Callable[[str], bool]
"""Whether the request sets a dotted path: the one function that conditions may call, as `request.sets('…')`."""

Constant = Regex | Network | Fraction
"""What an expression needs beside the constants that code can hold by itself."""

_NO_NAMES: dict[str, Any] = {"__builtins__": {}}
"""The globals of every expression: it reaches its arguments and its constants, and nothing else."""


@dataclass(frozen=True, slots=True, eq=False)
class _Compiled:
    """An expression as a function. Never raises when it is called: it was type-checked when it was compiled."""

    text: str
    """As written."""
    place: Place
    code: CodeType = field(repr=False)
    """Of a function whose last arguments are the constants."""
    reads: frozenset[str] = frozenset()
    """The facts it looks at: `request.model`, `headers['x-tier']`, `request.sets('tools')`, `message.text`, …"""
    constants: tuple[Constant, ...] = field(default=(), repr=False)
    _run: Callable[..., Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_run", FunctionType(self.code, _NO_NAMES, "expression", self.constants))

    def __reduce__(self) -> tuple[type["_Compiled"], tuple[Any, ...]]:
        return type(self), (self.text, self.place, self.code, self.reads, self.constants)


class Condition(_Compiled):
    """True or false of a request, in about a microsecond."""

    __slots__ = ()

    def __call__(self, facts: Any, caller: Any, sets: Sets, offer: Any = None) -> bool:
        """Whether it holds. *facts* is a `values.Facts`, *caller* a `rules.program.Caller`; *offer* only for quirks."""
        holds: bool = self._run(facts, caller, sets, offer)
        return holds


class Value(_Compiled):
    """What a template's expression is worth for a request."""

    __slots__ = ()

    def __call__(self, asked: Any, message: Any = None) -> Any:
        """A text, a number, true or false, a list of texts; None where it is absent.

        *asked* is what the template's kind of request has (`wire.template.chat.Asked`); *message* one of its messages.
        """
        return self._run(asked, message)
