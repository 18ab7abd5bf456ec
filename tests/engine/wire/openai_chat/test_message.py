from typing import Any

import msgspec
import pytest

from engine import hub
from engine.wire.openai_chat.message import CallNames, Said, read_assistant, write_assistant

SIGNED = {"google": {"thought_signature": "s"}}


def read(**message: Any) -> tuple[hub.Part, ...]:
    return read_assistant(msgspec.convert(message, Said), CallNames("r"))


def call(**more: Any) -> dict[str, Any]:
    return {"id": "a", "function": {"name": "f", "arguments": "{}"}} | more


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        (
            {"tool_calls": [call()], "extra_content": SIGNED},
            (hub.ToolCall(id="a", name="f", arguments="{}", signature="s"),),
        ),
        ({"content": "a", "extra_content": SIGNED}, (hub.Text(text="a", signature="s"),)),
        ({"content": "", "extra_content": SIGNED}, (hub.Text(text="", signature="s"),)),
        ({"extra_content": {"google": 5}}, ()),
        ({"audio": {"transcript": "hi", "data": "QUJD"}}, (hub.Text(text="hi"), hub.Media(kind="audio", data="QUJD"))),
        ({"content": "a", "audio": {"transcript": "hi"}}, (hub.Text(text="a"),)),
        ({"audio": {"id": "", "data": "", "transcript": ""}}, ()),
        (
            {"images": [{"type": "image_url", "image_url": {"url": "https://a.example"}}, 5]},
            (hub.Media(kind="image", url="https://a.example"),),
        ),
        ({"images": 5, "annotations": 5, "reasoning_details": 5}, ()),
        ({"reasoning": "hm"}, (hub.Thinking(text="hm"),)),
        ({"reasoning": {"odd": 1}}, ()),
        ({"reasoning_content": "a", "reasoning": "a"}, (hub.Thinking(text="a"),)),
        ({"function_call": {"name": "f", "arguments": "1"}}, (hub.ToolCall(id="call_r_0", name="f", arguments="1"),)),
        ({"function_call": {"name": "", "arguments": ""}}, ()),
        (
            {"annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.example"}}]},
            (hub.Text(text="", citations=(hub.Citation(url="https://a.example"),)),),
        ),
    ],
)
def test_what_a_message_says(message: dict[str, Any], parts: tuple[hub.Part, ...]) -> None:
    """Each look-alike's way of saying it, and nothing where there is nothing."""
    assert read(**message) == parts


def test_geminis_signature_of_a_call_comes_by_openrouter_as_a_detail() -> None:
    """It is the call's, by its id, and no reasoning of its own."""
    detail = {"type": "reasoning.encrypted", "data": "s", "format": "google-gemini-v1", "id": "a"}
    assert read(reasoning_details=[detail], tool_calls=[call()]) == (
        hub.ToolCall(id="a", name="f", arguments="{}", signature="s"),
    )


def test_content_is_null_beside_what_needs_none() -> None:
    """And empty where nothing is said at all, since the key must be there."""
    assert write_assistant([])["content"] == ""
    assert write_assistant([hub.ToolCall(id="a", name="f", arguments="")])["content"] is None
    assert write_assistant([hub.Refusal(text="no")])["content"] is None


def test_a_call_without_arguments_has_an_empty_object() -> None:
    """Some providers parse what they are sent."""
    (written,) = write_assistant([hub.ToolCall(id="a", name="f", arguments="")])["tool_calls"]
    assert written["function"]["arguments"] == "{}"


def test_made_up_ids_avoid_those_that_are_there() -> None:
    """A provider may be a gateway that makes them up as we do."""
    names = CallNames("r")
    assert [names(given, "f") for given in ("call_r_1", "", "call_r_1")] == ["call_r_1", "call_r_2", "call_r_3"]
