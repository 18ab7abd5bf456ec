"""Where problems are: the sentences themselves are in tests/config/bad."""

from collections.abc import Callable

import pytest

from engine.config.build import Built

Build = Callable[..., Built]

RULE = """routes:
  - name: a
    to: support
    match:
      model: support
      when: {}
"""


@pytest.mark.parametrize(
    ("written", "line", "rest"),
    [
        ("request.stream and consumer.team > 5", 6, "consumer.team > 5"),
        ("'request.stream and consumer.team > 5'", 6, "consumer.team > 5'"),
        ('"request.stream  and  consumer.team > 5"', 6, 'consumer.team > 5"'),
        ("request.stream\n        and consumer.team > 5", 7, "consumer.team > 5"),
        ('"request.stream\n\n        and consumer.team > 5"', 8, 'consumer.team > 5"'),
        (">-  # folded\n        request.stream\n        and consumer.team > 5", 8, "consumer.team > 5"),
        ("|2-\n          request.stream and\n         consumer.team > 5", 8, "consumer.team > 5"),
        ("|\n        request.user in ['|', '>'] and\n        consumer.team > 5", 8, "consumer.team > 5"),
        ("request.user == ''\n        and consumer.team", 7, "consumer.team"),
        (">\n        request.stream and (\n\n", 7, ""),
        ("consumer.team > 5 and request.user == ''", 6, "consumer.team > 5 and request.user == ''"),
        ("'consumer.team > 5 and request.user == ''x'''", 6, "consumer.team > 5 and request.user == ''x'''"),
    ],
)
def test_a_flaw_is_where_it_is_written(built: Build, written: str, line: int, rest: str) -> None:
    """However YAML writes a condition, the place is that of the word that is wrong."""
    text = RULE.format(written)
    (problem,) = built({"routes.d/a.yaml": text}).problems
    assert problem.place.line == line
    assert text.splitlines()[line - 1][problem.place.column - 1 :] == rest


@pytest.mark.parametrize("written", ["'request.user == ''x'' and consumer.team > 5'", '"request\\u002estream and 5"'])
def test_a_text_that_is_spelt_otherwise_is_whole(built: Build, written: str) -> None:
    """Behind an escape nobody can count characters, so that the place is the beginning of the condition."""
    (problem,) = built({"routes.d/a.yaml": RULE.format(written)}).problems
    assert (problem.place.line, problem.place.column) == (6, 13)


def test_an_alias_is_where_it_stands(built: Build) -> None:
    """The text itself is at its anchor, which may serve several keys."""
    text = f"x-c: &c consumer.team > 5\n{RULE.format('*c')}"
    (problem,) = built({"routes.d/a.yaml": text}).problems
    assert (problem.place.line, problem.place.column) == (7, 13)
