"""Documents without what is wrong in them, so that everything else can still be linked, compiled and looked at.

A value that is wrong is left out. Where it is required, what needs it is left out as well, unless a blank can stand in
its place: something that means nothing, so that nothing is said of it.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from engine.config.places import Path, Sparse
from engine.config.schemas import at, schema
from engine.config.tree import Document, Kind

__all__ = ["without_gaps"]

BLANKS: Final[Mapping[Kind, Mapping[Path, Any]]] = {
    Kind.ROUTES: {
        ("models", "*", "targets"): [],
        ("routes", "*", "name"): "",
        ("routes", "*", "match"): {},
        ("routes", "*", "to"): {"targets": []},
        ("routes", "*", "to", "targets"): [],
    },
    Kind.PROVIDER: {
        ("id",): "",
        ("protocol",): "",
        ("models",): {},
        ("models", "*", "price"): "unknown",
        ("quirks", "*", "request"): {},
        ("errors", "*", "is"): "server_error",
    },
    Kind.POLICY: {("access", "anonymous", "models"): []},
    Kind.ROUTING_TEST: {("tests",): []},
}
"""Required values whose absence need not take what surrounds them along; `*` is any key or index."""


class _Cut(NamedTuple):
    """The end of a way through a document: what stands there goes."""

    blank: Any
    """What comes in its place; None for nothing."""


_Cuts = dict[str | int, "_Cuts | _Cut"]
"""The ways to what goes, joined where they run together."""


def without_gaps(document: Document) -> Document:
    """*document* without what stands at its gaps; lists keep the indexes of what is left of them."""
    cuts: _Cuts = {}
    for gap in document.gaps:
        _add(cuts, *_narrowest(document.kind, gap))
    return replace(document, value=_cut(document.value, cuts)) if cuts else document


def _narrowest(kind: Kind, gap: Path) -> tuple[Path, Any]:
    """The least that can go with what stands at *gap*, and what takes its place."""
    path = gap
    while path:
        blank = next((blank for way, blank in BLANKS[kind].items() if _is_along(way, path)), None)
        if blank is not None or path[-1] not in at(schema(kind), path[:-1]).get("required", ()):
            return path, blank
        path = path[:-1]
    return path, None


def _is_along(way: Path, path: Path) -> bool:
    return len(way) == len(path) and all(step in {"*", taken} for step, taken in zip(way, path, strict=True))


def _add(cuts: _Cuts, path: Path, blank: Any) -> None:
    """Put a way into *cuts*; nothing is cut below what goes as a whole."""
    for step in path[:-1]:
        inner = cuts.setdefault(step, {})
        if isinstance(inner, _Cut):
            return
        cuts = inner
    if path:
        cuts[path[-1]] = _Cut(blank)


def _cut(value: Any, cuts: _Cuts) -> Any:
    if isinstance(value, list):
        kept = tuple(n for n in range(len(value)) if not isinstance(cuts.get(n), _Cut))
        return Sparse((_below(value[n], cuts.get(n)) for n in kept), kept)
    if not isinstance(value, dict):
        return value
    left = {key: _below(inner, cuts.get(key)) for key, inner in value.items() if not isinstance(cuts.get(key), _Cut)}
    blanks = {key: cut.blank for key, cut in cuts.items() if isinstance(cut, _Cut) and cut.blank is not None}
    return {**left, **blanks}


def _below(value: Any, cuts: "_Cuts | _Cut | None") -> Any:
    return _cut(value, cuts) if isinstance(cuts, dict) else value
