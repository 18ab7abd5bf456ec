from typing import Any

import pytest

from engine.config.places import Places
from engine.config.tree import Document, Kind
from engine.config.validation import findings

SPOT = ("routes.yaml", 1, 1)


def found(value: dict[str, Any]) -> list[tuple[str, tuple[tuple[str | int, ...], ...]]]:
    document = Document("routes.yaml", Kind.ROUTES, value, Places((SPOT, SPOT, {})))
    return [(finding.problem.slug, finding.gaps) for finding in findings(document)]


@pytest.mark.parametrize(
    ("value", "slug", "gaps"),
    [
        ({"version": "1"}, "wrong-type", [("version",)]),
        ({"models": {"a": {"targets": ["b"], "stratgy": "x"}}}, "unknown-key", [("models", "a", "stratgy")]),
        ({"models": {"a": {"description": "x"}}}, "missing-key", [("models", "a", "targets")]),
        ({"defaults": {"providers": ["a", "a"]}}, "repeated-item", [("defaults", "providers", 1)]),
    ],
)
def test_a_finding_says_what_it_leaves_open(value: dict[str, Any], slug: str, gaps: list[tuple[Any, ...]]) -> None:
    """What is wrong, or missing, is a gap of the document; so is the key that a misspelt one was meant for."""
    ((known, where),) = found(value)
    assert known == slug
    assert list(where[: len(gaps)]) == gaps
    assert (("models", "a", "strategy") in where) is (slug == "unknown-key")


def test_what_was_right_elsewhere_is_looked_at_here() -> None:
    """A value that one key may have is no value for another, in whatever order they are read."""
    right = {"models": {"a": {"targets": ["b"], "retry": {"attempts": 2}, "description": "2"}}}
    wrong = {"models": {"a": {"targets": ["b"], "retry": {"attempts": "2"}, "description": 2}}}
    for _ in range(2):
        assert found(right) == []
        assert [slug for slug, _ in found(wrong)] == ["wrong-type", "wrong-type"]
