"""YAML's syntax errors in our words; the whole sentences are in tests/config/bad."""

import pytest

from engine.config.tree import parse


@pytest.mark.parametrize(
    ("text", "slug", "line", "column"),
    [
        ("a: [*@openrouter]", "star-unquoted", 1, 5),
        ("a: *@openrouter", "star-unquoted", 1, 4),
        ("a: [*]", "star-unquoted", 1, 5),
        ("a: {env: ${env:X}}", "reference-unquoted", 1, 10),
        ("a: [gpt-{4o,5}]", "braces-unquoted", 1, 9),
        ("a: [gpt-[45]]", "braces-unquoted", 1, 9),
        ("why: x: y", "colon-in-text", 1, 7),
        ("a: {b: c: d}", "colon-in-text", 1, 9),
        ("a:\n\tb: 1", "tab", 2, 1),
        ("a: 1\n  b: 2", "yaml-syntax", 2, 3),
        ("a: 'x", "yaml-syntax", 1, 6),
        ("a: [1", "yaml-syntax", 1, 6),
        ("a: @x", "yaml-syntax", 1, 4),
        ("a: \x07", "control-character", 1, 4),
        ("a: 1\n---\nb: 1", "second-document", 2, 1),
        ("a: 1\n...\nb: 1", "yaml-syntax", 3, 1),
    ],
)
def test_a_trap_is_told_apart_at_its_place(text: str, slug: str, line: int, column: int) -> None:
    """The usual mistakes have names of their own, and point at the character that is wrong."""
    (problem,) = parse("f.yaml", text.encode())[2]
    assert (problem.slug, problem.place.line, problem.place.column) == (slug, line, column)
    assert problem.hint


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("when: a == 'b'  # why", False),
        ("when: a == 'b #1'", True),
        ("when: f(a #", True),
        ("why: it's so  # yes", False),
        ("when: \"a == 'b #1'\"", False),
    ],
)
def test_only_a_comment_that_cuts_a_condition_is_a_problem(text: str, cut: bool) -> None:
    """An ordinary comment after a condition stays allowed."""
    assert [problem.slug for problem in parse("f.yaml", text.encode())[2]] == ["comment-in-text"] * cut
