import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.redact import MOST_CHARACTERS, clean


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop123456",
        "sk-ant-REDACTED",
        "gsk_abcdefghijklmnop1234",
        "xai-abcdefghijklmnop1234",
        "csk-abcdefghijklmnop1234",
        "AIzaSyA1234567890abcdefghij",
        "eng_live_abcdefghijklmnop1234",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig",
        "org-abcdefghijklmnop",
    ],
)
def test_credentials_do_not_pass(secret: str) -> None:
    """A provider that repeats a credential or an account id does not show it to our caller."""
    assert clean(f"bad credential {secret} for you") == "bad credential [redacted] for you"


def test_partly_starred_keys_do_not_pass() -> None:
    """OpenAI repeats the wrong key with stars in the middle."""
    told = clean("Incorrect API key provided: bad-key-****test. You can find your API key at https://example.com.")
    assert told == "Incorrect API key provided: [redacted]. You can find your API key at https://example.com."


def test_ordinary_words_pass() -> None:
    """Words that begin like a key are words."""
    told = "the keyboard_interactive_engineering_team asked org for a task-specific model, sk8er"
    assert clean(told) == told


def test_a_page_becomes_its_title() -> None:
    """Of an HTML page only the title is told."""
    page = "<!DOCTYPE html>\n<html><head><style>a{}</style><title>502 Bad\n Gateway</title></head><body>x</body></html>"
    assert clean(page) == "502 Bad Gateway"
    assert clean("<html><body>oops</body></html>") == ""


def test_tags_in_a_message_go() -> None:
    """Markup inside a sentence is taken out."""
    assert clean("see <a href='x'>the &quot;docs&quot;</a>\r\n\x00now") == 'see the "docs" now'


def test_long_messages_are_cut() -> None:
    """Nothing longer than the bound goes on."""
    assert len(clean("a b" * 10_000)) == MOST_CHARACTERS


@given(text=st.text() | st.text(alphabet="<>!-/htmlead key sk-= \n&", max_size=300))
def test_any_text_becomes_one_bounded_line(text: str) -> None:
    """Whatever comes, one line of bounded length without control characters goes on."""
    told = clean(text)
    assert len(told) <= MOST_CHARACTERS
    assert not any(ord(character) < 32 for character in told)


@pytest.mark.parametrize("bomb", ["<html", "<title", "<!--", "bearer ", "provided: ", "sk-", "<a ", "&lt;"])
def test_no_text_takes_long(bomb: str) -> None:
    """Texts made to make patterns run away are cleaned like others (the run's own time limit is the judge)."""
    assert len(clean(bomb * 100_000)) <= MOST_CHARACTERS
