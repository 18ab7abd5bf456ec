"""Secrets in files: found, and never repeated."""

import pytest

from engine.config.leaks import leaks, printable, redacted, redacted_line

KEYS = [
    "sk-proj-abcdefghijklmnop0123456789",
    "sk-ant-api03-abcdefghijklmnop0123456789",
    "sk-or-v1-abcdefghijklmnop0123456789",
    "gsk_abcdefghijklmnop0123456789",
    "xai-abcdefghijklmnop0123456789",
    "csk-abcdefghijklmnop0123456789",
    "AIzaSyabcdefghijklmnop0123456789ABCDEFG",
    "AKIAABCDEFGHIJKLMNOP",
    "ghp_abcdefghijklmnop0123456789ABCDEF",
    "hf_abcdefghijklmnop0123456789",
    "eng_live_" + "a" * 43,
    "-----BEGIN RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_vendors_key_is_found_anywhere(key: str) -> None:
    """In a value, in a key or in a comment, at its place and without being printed."""
    (problem,) = leaks("f.yaml", f"a: 1\n# was {key}\n".encode())
    assert (problem.slug, problem.place.line, problem.place.column) == ("leaked-secret", 2, 7)
    assert key not in repr(problem)
    assert key not in redacted(f"x {key} y")


@pytest.mark.parametrize("text", ["task-force-abcdefghijklmnop", "risk-assessment-of-everything", "${env:SK_LIVE}"])
def test_ordinary_words_are_not_secrets(text: str) -> None:
    """A check that cries wolf is switched off."""
    assert not list(leaks("f.yaml", text.encode()))
    assert redacted_line(text) == text


@pytest.mark.parametrize(
    "written", ["secret: abc", "{secret: abc, weight: 1}", "secret: 'abc'", 'secret: "abc d"', "session: abc"]
)
def test_a_literal_beside_secret_is_hidden(written: str) -> None:
    """Whatever else is wrong in a line, what stands for a secret is not shown."""
    assert "abc" not in redacted_line(written)


def test_a_reference_is_shown() -> None:
    """A reference is no secret."""
    assert redacted_line('secret: "${env:A}"') == 'secret: "${env:A}"'


def test_nothing_moves_the_cursor() -> None:
    """A file cannot write escape sequences to the terminal of whoever checks it."""
    assert printable("a\tb\x1b[2J") == "a b\N{REPLACEMENT CHARACTER}[2J"
