"""What a condition means: every name is a fact, every part has a type, and every part depends on the request."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from engine.errors import Flaw, PatternInvalid, did_you_mean
from engine.expr import tree
from engine.expr.facts import KEYED, MESSAGE_TABLE, QUIRK_TABLE, Fact, Kind
from engine.expr.network import Network
from engine.expr.regex import Regex

__all__ = ["check", "check_value"]

_MEMBERSHIP = {tree.Operator.IN, tree.Operator.NOT_IN}
_EQUALITY = {tree.Operator.EQ, tree.Operator.NE}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check(root: tree.Node, table: Mapping[str, Fact]) -> list[Flaw]:
    """Everything that is wrong with the condition *root* over the facts of *table*."""
    checker = _Checker(table)
    checker.flag(root)
    return list(dict.fromkeys(checker.flaws))


def check_value(root: tree.Node | tree.Choice, table: Mapping[str, Fact]) -> list[Flaw]:
    """Everything that is wrong with *root*, an expression of a template, over the facts of *table*."""
    checker = _Checker(table)
    checker.value(root)
    return list(dict.fromkeys(checker.flaws))


class _Checker:
    """Collects flaws while types are found. A part with a flaw has no type, so that one mistake is told once."""

    def __init__(self, table: Mapping[str, Fact]) -> None:
        self._table = table
        self.flaws: list[Flaw] = []

    def flag(self, node: tree.Node) -> None:
        """*node* has to be true or false, and to depend on the request."""
        kind = self._kind(node)
        if kind not in {None, Kind.FLAG}:
            self._flaw(node, f"{_spelt(node)} is {kind}, not true or false", _COMPARE.get(kind or Kind.FLAG, ""))
        elif isinstance(node, tree.Constant):
            self._flaw(node, f"{_spelt(node)} is the same for every request", slug="expression-constant")

    def value(self, node: tree.Node | tree.Choice) -> None:
        """*node* may be of any kind, and knows the facts of its table alone."""
        if isinstance(node, tree.Choice):
            self._closed(node.test)
            self.flag(node.test)
            self.value(node.then)
            self.value(node.other)
        else:
            self._closed(node)
            self._kind(node)

    def _closed(self, node: tree.Node) -> None:
        """Nothing in *node* is looked up by a key, or asks for what was sent."""
        for part in tree.parts(node):
            if isinstance(part, tree.Keyed):
                self._flaw(part, f"templates know no {part.of}", slug="unknown-fact")
            elif isinstance(part, tree.Sets):
                hint = "what was not said leaves its key out"
                self._flaw(part, "templates know no request.sets('…')", hint, slug="unknown-fact")

    def _flaw(self, node: tree.Node, message: str, hint: str = "", slug: str = "expression-type") -> None:
        self.flaws.append(Flaw(slug=slug, message=message, offset=node.at, hint=hint))

    def _kind(self, node: tree.Node) -> Kind | None:
        match node:
            case tree.Name():
                return self._fact_kind(node)
            case tree.Keyed():
                return Kind.TEXT
            case tree.Constant():
                return _constant_kind(node)
            case tree.Listing():
                self._flaw(node, "a list can only stand after 'in'")
                return None
            case tree.Arithmetic() | tree.Negative():
                return self._number(node)
            case _:
                self._check_flag(node)
                return Kind.FLAG

    def _fact_kind(self, node: tree.Name) -> Kind | None:
        fact = self._table.get(node.text)
        if fact is None:
            self._flaw(node, f"unknown fact '{node.text}'", self._hint(node.text), slug="unknown-fact")
        return fact.kind if fact else None

    def _hint(self, name: str) -> str:
        subject, _, rest = name.partition(".")
        if name == "request.sets":
            return "write request.sets('…')"
        if subject in KEYED:
            return f"write {subject}['{rest or '…'}']"
        if subject == "message" and name in MESSAGE_TABLE:
            return "only the item of an `each` knows it"
        if name in QUIRK_TABLE:
            return "only quirks know it"
        full = next((known for known in self._table if known.endswith(f".{name}")), "")
        return f"did you mean '{full}'?" if full else did_you_mean(name, self._table)

    def _check_flag(self, node: tree.Flag) -> None:
        match node:
            case tree.Not():
                self.flag(node.part)
            case tree.Logic():
                self.flag(node.left)
                self.flag(node.right)
            case tree.Compare():
                self._compare(node)
            case tree.Matching():
                self._test(node.part, node.pattern, Regex)
            case tree.Within():
                self._test(node.part, node.network, Network)

    def _test(self, part: tree.Node, argument: tree.Text, compiled: type[Regex] | type[Network]) -> None:
        self._depends(part)
        kind = self._kind(part)
        if kind not in {None, Kind.TEXT}:
            self._flaw(part, f"{_spelt(part)} is {kind}, not a text")
        try:
            compiled(argument.value)
        except PatternInvalid as exc:
            self.flaws += [replace(flaw, offset=argument.at + 1) for flaw in exc.flaws]

    def _number(self, node: tree.Arithmetic | tree.Negative) -> Kind | None:
        parts = (node.part,) if isinstance(node, tree.Negative) else (node.left, node.right)
        kinds = [self._kind(part) for part in parts]
        for part, kind in zip(parts, kinds, strict=True):
            if kind not in {None, Kind.NUMBER}:
                self._flaw(part, f"{_spelt(part)} is {kind}, not a number")
        if isinstance(node, tree.Arithmetic) and node.sign in {"/", "//", "%"}:
            self._check_divisor(node.right)
        return Kind.NUMBER if set(kinds) == {Kind.NUMBER} else None

    def _check_divisor(self, node: tree.Node) -> None:
        # A fact could be 0, and a condition never raises.
        if not isinstance(node, tree.Constant) or node.value == 0:
            self._flaw(node, "only constants other than 0 can divide", "multiply the other side instead")

    def _depends(self, *nodes: tree.Node) -> None:
        if not any(_reads_facts(node) for node in nodes):
            self._flaw(nodes[0], "this is the same for every request", slug="expression-constant")

    def _compare(self, node: tree.Compare) -> None:
        self._depends(node.first, *(part for _, part in node.rest))
        if len(node.rest) > 1 and any(operator in _MEMBERSHIP for operator, _ in node.rest):
            self._flaw(node, "'in' cannot be chained with another comparison", "join them with 'and'")
            return
        left = node.first
        for operator, right in node.rest:
            if operator in _MEMBERSHIP:
                self._membership(left, right)
            else:
                self._pair(left, operator, right)
            left = right

    def _membership(self, left: tree.Node, right: tree.Node) -> None:
        if isinstance(right, tree.Listing):
            if not right.items:
                self._flaw(right, "an empty list holds nothing", slug="expression-constant")
            for item in right.items:
                self._pair(left, tree.Operator.EQ, item)
            return
        kind = self._kind(right)
        if isinstance(right, tree.Constant):
            self._flaw(right, f"{_spelt(right)} is {kind}, not a list", f"write [{_spelt(right)}]")
        elif kind not in {None, Kind.TEXTS, Kind.TEXT}:
            self._flaw(right, f"{_spelt(right)} is {kind}: nothing can be in it")
        if self._kind(left) not in {None, Kind.TEXT}:
            self._flaw(left, f"{_spelt(left)} is no text, and only texts can be in {_spelt(right)}")

    def _pair(self, left: tree.Node, operator: tree.Operator, right: tree.Node) -> None:
        kinds = self._kinds(left, right)
        if None in kinds:
            return
        if Kind.TEXTS in kinds:
            self._flaw(left, "a set of texts cannot be compared", "ask whether a text is in it: 'x' in consumer.roles")
        elif kinds[0] != kinds[1]:
            sides = [f"{_spelt(node)} ({kind})" for node, kind in zip((left, right), kinds, strict=True)]
            self._flaw(left, f"{sides[0]} is compared with {sides[1]}")
        elif operator not in _EQUALITY and kinds[0] not in {Kind.NUMBER, Kind.DATE}:
            self._flaw(left, f"{_spelt(left)} is {kinds[0]}, and only numbers and dates have an order")
        else:
            self._check_choice(left, right)
            self._check_choice(right, left)

    def _kinds(self, left: tree.Node, right: tree.Node) -> tuple[Kind | None, Kind | None]:
        first, second = self._kind(left), self._kind(right)
        if first is Kind.DATE:
            second = self._date_kind(right, second)
        elif second is Kind.DATE:
            first = self._date_kind(left, first)
        return first, second

    def _date_kind(self, node: tree.Node, kind: Kind | None) -> Kind | None:
        """The kind of what a date is compared with: a text in quotes can be one."""
        if not isinstance(node, tree.Constant) or kind is not Kind.TEXT:
            return kind
        if _is_date(str(node.value)):
            return Kind.DATE
        self._flaw(node, f"{_spelt(node)} is not a date", "write it like '2026-12-31'")
        return None

    def _check_choice(self, node: tree.Node, other: tree.Node) -> None:
        fact = self._table.get(node.text) if isinstance(node, tree.Name) else None
        if fact and fact.choices and isinstance(other, tree.Constant) and other.value not in fact.choices:
            hint = did_you_mean(str(other.value), fact.choices) or f"one of {', '.join(fact.choices)}"
            self._flaw(other, f"{fact.name} is never {_spelt(other)}", hint)


_COMPARE = {
    Kind.TEXT: "compare it, for instance with ''",
    Kind.NUMBER: "compare it",
    Kind.DATE: "compare it with a date",
    Kind.TEXTS: "ask whether a text is in it",
}


def _constant_kind(node: tree.Constant) -> Kind:
    if isinstance(node.value, bool):
        return Kind.FLAG
    return Kind.TEXT if isinstance(node.value, str) else Kind.NUMBER


def _spelt(node: tree.Node) -> str:
    match node:
        case tree.Name():
            return node.text
        case tree.Keyed():
            return f"{node.of}['{node.key}']"
        case tree.Constant(value=bool() as value):
            return str(value).lower()
        case tree.Constant(value=str() as value):
            return f"'{value}'"
        case tree.Constant():
            return str(node.value)
        case _:
            return "this"


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _reads_facts(node: tree.Node) -> bool:
    return any(isinstance(part, tree.Name | tree.Keyed | tree.Sets) for part in tree.parts(node))
