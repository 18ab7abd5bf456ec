from typing import Any

import pytest

from engine import hub
from engine.wire.openai_chat.reasoning import format_of, read_details, read_thoughts, write_thoughts

CLAUDE = {"format": "anthropic-claude-v1"}


def thoughts(words: str, *details: Any) -> list[hub.Part]:
    return read_thoughts(words, read_details(list(details)))


@pytest.mark.parametrize(
    ("words", "details", "read"),
    [
        ("hm", [], [hub.Thinking(text="hm")]),
        ("hm", [{"text": "hm", "format": "unknown"}], [hub.Thinking(text="hm")]),
        ("hm", [{"signature": "s", **CLAUDE}], [hub.Thinking(text="hm", signature="s", origin="anthropic")]),
        (
            "ab",
            [{"text": "a", "signature": "s", **CLAUDE}, {"text": "b", "signature": "t", **CLAUDE}],
            [
                hub.Thinking(text="a", signature="s", origin="anthropic"),
                hub.Thinking(text="b", signature="t", origin="anthropic"),
            ],
        ),
        ("", [{"text": "a"}, {"text": "b"}], [hub.Thinking(text="ab")]),
        (
            "hm",
            [{"data": "red", **CLAUDE}],
            [hub.Thinking(text="hm"), hub.Thinking(redacted="red", origin="anthropic")],
        ),
        (
            "",
            [{"summary": "s", "id": "rs"}, {"data": "e", "id": "rs", "format": "openai-responses-v1"}],
            [hub.Thinking(text="s", signature="e", origin="openai-responses", id="rs")],
        ),
        (
            "",
            [{"data": "e", "id": "rs", "format": "xai-responses-v1"}],
            [hub.Thinking(redacted="e", origin="xai-responses-v1", id="rs")],
        ),
        ("", [5, {}, {"text": 5}, {"text": None, "format": None}], []),
    ],
)
def test_words_and_details_tell_one_thing(words: str, details: list[Any], read: list[hub.Part]) -> None:
    """Words count where the details have none; a signature closes the words before it."""
    assert thoughts(words, *details) == read


@pytest.mark.parametrize("details", [None, 5, "x", {}])
def test_details_of_another_shape_say_nothing(details: object) -> None:
    """They are an extension; nobody promised their shape."""
    assert list(read_details(details)) == []


def test_words_alone_need_no_details() -> None:
    """Most look-alikes know only the words."""
    assert write_thoughts([hub.Thinking(text="a"), hub.Thinking(text="b")]) == {"reasoning_content": "ab"}
    assert write_thoughts([]) == {}


def test_a_format_that_nobody_knows_is_its_own_origin() -> None:
    """So it comes back, and no protocol takes its signature for its own."""
    assert format_of("xai-responses-v1") == "xai-responses-v1"
    assert [format_of(origin) for origin in ("anthropic", "gemini", "")] == [
        "anthropic-claude-v1",
        "google-gemini-v1",
        "unknown",
    ]
