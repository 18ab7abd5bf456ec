"""Globs over names: `*`, `?`, `[ab]`, `{a,b}`, case-sensitive; compiled once, indexed by what is literal in them.

    glob = { char | "*" | "?" | "[" set "]" | "{" glob "," glob { "," glob } "}" }
    set  = ( char | char "-" char ) { char | char "-" char }

`*` stands for any run of characters, `/` and the empty run included; `?` and a set for exactly one. Braces are
expanded, so that what remains is exact names, `head*tail`, and the few patterns that need a regular expression.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from engine.errors import Flaw, PatternInvalid
from engine.expr.regex import Regex

__all__ = ["Globs", "RuleIndex", "covers", "specificity"]

_MOST_EXPANSIONS = 256
"""What the braces of one glob may multiply to: enough for a list of sizes by a list of dates, too few to hurt."""

K = TypeVar("K")
V = TypeVar("V")

_BRACES = re.compile(r"\{([^{}]*)\}")
_PIECE = re.compile(r"\*+|\?|\[[^\[\]]+\]|[^*?\[\]{}]+")
_RANGE = re.compile(r"([^\[])-([^\]])")


def specificity(glob: str) -> tuple[int, str]:
    """A key that sorts the most specific pattern first: what a file means must not depend on the order of its keys."""
    return -len(glob), glob


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A glob without braces that is not an exact name."""

    pieces: tuple[str, ...]
    """Literals, `*`, `?` and sets."""
    head: str
    """What is literal before the first wildcard."""
    tail: str
    """What is literal after the last wildcard."""
    least: int
    """Characters that a matching name has at least."""
    regex: Regex | None
    """None when the glob is `head*tail`."""
    star: tuple[int, int] | None
    """Characters before and after the only `*`; None when there is none, or more than one."""
    cut: tuple[int | None, int | None]
    """The bounds in a name between which `literal` must stand."""
    literal: str
    """The longer of `head` and `tail`, by which it is indexed."""

    def matches(self, name: str) -> bool:
        if len(name) < self.least or not name.startswith(self.head) or not name.endswith(self.tail):
            return False
        return self.regex is None or self.regex.search(name)

    def carried(self, name: str) -> str:
        if self.star is None:
            return ""
        before, after = self.star
        return name[before : len(name) - after]

    def encloses(self, other: "_Pattern") -> bool:
        if self.regex:
            return _takes(self.pieces, other.pieces)
        literal = other.head.startswith(self.head) and other.tail.endswith(self.tail)
        return literal and other.least >= self.least


@dataclass(frozen=True, slots=True)
class Globs:
    """A set of names given as exact names and patterns.

    Raises:
        PatternInvalid: a glob is empty, has brackets that do not pair or hold nothing, or expands to too many names.
    """

    texts: tuple[str, ...]
    """As written, in order."""
    exact: frozenset[str] = field(init=False, repr=False, compare=False)
    """The names among them."""
    patterns: tuple[_Pattern, ...] = field(init=False, repr=False, compare=False)
    """The others, in order."""

    def __post_init__(self) -> None:
        plain = dict.fromkeys(plain for text in self.texts for plain in _expanded(text))
        pieces = {text: _pieces(text) for text in plain}
        exact = frozenset(text for text, found in pieces.items() if found == (text,) and _is_literal(text))
        patterns = tuple(_pattern(found) for text, found in pieces.items() if text not in exact)
        object.__setattr__(self, "exact", exact)
        object.__setattr__(self, "patterns", patterns)

    def matches(self, name: str) -> bool:
        """Whether any of the patterns matches the whole of *name*."""
        return name in self.exact or any(pattern.matches(name) for pattern in self.patterns)

    def carried(self, name: str) -> str | None:
        """What the `*` of the first matching pattern stands for in *name*.

        None without a match; "" where *name* is listed as it is, or the pattern has no `*`, or several.
        """
        if name in self.exact:
            return ""
        return next((pattern.carried(name) for pattern in self.patterns if pattern.matches(name)), None)


def covers(wide: Globs, narrow: Globs) -> bool:
    """Whether *wide* matches every name that *narrow* matches. False also where that would be hard to tell."""
    return all(wide.matches(name) for name in narrow.exact) and all(
        any(over.encloses(pattern) for over in wide.patterns) for pattern in narrow.patterns
    )


_Bucket = Mapping[str, tuple[tuple[int, _Pattern], ...]]


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Which entries of a list of globs match a name, without trying them all.

    A name is looked up by itself, and by those of its beginnings and endings that are as long as the literal part of
    some pattern: what a look-up costs depends on how many entries could match, not on how many there are.
    """

    entries: tuple[Globs, ...]
    _exact: Mapping[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)
    _buckets: tuple[tuple[slice, _Bucket], ...] = field(init=False, repr=False, compare=False)
    """What to cut from a name, and the patterns by what is cut."""

    def __post_init__(self) -> None:
        names = ((name, index) for index, globs in enumerate(self.entries) for name in globs.exact)
        patterns = [(index, pattern) for index, globs in enumerate(self.entries) for pattern in globs.patterns]
        object.__setattr__(self, "_exact", _grouped(names))
        object.__setattr__(self, "_buckets", _buckets(patterns))

    def candidates(self, name: str) -> Sequence[int]:
        """Indexes of the entries that match *name*, rising."""
        exact = self._exact.get(name, ())
        found = [
            index
            for cut, bucket in self._buckets
            for index, pattern in bucket.get(name[cut], ())
            if pattern.matches(name)
        ]
        return sorted({*exact, *found}) if found else exact


def _buckets(patterns: Iterable[tuple[int, _Pattern]]) -> tuple[tuple[slice, _Bucket], ...]:
    by_cut = _grouped((pattern.cut, (pattern.literal, (index, pattern))) for index, pattern in patterns)
    return tuple((slice(*cut), _grouped(entries)) for cut, entries in by_cut.items())


def _grouped(pairs: Iterable[tuple[K, V]]) -> Mapping[K, tuple[V, ...]]:
    groups: dict[K, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return MappingProxyType({key: tuple(values) for key, values in groups.items()})


def _expanded(text: str) -> list[str]:
    """*text* without braces, once for each choice."""
    todo, done = [text], []
    while todo:
        glob = todo.pop()
        braces = _BRACES.search(glob)
        if braces is None:
            done.append(glob)
            continue
        if "," not in braces[1]:
            raise _invalid(text, "has braces without a choice", "write '{a,b}'")
        choices = braces[1].split(",")
        todo += [glob[: braces.start()] + choice + glob[braces.end() :] for choice in reversed(choices)]
        if len(todo) + len(done) > _MOST_EXPANSIONS:
            raise _invalid(text, f"stands for more than {_MOST_EXPANSIONS} names")
    if "" in done:
        raise _invalid(text, "stands for an empty name")
    return done


def _pieces(plain: str) -> tuple[str, ...]:
    """A glob without braces cut into literals, `*`, `?` and sets."""
    pieces = _PIECE.findall(plain)
    if sum(map(len, pieces)) != len(plain):
        raise _invalid(plain, "has brackets that do not pair, or hold nothing")
    return tuple("*" if piece[0] == "*" else piece for piece in pieces)


def _pattern(pieces: tuple[str, ...]) -> _Pattern:
    head = pieces[0] if _is_literal(pieces[0]) else ""
    tail = pieces[-1] if _is_literal(pieces[-1]) else ""
    stars = [at for at, piece in enumerate(pieces) if piece[0] == "*"]
    simple = len(pieces) == len(stars) + bool(head) + bool(tail) and len(stars) == 1
    return _Pattern(
        pieces=pieces,
        head=head,
        tail=tail,
        least=_least(pieces),
        regex=None if simple else Regex(r"(?s)\A" + "".join(map(_expression, pieces)) + r"\z"),
        star=(_least(pieces[: stars[0]]), _least(pieces[stars[0] + 1 :])) if len(stars) == 1 else None,
        cut=(0, len(head)) if len(head) >= len(tail) else (-len(tail), None),
        literal=max(head, tail, key=len),
    )


def _is_literal(piece: str) -> bool:
    return piece[0] not in "*?["


def _least(pieces: tuple[str, ...]) -> int:
    return sum(len(piece) if _is_literal(piece) else piece[0] != "*" for piece in pieces)


def _expression(piece: str) -> str:
    """The regular expression for one piece."""
    match piece[0]:
        case "*":
            return ".*"
        case "?":
            return "."
        case "[":
            return _set(piece)
        case _:
            return re.escape(piece)


def _set(piece: str) -> str:
    if piece[1] in "!^":
        raise _invalid(piece, "is a set of what must not be there", "list what may be there")
    if any(first > last for first, last in _RANGE.findall(piece)):
        raise _invalid(piece, "has a range that runs backwards")
    return "[" + "".join(char if char == "-" else re.escape(char) for char in piece[1:-1]) + "]"


def _takes(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    """Whether *wide*, read as a pattern over the symbols of *narrow*, matches them: then it matches all their names."""
    over, symbols = _symbols(wide), _symbols(narrow)
    reached = _past_stars({0}, over)
    for symbol in symbols:
        stay = {at for at in reached if at < len(over) and over[at] == "*"}
        step = {at + 1 for at in reached - stay if at < len(over) and _includes(over[at], symbol)}
        reached = _past_stars(stay | step, over)
    return len(over) in reached


def _symbols(pieces: tuple[str, ...]) -> list[str]:
    """Single characters, `*`, `?` and sets."""
    return [symbol for piece in pieces for symbol in (piece if _is_literal(piece) else [piece])]


def _past_stars(reached: set[int], over: list[str]) -> set[int]:
    """*reached*, and the position after each `*` there, since that may stand for nothing."""
    return reached | {at + 1 for at in reached if at < len(over) and over[at] == "*"}


def _includes(wide: str, narrow: str) -> bool:
    """Whether the symbol *wide*, which is no `*`, matches every character that *narrow* does."""
    if narrow == "*":
        return False
    is_member = _is_literal(narrow) and not _is_literal(wide) and _pattern((wide,)).matches(narrow)
    return wide in {"?", narrow} or is_member


def _invalid(glob: str, what: str, hint: str = "") -> PatternInvalid:
    return PatternInvalid(Flaw(slug="bad-pattern", message=f"pattern '{glob}' {what}", hint=hint))
