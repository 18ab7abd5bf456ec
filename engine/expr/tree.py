"""What a condition says, as a tree: the closed subset of the grammar, free of the parser that read it.

`at` is how many characters of the text come before the part.
"""

from collections.abc import Iterator
from enum import StrEnum
from fractions import Fraction
from typing import Literal

import msgspec

__all__ = [
    "Arithmetic",
    "Choice",
    "Compare",
    "Constant",
    "Flag",
    "Keyed",
    "Listing",
    "Logic",
    "Matching",
    "Name",
    "Negative",
    "Node",
    "Not",
    "Operator",
    "Sets",
    "Sign",
    "Text",
    "Within",
    "parts",
]


Sign = Literal["+", "-", "*", "/", "//", "%"]


class Operator(StrEnum):
    """Comparisons, as they are written."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    NOT_IN = "not in"


class Name(msgspec.Struct, frozen=True):
    """A dotted name, `request.model`."""

    at: int
    text: str


class Keyed(msgspec.Struct, frozen=True):
    """A name with a key, `headers['x-tier']`."""

    at: int
    of: str
    key: str


class Constant(msgspec.Struct, frozen=True):
    """A text, a number, true or false."""

    at: int
    value: str | int | Fraction | bool


class Text(msgspec.Struct, frozen=True):
    """A text in quotes where the grammar wants one."""

    at: int
    value: str


class Listing(msgspec.Struct, frozen=True):
    """Constants in brackets, after `in`."""

    at: int
    items: tuple[Constant, ...]


class Compare(msgspec.Struct, frozen=True):
    """`first op part op part …`, as in `9 <= time.hour < 17`."""

    at: int
    first: "Node"
    rest: tuple[tuple[Operator, "Node"], ...]


class Logic(msgspec.Struct, frozen=True):
    """Two parts joined by a word."""

    at: int
    word: Literal["and", "or"]
    left: "Node"
    right: "Node"


class Not(msgspec.Struct, frozen=True):
    """The opposite."""

    at: int
    part: "Node"


class Arithmetic(msgspec.Struct, frozen=True):
    """Two numbers joined by a sign."""

    at: int
    sign: Sign
    left: "Node"
    right: "Node"


class Negative(msgspec.Struct, frozen=True):
    """A number with a minus before it."""

    at: int
    part: "Node"


class Matching(msgspec.Struct, frozen=True):
    """`part is matching('pattern')`."""

    at: int
    part: "Node"
    pattern: Text


class Within(msgspec.Struct, frozen=True):
    """`part is within('network')`."""

    at: int
    part: "Node"
    network: Text


class Sets(msgspec.Struct, frozen=True):
    """`request.sets('path')`."""

    at: int
    path: str


class Choice(msgspec.Struct, frozen=True):
    """`then if test else other`, in templates."""

    at: int
    test: "Node"
    then: "Node | Choice"
    other: "Node | Choice"


Flag = Compare | Logic | Not | Matching | Within | Sets
"""What is true or false by its form."""

Node = Name | Keyed | Constant | Listing | Arithmetic | Negative | Flag


def parts(node: Node | Choice) -> Iterator[Node | Choice]:
    """*node* and every part of it, itself first."""
    yield node
    for child in _children(node):
        yield from parts(child)


def _children(node: Node | Choice) -> tuple[Node | Choice, ...]:
    match node:
        case Compare():
            return (node.first, *(part for _, part in node.rest))
        case Logic() | Arithmetic():
            return (node.left, node.right)
        case Choice():
            return (node.test, node.then, node.other)
        case Not() | Negative() | Matching() | Within():
            return (node.part,)
        case Name() | Keyed() | Constant() | Listing() | Sets():
            return ()
