"""The `template` of a provider file → `wire.template`: shapes with compiled expressions, and paths into answers."""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from engine.config.placed import Placed
from engine.config.report import Report
from engine.errors import ExpressionInvalid, Flaw
from engine.expr.condition import Value
from engine.expr.facts import CHAT_TABLE, MESSAGE_TABLE, PICTURES_TABLE, Fact
from engine.expr.parse import value
from engine.hub import Finish
from engine.wire.template.pointer import Pointer, read
from engine.wire.template.values import Ask, Chat, Each, Leaf, Pictures, Shape, Stream, Template

__all__ = ["template"]

Table = Mapping[str, Fact]

_EXPRESSION: Final = re.compile(r"\{\{(.*)\}\}", re.DOTALL)
_EACH: Final = {"each", "item"}
_LISTS: Final = ("request.messages", "request.turns")
_ASKED: Final = frozenset({"request.prompt", *_LISTS})
"""What a caller says stands in one of them."""


def template(at: Placed, report: Report) -> Template:
    """The template written at *at*."""
    return Template(
        chat=_chat(at["chat"], report) if "chat" in at else None,
        pictures=_pictures(at["pictures"], report) if "pictures" in at else None,
    )


def _chat(at: Placed, report: Report) -> Chat:
    answer = at["answer"]
    usage = _pointers(answer.get("usage"))
    finish = _pointer(answer.get("finish"))
    return Chat(
        ask=_ask(at, CHAT_TABLE, report),
        text=read(answer["text"].value),
        id=_pointer(answer.get("id")),
        finish=finish,
        finishes=MappingProxyType({word: Finish(kind.value) for word, kind in answer["finishes"].items()}),
        usage=usage,
        stream=_stream(at, usage, finish) if "stream" in at else None,
    )


def _stream(at: Placed, usage: Mapping[str, Pointer], finish: Pointer | None) -> Stream:
    stream = at["stream"]
    return Stream(
        path=stream["path"].value if "path" in stream else at["path"].value,
        framing=stream["framing"].value,
        text=read(stream["text"].value),
        finish=_pointer(stream["finish"]) if "finish" in stream else finish,
        usage=_pointers(stream["usage"]) if "usage" in stream else usage,
        end=stream["end"].value,
    )


def _pictures(at: Placed, report: Report) -> Pictures:
    answer = at["answer"]
    return Pictures(
        ask=_ask(at, PICTURES_TABLE, report),
        url=_pointer(answer.get("url")),
        base64=_pointer(answer.get("base64")),
    )


def _ask(at: Placed, table: Table, report: Report) -> Ask:
    compiler = _Compiler(table, report)
    headers = tuple((name.lower(), compiler.leaf(text)) for name, text in at["headers"].items())
    body = {name: compiler.shape(inner) for name, inner in at["body"].items()}
    if compiler.is_whole and not compiler.reads & _ASKED:
        hint = f"read one of {', '.join(sorted(_ASKED))}"
        report.error("says-nothing", at["body"], "the body never says what the caller asked", hint=hint)
    error = at.get("error")
    return Ask(
        path=at["path"].value,
        headers=headers,
        body=MappingProxyType(body),
        reads=frozenset(compiler.reads),
        message=_pointer(error.get("message")) if error else None,
        code=_pointer(error.get("code")) if error else None,
    )


def _pointer(at: Placed | None) -> Pointer | None:
    return None if at is None else read(at.value)


def _pointers(at: Placed | None) -> Mapping[str, Pointer]:
    return MappingProxyType({} if at is None else {name: read(pointer.value) for name, pointer in at.items()})


class _Compiler:
    """Compiles the leaves of one template, and remembers what they read."""

    def __init__(self, table: Table, report: Report) -> None:
        self._table = table
        self._report = report
        self.reads: set[str] = set()
        self.is_whole = True
        """Every expression so far could be compiled."""

    def shape(self, at: Placed, table: Table | None = None) -> Shape:
        """The shape at *at*, over *table* or else the template's; `{each: …, item: …}` is a list over messages."""
        if isinstance(at.value, dict):
            if at.value.keys() == _EACH and self._table is CHAT_TABLE:
                return self._each(at)
            return MappingProxyType({name: self.shape(inner, table) for name, inner in at.items()})
        if isinstance(at.value, list):
            return tuple(self.shape(inner, table) for inner in at.each())
        if isinstance(at.value, str):
            return self.leaf(at, table)
        constant: Decimal | int | bool = at.value
        return constant

    def leaf(self, at: Placed, table: Table | None = None) -> Leaf | str:
        """The text at *at*, or the expression that it is from `{{` to `}}`."""
        text: str = at.value
        if "{{" not in text and "}}" not in text:
            return text
        try:
            compiled = _compiled(text, at, table or self._table)
        except ExpressionInvalid as exc:
            self.is_whole = False
            self._report.flaws(at, exc)
            return text
        self.reads |= compiled.reads
        return Leaf(compiled)

    def _each(self, at: Placed) -> Shape:
        over = at["each"]
        if over.value not in _LISTS:
            self.is_whole = False
            hint = f"one of {', '.join(_LISTS)}"
            self._report.error("unknown-fact", over, f"'{over.value}' is no list of messages", hint=hint)
        self.reads.add(str(over.value))
        return Each("turns" if over.value == "request.turns" else "messages", self.shape(at["item"], MESSAGE_TABLE))


def _compiled(text: str, at: Placed, table: Table) -> Value:
    """The expression that *text* is. Raises ExpressionInvalid."""
    found = _EXPRESSION.fullmatch(text)
    if found is None or "{{" in found[1] or "}}" in found[1]:
        hint = "write the whole text as one {{ … }}"
        message = "an expression stands alone, with nothing before or after it"
        raise ExpressionInvalid(Flaw(slug="expression-syntax", message=message, hint=hint))
    try:
        return value(found[1], at.place, table)
    except ExpressionInvalid as exc:
        by = found.start(1)
        raise ExpressionInvalid(*(replace(flaw, offset=flaw.offset + by) for flaw in exc.flaws)) from exc
