"""Texts with a grammar of their own → what they compile to; a text that does not compile is reported, and is None."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.config.placed import Placed
from engine.config.report import Report
from engine.errors import ExpressionInvalid, OutcomeKind, PatternInvalid
from engine.expr.condition import Condition
from engine.expr.parse import condition as parsed
from engine.rules.match import Globs
from engine.rules.outcomes import TIMEOUTS
from engine.wire.json_edit import Edit

__all__ = ["condition", "edit", "globs", "outcomes"]

_JSON: Final = msgspec.json.Encoder(decimal_format="number")


def condition(at: Placed | None, report: Report, *, quirk: bool = False) -> Condition | None:
    """The condition written at *at*; None also where none is written."""
    if at is None:
        return None
    try:
        return parsed(at.value, at.place, quirk=quirk)
    except ExpressionInvalid as exc:
        report.flaws(at, exc)
        return None


def globs(at: Placed, report: Report) -> Globs | None:
    """The globs of a list, or of one text."""
    texts = tuple(text.value for text in at.each())
    try:
        return Globs(texts)
    except PatternInvalid:
        for text in at.each():
            _check_glob(text, report)
        return None


def _check_glob(at: Placed, report: Report) -> None:
    try:
        Globs((at.value,))
    except PatternInvalid as exc:
        report.flaws(at, exc)


def outcomes(at: Placed) -> frozenset[OutcomeKind]:
    """The kinds that a list of words of the outcome table stands for; `timeout` is all three timeouts."""
    kinds = (TIMEOUTS if word.value == "timeout" else {OutcomeKind(word.value)} for word in at.each())
    return frozenset().union(*kinds)


def edit(at: Placed) -> Edit:
    """The edits of a `request` section, its values encoded."""
    return Edit(
        default=_encoded(at["default"].value),
        set=_encoded(at["set"].value),
        rename=tuple(at["rename"].value.items()),
        drop=tuple(at["drop"].value),
    )


def _encoded(values: Mapping[str, Any]) -> tuple[tuple[str, bytes], ...]:
    return tuple((key, _JSON.encode(value)) for key, value in values.items())
