import pickle

import pytest

from engine.errors import PatternInvalid
from engine.expr.regex import Regex


def test_a_pattern_is_searched_for_anywhere_in_text_and_bytes() -> None:
    """One pattern serves facts, which are texts, and error bodies, which are bytes."""
    regex = Regex("qwen-?3")
    assert regex.search("qwen/qwen-3-32b")
    assert regex.search(b'{"model": "qwen3"}')
    assert not regex.search("qwen/qwen-2")


@pytest.mark.parametrize("text", ["\ud800", "é", "\x00"])
def test_no_text_makes_a_search_fail(text: str) -> None:
    """A search answers on every text that Python can hold, lone surrogates and bytes outside UTF-8 included."""
    assert not Regex("qwen").search(text)
    assert not Regex("qwen").search(b"\xff\xfe")


def test_patterns_are_equal_by_text_and_travel_between_processes() -> None:
    """A pattern can be compared, hashed and pickled, which a compiled google-re2 object cannot."""
    regex = Regex("a|b")
    copy = pickle.loads(pickle.dumps(regex))
    assert {regex, copy} == {Regex("a|b")}
    assert copy.search("xb")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a(", "regular expression 'a(' cannot be used: missing ): a(", ""),
        ("a(?=b)", "regular expression 'a(?=b)' cannot be used: invalid perl operator: (?=", "there is no look-around"),
        (r"(a)\1", r"regular expression '(a)\1' cannot be used: invalid escape sequence: \1", ""),
    ],
)
def test_a_pattern_that_google_re2_refuses_is_a_flaw(text: str, message: str, hint: str) -> None:
    """The reason is given in words, and nothing is printed by the library itself."""
    with pytest.raises(PatternInvalid) as caught:
        Regex(text)
    assert [(flaw.slug, flaw.message, flaw.hint) for flaw in caught.value.flaws] == [("bad-regex", message, hint)]


def test_a_pattern_that_hangs_other_engines_answers_at_once() -> None:
    """Nested repetition costs time in proportion to the text."""
    assert not Regex("(a+)+$").search("a" * 50_000 + "b")
