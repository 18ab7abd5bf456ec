"""What is said about values that are not allowed."""

from decimal import Decimal
from typing import Any

import pytest

from engine.config.sentences import Flaw, sentence, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (Decimal("0.10"), "0.10"),
        ("3 sec", "'3 sec'"),
        ([1], "a list"),
        ({}, "a mapping"),
        ("x" * 100, "'" + "x" * 59 + "…'"),
        ("sk-proj-abcdefghijklmnop0123456789", "'•••'"),
    ],
)
def test_a_value_is_quoted_as_it_was_written(value: object, text: str) -> None:
    """As in the file, but never long and never a secret."""
    assert shown(value) == text


@pytest.mark.parametrize(
    ("rule", "bound", "value", "schema", "said"),
    [
        (
            "type",
            "boolean",
            "on",
            {"type": "boolean"},
            ("wrong-type", "expected true or false, found 'on'", "write true"),
        ),
        (
            "type",
            "array",
            "a",
            {"type": "array"},
            ("wrong-type", "expected a list, found 'a'", "put it into a list: [ … ]"),
        ),
        ("type", "string", 5, {"type": "string"}, ("wrong-type", "expected text, found 5", "quote it: '5'")),
        (
            "type",
            "integer",
            "1e3",
            {"type": "integer"},
            (
                "wrong-type",
                "expected a whole number, found '1e3'",
                "write plain digits without quotes, exponent or leading zero",
            ),
        ),
        (
            "pattern",
            "^x$",
            "3 sec",
            {"x-unit": True, "x-expects": "a duration such as '3s'"},
            ("wrong-unit", "expected a duration such as '3s', found '3 sec'", ""),
        ),
        ("minimum", 1, 0, {}, ("out-of-range", "expected at least 1, found 0", "")),
        (
            "enum",
            ["next", "reject"],
            "nxt",
            {},
            ("unknown-value", "expected one of next, reject, found 'nxt'", "did you mean 'next'?"),
        ),
        (
            "enum",
            ["a"],
            "queue",
            {"x-hints": {"queue": "not yet"}},
            ("unknown-value", "expected a, found 'queue'", "not yet"),
        ),
        ("uniqueItems", True, ["a", "b", "a"], {}, ("repeated-item", "'a' is listed twice", "keep one of them")),
        ("minItems", 1, [], {}, ("too-short", "must not be empty", "")),
        ("not", {}, 1, {"x-why": "no key here"}, ("not-used-here", "no key here", "remove it")),
    ],
)
def test_a_rule_has_its_sentence(
    rule: str, bound: Any, value: Any, schema: dict[str, Any], said: tuple[str, ...]
) -> None:
    """What was expected, what was found, and what to write instead where that is known."""
    assert sentence(Flaw(rule, bound, value, schema)) == said
