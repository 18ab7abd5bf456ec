"""Strict YAML: bytes → plain values and the place of each, over libyaml's events. The home of PyYAML.

Stricter than YAML 1.2's core schema, so that a file means what it looks like: only `true` and `false` are special
words, numbers are plain decimals and exact, an empty value, a duplicate key, a tag or a merge key is a problem.
Events and not `yaml.compose`, whose C recursion has no bound: a hundred thousand `[` end the process there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn

import msgspec
import yaml

from engine.config.places import Node, Path, Places, Spot
from engine.config.syntax import syntax_problem
from engine.errors import ConfigInvalid, Place, Problem

__all__ = ["EMPTY", "Document", "Kind", "Parsed", "Path", "Places", "parse"]

MAX_BYTES = 8 * 1024 * 1024
"""Five thousand models take 1.5 MiB."""
MAX_DEPTH = 32
"""The deepest schema path has 8 levels; free JSON under `request` may have more."""
MAX_ALIASED_NODES = 100_000
"""Nodes that aliases stand for, in all: a bound on nested aliases, which double with each line."""

NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
"""Longer digit strings are text: ids, not quantities."""
NULLS = frozenset({"null", "Null", "NULL", "~"})
YAML_TAG = "tag:yaml.org,2002:"
"""What `!!` stands for."""
EXPRESSION_KEYS = frozenset({"when", "unless"})
EMPTY = ""
"""What stands in the tree where a value was missing; the problem has been reported."""


class Kind(StrEnum):
    """What a file is; also the name of its schema."""

    ROUTES = "routes"
    PROVIDER = "provider"
    POLICY = "policy"
    ROUTING_TEST = "routing-test"


class Document(msgspec.Struct, frozen=True):
    """One file of a configuration, read. With an overlay, some of its places are in the overlay's file."""

    file: str
    kind: Kind
    value: Any
    """Only dict, list, str, bool, int and Decimal, all the way down; the root is a dict."""
    places: Places
    gaps: tuple[Path, ...] = ()
    """Where something was wrong: what stands at, above or below such a path does not say all that was meant."""

    @property
    def sound(self) -> bool:
        """Nothing was wrong in it."""
        return not self.gaps


class Parsed(NamedTuple):
    """What is written in a file."""

    value: dict[str, Any]
    places: Places
    problems: list[Problem]
    """Of the writing."""
    gaps: list[Path]
    """Where it does not say what was meant; `?` stands for a key that could not be read."""


def parse(file: str, data: bytes) -> Parsed:
    """The root mapping written in *data*, its places, and every problem with the writing.

    A syntax error leaves an empty mapping and one problem: YAML cannot be read past the first.
    """
    reader = _Reader(file, data)
    try:
        value, node = reader.document()
    except ConfigInvalid as exc:
        spot = (file, 1, 1)
        return Parsed({}, Places((spot, spot, {})), list(exc.problems), [()])
    return Parsed(value, Places(node), reader.problems, reader.gaps)


def _text(file: str, data: bytes) -> str:
    """*data* as text, or the problem that keeps it from being read."""
    start = Place(file, 1, 1)
    if len(data) > MAX_BYTES:
        _stop("too-large", start, f"the file has {len(data)} bytes", f"at most {MAX_BYTES} are read; split it")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        _stop("not-utf8", start, "the file is UTF-16", "save it as UTF-8")
    if data.startswith(b"\xef\xbb\xbf"):
        _stop("byte-order-mark", start, "the file begins with a byte order mark", "save it as UTF-8 without BOM")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        before = data[: exc.start].decode()
        line = before.count("\n") + 1
        place = Place(file, line, len(before) - (before.rfind("\n") + 1) + 1)
        _stop("not-utf8", place, f"byte 0x{data[exc.start]:02x} is not UTF-8", "save the file as UTF-8")


def _stop(slug: str, place: Place, message: str, hint: str) -> NoReturn:
    """End the reading of a file with one problem."""
    raise ConfigInvalid([Problem(slug=slug, place=place, key="", message=message, hint=hint)])


def _events(file: str, text: str) -> Iterator[Any]:
    """The events of libyaml for *text*; the first syntax error in our words."""
    try:
        yield from yaml.parse(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as exc:
        raise ConfigInvalid([syntax_problem(file, text, exc)]) from exc


@dataclass(slots=True)
class _Anchor:
    """A value that aliases may stand for. It is complete when `size` is known: before that an alias is a cycle."""

    value: Any = EMPTY
    node: Node | None = None
    size: int = 0
    depth: int = 0
    """Levels of lists and mappings, its own included."""


class _Reader:
    """Builds one document out of events, collecting problems as it goes."""

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.gaps: list[Path] = []
        self._data = data
        self._lines: list[str] = []
        self._events: Iterator[Any] = iter(())
        self._anchors: dict[str, _Anchor] = {}
        self._nodes = 0
        self._aliased = 0
        self._deepest = 0
        """The deepest level so far, within the anchor that is being read; aliases count as what they stand for."""

    def document(self) -> tuple[dict[str, Any], Node]:
        """The one document of the file. Raises ConfigInvalid when it cannot be read to its end."""
        text = _text(self.file, self._data)
        self._lines = text.splitlines()
        self._events = _events(self.file, text)
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            _stop("empty-value", Place(self.file, 1, 1), "the file is empty", "remove it, or write something into it")
        root = next(self._events)
        value, node = self._value(root, (), self._spot(root))
        next(self._events)  # the document's end
        after = next(self._events)
        if isinstance(after, yaml.DocumentStartEvent):
            _stop("second-document", Place(*self._spot(after)), "a second document begins", "one document to a file")
        if not isinstance(value, dict):
            _stop("not-a-mapping", Place(*self._spot(root)), "the file is not a mapping", "write `key: value` lines")
        return value, node

    def _spot(self, event: Any) -> Spot:
        mark = event.start_mark
        return (self.file, mark.line + 1, mark.column + 1)

    def _problem(self, slug: str, spot: Spot, path: Path, message: str, hint: str = "") -> None:
        self.gaps.append(path)
        self._say(slug, spot, path, message, hint)

    def _key_problem(self, slug: str, spot: Spot, path: Path, message: str, hint: str = "") -> None:
        """A key of the mapping at *path* cannot be read; the others can."""
        self.gaps.append((*path, "?"))
        self._say(slug, spot, path, message, hint)

    def _say(self, slug: str, spot: Spot, path: Path, message: str, hint: str) -> None:
        key = ".".join(map(str, path))
        self.problems.append(Problem(slug=slug, place=Place(*spot), key=key, message=message, hint=hint))

    def _value(self, event: Any, path: Path, key_spot: Spot) -> tuple[Any, Node]:
        """The value that begins with *event*, and its places."""
        self._nodes += 1
        spot = self._spot(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, spot, path, key_spot)
        if event.tag is not None:
            hint = "remove it: quotes make text, bare digits a number"
            name = event.tag.replace(YAML_TAG, "!!")
            self._problem("tag", spot, path, f"the tag '{name}' is not allowed", hint)
        if event.anchor is None:
            return self._plain_value(event, path, key_spot, spot)
        anchor = self._anchors[event.anchor] = _Anchor()
        before, around = self._nodes, self._deepest
        self._deepest = len(path)
        anchor.value, anchor.node = self._plain_value(event, path, key_spot, spot)
        anchor.size, anchor.depth = self._nodes - before + 1, self._deepest - len(path)
        self._deepest = max(around, self._deepest)
        return anchor.value, anchor.node

    def _plain_value(self, event: Any, path: Path, key_spot: Spot, spot: Spot) -> tuple[Any, Node]:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, spot, path), (key_spot, spot, {})
        self._reach(len(path) + 1, spot)
        if isinstance(event, yaml.SequenceStartEvent):
            items, nodes = self._sequence(path)
            return items, (key_spot, spot, nodes)
        values, children = self._mapping(path)
        return values, (key_spot, spot, children)

    def _alias(self, event: Any, spot: Spot, path: Path, key_spot: Spot) -> tuple[Any, Node]:
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            hint = f"quote it if it is text: '*{event.anchor}'"
            self._problem("unknown-anchor", spot, path, f"no anchor '&{event.anchor}' comes before this alias", hint)
        elif anchor.node is None:
            self._problem("anchor-cycle", spot, path, f"the alias '*{event.anchor}' stands inside its own anchor")
        else:
            self._reach(len(path) + anchor.depth, spot)
            self._nodes += anchor.size
            self._aliased += anchor.size
            if self._aliased > MAX_ALIASED_NODES:
                message = f"aliases stand for more than {MAX_ALIASED_NODES} values"
                _stop("anchor-limit", Place(*spot), message, "write the values out")
            return anchor.value, (key_spot, spot, anchor.node[2])
        return EMPTY, (key_spot, spot, {})

    def _reach(self, level: int, spot: Spot) -> None:
        if level > MAX_DEPTH:
            _stop("too-deep", Place(*spot), f"nested more than {MAX_DEPTH} levels deep", "flatten it")
        self._deepest = max(self._deepest, level)

    def _sequence(self, path: Path) -> tuple[list[Any], dict[str | int, Node]]:
        items: list[Any] = []
        nodes: dict[str | int, Node] = {}
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            index = len(items)
            value, nodes[index] = self._value(event, (*path, index), self._spot(event))
            items.append(value)
        return items, nodes

    def _mapping(self, path: Path) -> tuple[dict[str, Any], dict[str | int, Node]]:
        values: dict[str, Any] = {}
        nodes: dict[str | int, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, spot = self._key(event, path), self._spot(event)
            value, node = self._value(next(self._events), (*path, key or "?"), spot)
            if key in nodes:
                self._duplicate(spot, (*path, key), Place(*nodes[key][0]))
            elif key is not None:
                values[key], nodes[key] = value, node
        return values, nodes

    def _key(self, event: Any, path: Path) -> str | None:
        """The text of a key; None, with a problem, where it cannot be one."""
        spot = self._spot(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._value(event, (*path, "?"), spot)
            self._key_problem(
                "key-form", spot, path, "a key must be plain text", "quote it if it begins with '*' or '['"
            )
            return None
        if event.value == "<<" and not event.style:
            hint = "write the keys out, or repeat a whole value with `*anchor`"
            self._key_problem("merge-key", spot, path, "merge keys are not allowed", hint)
            return None
        if not event.value or event.tag is not None or event.anchor is not None:
            self._key_problem("key-form", spot, path, "a key must be plain text without tag or anchor")
            return None
        return str(event.value)

    def _duplicate(self, spot: Spot, path: Path, first: Place) -> None:
        key = ".".join(map(str, path))
        self.gaps.append((*path, "?"))
        self.problems.append(
            Problem(
                slug="duplicate-key",
                place=Place(*spot),
                key=key,
                message="listed twice",
                hint="keep one of them",
                related=(("first", first),),
            )
        )

    def _scalar(self, event: Any, spot: Spot, path: Path) -> str | bool | int | Decimal:
        text: str = event.value
        if event.style:  # quoted and block scalars are text
            return text
        if not text or text in NULLS:
            message = f"'{text}' is no value here" if text else "the value is missing"
            self._problem("empty-value", spot, path, message, 'write a value, "" for empty text, or remove the key')
            return EMPTY
        if text in {"true", "false"}:
            return text == "true"
        if found := NUMBER.fullmatch(text):
            return Decimal(text) if found[2] else int(text)
        if path and path[-1] in EXPRESSION_KEYS:
            self._check_comment(event, text, path)
        return text

    def _check_comment(self, event: Any, text: str, path: Path) -> None:
        """A condition that a ` #` cut in two is told by a quote or bracket that is never closed."""
        mark = event.end_mark
        rest = self._lines[mark.line][mark.column :] if mark.line < len(self._lines) else ""
        is_open = text.count("'") % 2 or text.count('"') % 2 or text.count("(") != text.count(")")
        if is_open and rest.lstrip().startswith("#"):
            spot = (self.file, mark.line + 1, mark.column + 1 + len(rest) - len(rest.lstrip()))
            message = "the comment that begins here cuts the condition off"
            self._problem("comment-in-text", spot, path, message, "quote the whole condition")
