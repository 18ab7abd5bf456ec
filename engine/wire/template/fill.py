"""Filling templates in: the values that a request gives to the leaves of a shape."""

from collections.abc import Mapping, Sized
from fractions import Fraction
from typing import Any, Final

import msgspec

from engine.hub import Json
from engine.values import Headers
from engine.wire.json_edit import Fields
from engine.wire.template.values import Ask, Each, Leaf, Shape

__all__ = ["fields_of", "headers_of"]


def _plain(value: object) -> int | float:
    """An exact fraction as a JSON number: expressions compute with fractions, which JSON cannot write."""
    assert isinstance(value, Fraction)
    return value.numerator if value.denominator == 1 else float(value)


_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain)
_NOTHING: Final = object()


def fields_of(ask: Ask, asked: Any) -> Fields:
    """The body for *asked*."""
    return {
        name: Json(_ENCODER.encode(value))
        for name, shape in ask.body.items()
        if (value := _filled(shape, asked, None)) is not _NOTHING
    }


def headers_of(ask: Ask, asked: Any) -> Headers:
    """The headers for *asked*, as far as they have a value."""
    said = ((name, leaf.value(asked, None) if isinstance(leaf, Leaf) else leaf) for name, leaf in ask.headers)
    return tuple((name.encode("ascii"), str(value).encode("utf-8")) for name, value in said if value is not None)


def _filled(shape: Shape, asked: Any, message: Any) -> Any:
    """The value of *shape*; `_NOTHING` for a leaf without one, and for whatever consists only of such leaves."""
    match shape:
        case Leaf():
            value = shape.value(asked, message)
            return _NOTHING if value is None else value
        case Each():
            return [_filled(shape.item, asked, each) for each in getattr(asked, shape.of)]
        case Mapping():
            fields = ((name, _filled(inner, asked, message)) for name, inner in shape.items())
            return _kept(shape, {name: value for name, value in fields if value is not _NOTHING})
        case tuple():
            items = (_filled(inner, asked, message) for inner in shape)
            return _kept(shape, [value for value in items if value is not _NOTHING])
        case _:
            return shape


def _kept(shape: Sized, filled: Sized) -> Any:
    """*filled*, or `_NOTHING` if nothing is left of *shape*."""
    return _NOTHING if shape and not filled else filled
