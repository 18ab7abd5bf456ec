import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.cohere.messages import decode_messages, encode_message, encode_messages


def user(*parts: hub.Part) -> hub.Message:
    return hub.Message(role=hub.Role.USER, parts=parts)


def test_a_lone_text_is_a_string() -> None:
    """Simple messages look as in the documentation, and developers speak as the system."""
    developer = hub.Message(role=hub.Role.DEVELOPER, parts=(hub.Text(text="Be brief."),))
    assert encode_messages([developer, user(hub.Text(text="Hi"))], []) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]


@pytest.mark.parametrize(
    "part",
    [
        hub.Media(kind="audio", data="QUJD", media_type="audio/wav"),
        hub.Media(kind="file", data="QUJD", media_type="application/pdf"),
        hub.Media(kind="image", file_id="f-1"),
        hub.Media(kind="video", url="https://example.com/v.mp4"),
    ],
)
def test_what_cannot_be_carried_is_refused(part: hub.Part) -> None:
    """Content is never left out in silence."""
    with pytest.raises(BadRequest) as refused:
        encode_messages([user(part)], [])
    assert (refused.value.reason, refused.value.param) == ("content_not_supported", "messages")


def test_a_picture_in_a_tools_result_is_refused() -> None:
    """Results are text and documents."""
    result = hub.ToolResult(call_id="c", parts=(hub.Media(kind="image", data="QUJD"),))
    with pytest.raises(BadRequest, match="image in a tool's result"):
        encode_messages([hub.Message(role=hub.Role.TOOL, parts=(result,))], [])


def test_results_become_messages_of_their_own() -> None:
    """Two results in one turn are two messages; several texts stay apart."""
    results = (
        hub.ToolResult(call_id="a", parts=(hub.Text(text="1"),)),
        hub.ToolResult(call_id="b", parts=(hub.Text(text="2"), hub.Text(text="3")), is_error=True),
    )
    dropped: list[str] = []
    assert encode_messages([hub.Message(role=hub.Role.TOOL, parts=results)], dropped) == [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "3"}],
        },
    ]
    assert dropped == ["is_error"]


def test_a_results_tool_is_known_by_its_call() -> None:
    """Cohere sends no name with a result; it is that of the call."""
    raw = msgspec.json.encode(
        [
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "now"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "noon"},
        ]
    )
    call, result = decode_messages(raw)
    assert call.parts == (hub.ToolCall(id="a", name="now", arguments="{}"),)
    assert result.parts == (hub.ToolResult(call_id="a", name="now", parts=(hub.Text(text="noon"),)),)


def test_a_thought_before_calls_is_their_plan() -> None:
    """Only reasoning models take thoughts as content, but all take a plan; withheld thoughts are left out."""
    thought = hub.Thinking(text="Look.", signature="x", origin="anthropic")
    call = hub.ToolCall(id="a", name="now", arguments="")
    said = encode_message((thought, hub.Thinking(redacted="zz", origin="anthropic"), call), [])
    assert said == {
        "tool_plan": "Look.",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "now", "arguments": "{}"}}],
    }
    assert encode_message((thought, hub.Text(text="Hi")), []) == {
        "content": [{"type": "thinking", "thinking": "Look."}, {"type": "text", "text": "Hi"}]
    }


def test_free_text_of_a_custom_tool_becomes_an_argument() -> None:
    """Arguments are JSON for Cohere."""
    said = encode_message((hub.ToolCall(id="a", name="sh", arguments="ls", custom=True),), [])
    assert said["tool_calls"][0]["function"]["arguments"] == '{"input":"ls"}'


def test_what_another_protocol_alone_knows_is_reported() -> None:
    """Foreign parts go by their kind, participants' names by theirs."""
    part = hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=hub.Json(b"{}"))
    dropped: list[str] = []
    message = hub.Message(role=hub.Role.USER, parts=(part, hub.Text(text="Hi")), name="bob")
    assert encode_messages([message], dropped) == [{"role": "user", "content": "Hi"}]
    assert dropped == ["name", "server_tool_use"]


def test_a_picture_comes_as_address_or_object() -> None:
    """Both spellings of `image_url` are read; data is taken apart."""
    blocks = [
        {"type": "image_url", "image_url": "https://example.com/a.png"},
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,QUJD"}},
    ]
    (message,) = decode_messages(msgspec.json.encode([{"role": "user", "content": blocks}]))
    assert message.parts == (
        hub.Media(kind="image", url="https://example.com/a.png"),
        hub.Media(kind="image", data="QUJD", media_type="image/gif"),
    )
