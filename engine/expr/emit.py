"""Python code for a condition that `check` has found good."""

from collections.abc import Mapping
from fractions import Fraction
from types import CodeType

from engine.errors import Place
from engine.expr import tree
from engine.expr.condition import Condition, Constant, Value
from engine.expr.facts import Fact, keyed
from engine.expr.network import Network
from engine.expr.regex import Regex

__all__ = ["emit", "emit_value"]

_NEGATED = {tree.Operator.NE, tree.Operator.NOT_IN}


def emit(root: tree.Node, table: Mapping[str, Fact], text: str, place: Place) -> Condition:
    """The condition that *root* says, compiled."""
    emitter = _Emitter(table)
    code = emitter.function("f, c, sets, o", emitter.code(root))
    return Condition(text, place, code, frozenset(emitter.reads), tuple(emitter.constants))


def emit_value(root: tree.Node | tree.Choice, table: Mapping[str, Fact], text: str, place: Place) -> Value:
    """The expression of a template that *root* says, compiled."""
    emitter = _Emitter(table)
    code = emitter.function("a, m", emitter.value(root))
    return Value(text, place, code, frozenset(emitter.reads), tuple(emitter.constants))


class _Emitter:
    """Writes code; collects the constants and the facts that it needs."""

    def __init__(self, table: Mapping[str, Fact]) -> None:
        self._table = table
        self.constants: list[Constant] = []
        self.reads: set[str] = set()

    def code(self, node: tree.Node) -> str:
        """An expression over `f`, `c`, `sets`, `o` and the constants."""
        match node:
            case tree.Name():
                return self._fact(self._table[node.text])
            case tree.Keyed():
                return self._fact(keyed(node.of, node.key))
            case tree.Constant():
                return self._literal(node.value)
            case tree.Listing():
                return "{" + ", ".join(self.code(item) for item in node.items) + "}"
            case tree.Arithmetic() | tree.Negative():
                return self._number(node)
            case _:
                return self._flag(node)

    def function(self, arguments: str, body: str) -> CodeType:
        """The code of a function of *arguments*, and of the constants so far, that returns *body*."""
        names = "".join(f", k{number}" for number in range(len(self.constants)))
        module = compile(f"lambda {arguments}{names}: {body}", "<expression>", "eval")
        return next(constant for constant in module.co_consts if isinstance(constant, CodeType))

    def value(self, node: tree.Node | tree.Choice) -> str:
        """The same over `a`, `m` and the constants: None where a number that is reckoned with is absent."""
        if isinstance(node, tree.Choice):
            return f"({self.value(node.then)} if {self.code(node.test)} else {self.value(node.other)})"
        code = self.code(node)
        if isinstance(node, tree.Arithmetic | tree.Negative) and (absent := self._optional(node)):
            tests = " or ".join(f"{fact} is None" for fact in absent)
            return f"(None if {tests} else {code})"
        return code

    def _flag(self, node: tree.Flag) -> str:
        match node:
            case tree.Compare():
                return self._compare(node)
            case tree.Logic():
                return f"({self.code(node.left)} {node.word} {self.code(node.right)})"
            case tree.Not():
                return f"(not {self.code(node.part)})"
            case tree.Matching():
                return f"{self._constant(Regex(node.pattern.value))}.search({self.code(node.part)})"
            case tree.Within():
                return f"{self._constant(Network(node.network.value))}.holds({self.code(node.part)})"
            case tree.Sets():
                self.reads.add(f"request.sets({node.path!r})")
                return f"sets({node.path!r})"

    def _fact(self, fact: Fact) -> str:
        self.reads.add(fact.name)
        return fact.code

    def _literal(self, value: str | int | Fraction | bool) -> str:
        return self._constant(value) if isinstance(value, Fraction) else repr(value)

    def _constant(self, value: Constant) -> str:
        self.constants.append(value)
        return f"k{len(self.constants) - 1}"

    def _number(self, node: tree.Arithmetic | tree.Negative) -> str:
        if isinstance(node, tree.Negative):
            return f"(-{self.code(node.part)})"
        if node.sign == "/" and isinstance(node.right, tree.Constant):
            # Exact, where dividing would go through a float that large numbers overflow.
            share = self._constant(1 / Fraction(node.right.value))
            return f"({self.code(node.left)} * {share})"
        return f"({self.code(node.left)} {node.sign} {self.code(node.right)})"

    def _compare(self, node: tree.Compare) -> str:
        """A comparison that absent facts make false, or true where it asks for a difference."""
        rest = "".join(f" {operator} {self.code(part)}" for operator, part in node.rest)
        comparison = f"({self.code(node.first)}{rest})"
        negated = len(node.rest) == 1 and node.rest[0][0] in _NEGATED
        for absent in self._optional(node):
            comparison = (
                f"({absent} is None or {comparison})" if negated else f"({absent} is not None and {comparison})"
            )
        return comparison

    def _optional(self, node: tree.Node) -> list[str]:
        names = {part.text for part in tree.parts(node) if isinstance(part, tree.Name)}
        return sorted(self._table[name].code for name in names if self._table[name].optional)
