from typing import Any

import pytest

from engine.config.gaps import without_gaps
from engine.config.places import Path, Places, Sparse
from engine.config.tree import Document, Kind

SPOT = ("f.yaml", 1, 1)


def left(kind: Kind, value: Any, *gaps: Path) -> Any:
    return without_gaps(Document("f.yaml", kind, value, Places((SPOT, SPOT, {})), gaps)).value


def test_without_gaps_nothing_changes() -> None:
    """A sound document is left as it is, not copied."""
    document = Document("f.yaml", Kind.ROUTES, {"aliases": {}}, Places((SPOT, SPOT, {})))
    assert without_gaps(document) is document


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (("models", "a", "deadline"), {"models": {"a": {"targets": ["b"]}}}),
        (("models", "a", "targets"), {"models": {"a": {"targets": [], "deadline": 5}}}),
        (("models", "a"), {"models": {}}),
        (("models", "a", "?"), {"models": {"a": {"targets": ["b"], "deadline": 5}}}),
        ((), {"models": {"a": {"targets": ["b"], "deadline": 5}}}),
    ],
)
def test_as_little_goes_as_can(gap: Path, expected: Any) -> None:
    """An optional value goes alone; a blank takes the place of a required one; a key without name takes nothing."""
    assert left(Kind.ROUTES, {"models": {"a": {"targets": ["b"], "deadline": 5}}}, gap) == expected


def test_what_cannot_do_without_goes_too() -> None:
    """A key of a provider without its secret is no key."""
    value = {"auth": {"scheme": "bearer", "keys": {"a": {"secret": 5, "weight": 2}, "b": {"secret": "x"}}}}
    kept = left(Kind.PROVIDER, value, ("auth", "keys", "a", "secret"), ("auth", "keys", "a", "weight"))
    assert kept == {"auth": {"scheme": "bearer", "keys": {"b": {"secret": "x"}}}}


def test_items_remember_their_index() -> None:
    """A list without some of its items knows where the others are written."""
    kept = left(Kind.PROVIDER, {"forward_headers": ["a", 5, "c"]}, ("forward_headers", 1))["forward_headers"]
    assert isinstance(kept, Sparse)
    assert (list(kept), kept.indexes) == (["a", "c"], (0, 2))
