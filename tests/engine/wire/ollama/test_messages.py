import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.ollama.messages import decode_messages, encode_message, encode_messages


def test_content_is_one_text_with_pictures_beside() -> None:
    """Several texts are put together, pictures go in base64."""
    parts = (hub.Text(text="a"), hub.Media(kind="image", data="QUJD"), hub.Refusal(text="b"))
    assert encode_message(parts, []) == {"content": "a\n\nb", "images": ["QUJD"]}


@pytest.mark.parametrize(
    "part",
    [
        hub.Media(kind="image", url="https://example.com/a.png"),
        hub.Media(kind="image", file_id="f-1"),
        hub.Media(kind="audio", data="QUJD"),
        hub.ToolCall(id="a", name="f", arguments="not json"),
        hub.ToolCall(id="a", name="f", arguments="[1]"),
    ],
)
def test_what_cannot_be_carried_is_refused(part: hub.Part) -> None:
    """Content is never left out in silence."""
    with pytest.raises(BadRequest) as refused:
        encode_message((part,), [])
    assert (refused.value.reason, refused.value.param) == ("content_not_supported", "messages")


def test_arguments_are_objects() -> None:
    """Their bytes pass as they are; none are an empty object, and free text is an entry."""
    calls = (
        hub.ToolCall(id="a", name="f", arguments='{"x": 1.0}'),
        hub.ToolCall(id="b", name="g", arguments=""),
        hub.ToolCall(id="c", name="sh", arguments="ls", custom=True),
    )
    written = encode_message(calls, [])["tool_calls"]
    assert [bytes(call["function"]["arguments"]) for call in written] == [b'{"x": 1.0}', b"{}", b'{"input":"ls"}']


def test_results_name_their_tool() -> None:
    """By the name that they have, or else by that of their call."""
    call = hub.Message(role=hub.Role.ASSISTANT, parts=(hub.ToolCall(id="a", name="now", arguments="{}"),))
    results = (
        hub.ToolResult(call_id="a", parts=(hub.Text(text="noon"),)),
        hub.ToolResult(call_id="z", is_error=True),
    )
    dropped: list[str] = []
    _, first, second = encode_messages([call, hub.Message(role=hub.Role.TOOL, parts=results)], dropped)
    assert first == {"role": "tool", "tool_name": "now", "tool_call_id": "a", "content": "noon"}
    assert second == {"role": "tool", "tool_call_id": "z", "content": ""}
    assert dropped == ["is_error"]


def test_results_find_their_call() -> None:
    """By id, by name, or in order; each call is answered once."""
    asked = [{"function": {"name": "f", "arguments": {}}}, {"function": {"name": "g"}}, {"function": {"name": "g"}}]
    raw = msgspec.json.encode(
        [
            {"role": "assistant", "content": "", "tool_calls": asked},
            {"role": "tool", "tool_name": "g", "content": "1"},
            {"role": "tool", "content": "2"},
            {"role": "tool", "tool_call_id": "call_0_2", "content": "3"},
            {"role": "tool", "tool_name": "h", "content": "4"},
        ]
    )
    _, *answers = decode_messages(raw)
    results = [part for message in answers for part in message.parts if isinstance(part, hub.ToolResult)]
    assert [(result.call_id, result.name) for result in results] == [
        ("call_0_1", "g"),
        ("call_0_0", "f"),
        ("call_0_2", "g"),
        ("", "h"),
    ]


def test_what_another_protocol_alone_knows_is_reported() -> None:
    """Foreign parts go by their kind; withheld thoughts go in silence."""
    foreign = hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=hub.Json(b"{}"))
    dropped: list[str] = []
    thought = hub.Thinking(redacted="zz", origin="anthropic")
    message = hub.Message(role=hub.Role.DEVELOPER, parts=(foreign, thought), name="bob")
    assert encode_messages([message], dropped) == [{"role": "system", "content": ""}]
    assert dropped == ["name", "server_tool_use"]


def test_arguments_that_come_as_text() -> None:
    """Look-alikes write them as OpenAI does, or as null."""
    asked = [{"function": {"name": "f", "arguments": '{"x":1}'}}, {"function": {"name": "g", "arguments": None}}]
    (message,) = decode_messages(msgspec.json.encode([{"role": "assistant", "tool_calls": asked}]))
    assert [part.arguments for part in message.parts if isinstance(part, hub.ToolCall)] == ['{"x":1}', "{}"]


def test_a_pictures_type_is_told_by_how_it_begins() -> None:
    """Ollama does not say it, and other protocols need it."""
    raw = msgspec.json.encode([{"role": "user", "content": "", "images": ["iVBORw0KGgo=", "/9j/4AAQ", "QUJD"]}])
    (message,) = decode_messages(raw)
    assert [part.media_type for part in message.parts if isinstance(part, hub.Media)] == ["image/png", "image/jpeg", ""]
