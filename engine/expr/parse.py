"""Conditions, and the expressions of templates, from text. Home of jinja2.

Jinja2's parser reads them; what it returns is cut down to our own tree.

Texts in quotes are taken as they are written, so that a regular expression needs no second backslash: only a
backslash before the closing kind of quote is taken out.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final, NoReturn

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import TOKEN_EOF, TOKEN_FLOAT, TOKEN_INTEGER, TOKEN_STRING, TOKEN_WHITESPACE, TokenStream
from jinja2.parser import Parser

from engine.errors import ExpressionInvalid, Flaw, Place, did_you_mean
from engine.expr import tree
from engine.expr.check import check, check_value
from engine.expr.condition import Condition, Value
from engine.expr.emit import emit, emit_value
from engine.expr.facts import KEYED, QUIRK_TABLE, TABLE, Fact

__all__ = ["condition", "value"]

_LONGEST_TEXT = 8_192
"""Characters; a list of names that is longer belongs into a virtual model."""
_DEEPEST = 64
"""Parts within parts. Each may cost two brackets of Python, which takes 200 within one another."""
_TOO_DEEP = "the condition has too many parts within parts"

_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
"""Plain and short: no count of tokens needs more, and arithmetic on it stays small."""
_WORD = re.compile(r"\w+")

_COMPARISONS: Final = {
    "eq": tree.Operator.EQ,
    "ne": tree.Operator.NE,
    "lt": tree.Operator.LT,
    "lteq": tree.Operator.LE,
    "gt": tree.Operator.GT,
    "gteq": tree.Operator.GE,
    "in": tree.Operator.IN,
    "notin": tree.Operator.NOT_IN,
}

_WRITE_INSTEAD: Final = {"&": "write 'and'", "|": "write 'or'", "=": "write '=='", "!": "write 'not' or '!='"}
_TESTS: Final[Mapping[str, type[tree.Matching | tree.Within]]] = {"matching": tree.Matching, "within": tree.Within}


def condition(text: str, place: Place, *, quirk: bool) -> Condition:
    """The condition that *text* says, over the facts of rules, and those of quirks if *quirk* is set.

    Raises:
        ExpressionInvalid: it is outside the grammar, or `check` has found flaws; each with its offset in *text*.
    """
    table = QUIRK_TABLE if quirk else TABLE
    root = _node(_parsed(text))
    flaws = check(root, table)
    if flaws:
        raise ExpressionInvalid(*flaws)
    return emit(root, table, text, place)


def value(text: str, place: Place, table: Mapping[str, Fact]) -> Value:
    """The value that *text*, an expression of a template, says over the facts of *table*.

    Raises:
        ExpressionInvalid: as `condition`.
    """
    root = _choice(_parsed(text))
    flaws = check_value(root, table)
    if flaws:
        raise ExpressionInvalid(*flaws)
    return emit_value(root, table, text, place)


class _Environment(Environment):
    """Reads tokens with their offset where Jinja2 keeps the line: nodes then know their column."""

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        tokens = self.lexer.tokeniter(source, name, filename, state)
        return TokenStream(self.lexer.wrap(_placed(tokens), name, filename), name, filename)


_ENVIRONMENT: Final = _Environment()


def _placed(tokens: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    """Each token with its offset, and an end that has one too."""
    offset, before = 0, ""
    try:
        for _, kind, text in tokens:
            if kind == before == TOKEN_STRING:
                _refuse(offset, "two texts follow one another", "write a comma between them")
            yield offset, kind, _token(offset, kind, text)
            offset += len(text)
            before = before if kind == TOKEN_WHITESPACE else kind
    except TemplateSyntaxError as exc:
        raise TemplateSyntaxError(exc.message or "", offset) from exc
    yield offset, TOKEN_EOF, ""


def _token(offset: int, kind: str, text: str) -> str:
    """A token as Jinja2's lexer is to take it."""
    if kind == TOKEN_STRING:
        quote = text[0]
        body = text[1:-1].replace(f"\\{quote}", quote)
        return quote + body.replace("\\", "\\\\") + quote
    if kind in {TOKEN_INTEGER, TOKEN_FLOAT} and not _NUMBER.fullmatch(text):
        _refuse(offset, f"'{text}' is not a number of at most 12 digits and 6 decimal places")
    return text


def _parsed(text: str) -> nodes.Node:
    if len(text) > _LONGEST_TEXT:
        _refuse(0, f"the condition is longer than {_LONGEST_TEXT} characters")
    try:
        parser = Parser(_ENVIRONMENT, text, state="variable")
        root = parser.parse_expression()
    except TemplateSyntaxError as exc:
        _refuse_unread(text, exc.lineno)
    except RecursionError:
        _refuse(0, _TOO_DEEP)
    if not parser.stream.eos:
        _refuse_unread(text, parser.stream.current.lineno)
    _check_depth(root)
    return root


def _check_depth(root: nodes.Node) -> None:
    level = [root]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in node.iter_child_nodes()]
    if level:
        _refuse(0, _TOO_DEEP, "a list after 'in' says in one part what many 'or' say")


def _refuse_unread(text: str, offset: int) -> NoReturn:
    """What the parser could not read, in our words."""
    rest = text[offset:].lstrip()
    offset = len(text) - len(rest)
    if not rest:
        _refuse(offset, "the condition ends too early")
    if rest[0] in "'\"":
        _refuse(offset, "the quote that opens here is not closed, or stands where no text can")
    word = _WORD.match(rest)
    _refuse(offset, f"'{word[0] if word else rest[0]}' cannot stand here", _WRITE_INSTEAD.get(rest[0], ""))


def _refuse(offset: int, message: str, hint: str = "", slug: str = "expression-syntax") -> NoReturn:
    raise ExpressionInvalid(Flaw(slug=slug, message=message, offset=offset, hint=hint))


def _node(node: nodes.Node) -> tree.Node:
    return _READERS.get(type(node), _unsupported)(node)


def _choice(node: nodes.Node) -> tree.Node | tree.Choice:
    """The same where the outermost parts may be `… if … else …`."""
    if not isinstance(node, nodes.CondExpr):
        return _node(node)
    if node.expr2 is None:
        _refuse(_start(node), "'if' needs an 'else'", "write … if … else …")
    return tree.Choice(_start(node), _node(node.test), _choice(node.expr1), _choice(node.expr2))


def _unsupported(node: nodes.Node) -> NoReturn:
    message, hint = _UNSUPPORTED.get(type(node), ("this is not part of conditions", ""))
    _refuse(_start(node), message, hint, "expression-unsupported")


def _start(node: nodes.Node) -> int:
    """The offset of the first token of *node*; Jinja2 itself remembers a later one for some."""
    return min([node.lineno, *map(_start, node.iter_child_nodes(exclude=("ops",)))])


def _name(node: nodes.Name | nodes.Getattr) -> tree.Name:
    inner: nodes.Node = node
    parts: list[str] = []
    while isinstance(inner, nodes.Getattr):
        parts.insert(0, inner.attr)
        inner = inner.node
    if not isinstance(inner, nodes.Name):
        _unsupported(inner)
    return tree.Name(inner.lineno, ".".join([inner.name, *parts]))


def _keyed(node: nodes.Getitem) -> tree.Keyed:
    of, key = node.node, _text(node.arg)
    if not isinstance(of, nodes.Name) or of.name not in KEYED:
        _refuse(
            _start(node), "only headers['…'] and metadata['…'] are looked up by a key", "", "expression-unsupported"
        )
    if not key:
        _refuse(_start(node), f"{of.name} is looked up by a text in quotes", f"write {of.name}['…']")
    return tree.Keyed(of.lineno, of.name, key.value)


def _text(node: nodes.Node) -> tree.Text | None:
    """*node* as a text in quotes that is not empty; None when it is anything else."""
    value = node.value if isinstance(node, nodes.Const) else None
    return tree.Text(node.lineno, value) if value and isinstance(value, str) else None


def _constant(node: nodes.Const) -> tree.Constant:
    value = node.value
    if value is None:
        _refuse(node.lineno, "there is no null", "an absent text is ''; request.sets('…') asks what was sent")
    return tree.Constant(node.lineno, Fraction(repr(value)) if isinstance(value, float) else value)


def _listing(node: nodes.List | nodes.Tuple) -> tree.Listing:
    items = [_node(item) for item in node.items]
    odd = next((item for item in items if not isinstance(item, tree.Constant)), None)
    if odd:
        _refuse(odd.at, "a list holds constants only", "compare with '==' and 'or'", "expression-unsupported")
    return tree.Listing(node.lineno, tuple(item for item in items if isinstance(item, tree.Constant)))


def _compare(node: nodes.Compare) -> tree.Compare:
    first = _node(node.expr)
    rest = tuple((_COMPARISONS[operand.op], _node(operand.expr)) for operand in node.ops)
    return tree.Compare(first.at, first, rest)


def _logic(node: nodes.And | nodes.Or) -> tree.Logic:
    left = _node(node.left)
    return tree.Logic(left.at, "and" if isinstance(node, nodes.And) else "or", left, _node(node.right))


def _not(node: nodes.Not) -> tree.Not:
    part = _node(node.node)
    return tree.Not(min(node.lineno, part.at), part)


def _arithmetic(node: Any) -> tree.Arithmetic:
    left = _node(node.left)
    return tree.Arithmetic(left.at, _SIGNS[type(node)], left, _node(node.right))


def _negative(node: nodes.Neg) -> tree.Negative:
    return tree.Negative(node.lineno, _node(node.node))


def _positive(node: nodes.Pos) -> tree.Node:
    return tree.Arithmetic(node.lineno, "+", tree.Constant(node.lineno, 0), _node(node.node))


def _test(node: nodes.Test) -> tree.Matching | tree.Within:
    part = _node(node.node)
    if node.name not in _TESTS:
        hint = did_you_mean(node.name, _TESTS) or "there are 'is matching(…)' and 'is within(…)'"
        _refuse(node.lineno, f"unknown test '{node.name}'", hint, "expression-unsupported")
    argument = _only_text(node)
    if not argument:
        _refuse(node.lineno, f"'is {node.name}' takes one text in quotes", f"write {node.name}('…')")
    return _TESTS[node.name](part.at, part, argument)


def _only_text(node: nodes.Test | nodes.Call) -> tree.Text | None:
    plain = len(node.args) == 1 and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
    return _text(node.args[0]) if plain else None


def _call(node: nodes.Call) -> tree.Sets:
    called = node.node
    if not isinstance(called, nodes.Getattr) or _name(called).text != "request.sets":
        _refuse(_start(node), "only request.sets('…') can be called", "", "expression-unsupported")
    path = _only_text(node)
    if not path or not all(path.value.split(".")):
        _refuse(_start(node), "request.sets takes one dotted path in quotes", "write request.sets('tools')")
    return tree.Sets(_start(node), path.value)


_SIGNS: Final[Mapping[type[nodes.Node], tree.Sign]] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
}

_READERS: Final[Mapping[type[nodes.Node], Callable[[Any], tree.Node]]] = {
    nodes.Name: _name,
    nodes.Getattr: _name,
    nodes.Getitem: _keyed,
    nodes.Const: _constant,
    nodes.List: _listing,
    nodes.Tuple: _listing,
    nodes.Compare: _compare,
    nodes.And: _logic,
    nodes.Or: _logic,
    nodes.Not: _not,
    nodes.Neg: _negative,
    nodes.Pos: _positive,
    nodes.Test: _test,
    nodes.Call: _call,
    **dict.fromkeys(_SIGNS, _arithmetic),
}

_UNSUPPORTED: Final[Mapping[type[nodes.Node], tuple[str, str]]] = {
    nodes.Filter: ("filters are not part of conditions", ""),
    nodes.CondExpr: ("'if' is not part of conditions", "write 'and' and 'or'"),
    nodes.Concat: ("texts cannot be joined", ""),
    nodes.Pow: ("powers are not part of conditions", ""),
    nodes.Dict: ("mappings are not part of conditions", ""),
}
