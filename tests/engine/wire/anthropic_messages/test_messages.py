from typing import Any

import msgspec
import pytest

from engine.errors import BadRequest
from engine.hub import Citation, Foreign, Media, Message, Part, Refusal, Role, Text, Thinking, ToolCall, ToolResult
from engine.wire.anthropic_messages.messages import Writer, read_messages, read_system


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def user(*parts: Part) -> Message:
    return Message(role=Role.USER, parts=parts)


def assistant(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def tool(*parts: Part) -> Message:
    return Message(role=Role.TOOL, parts=parts)


def system(text: str, role: Role = Role.SYSTEM) -> Message:
    return Message(role=role, parts=(Text(text=text),))


def sent(*messages: Message, origin: str = "openai-chat") -> tuple[Any, Any, list[str]]:
    """`system`, `messages` and what was left out."""
    writer = Writer(origin)
    written = writer.system(messages), writer.turns(messages)
    top, turns = msgspec.json.decode(msgspec.json.encode(written))
    return top, turns, writer.dropped


HI = user(Text(text="hi"))


def test_results_are_messages_of_their_own() -> None:
    """A user's turn of results and words is read as the results, named after their calls, and then the words."""
    turns = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}, {"type": "text", "text": "so?"}]},
    ]
    assert read_messages(raw(turns)) == [
        assistant(ToolCall(id="a", name="f", arguments="{}")),
        tool(ToolResult(call_id="a", name="f")),
        user(Text(text="so?")),
    ]


@pytest.mark.parametrize(
    ("turns", "param"),
    [
        (None, "messages"),
        ("hi", "messages"),
        ([7], "messages.0"),
        ([{"role": "user"}], "messages.0"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": [{}]}], "messages.1"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages.0"),
        ([{"role": "user", "content": [{"type": "image", "source": "x"}]}], "messages.0"),
        ([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": 7}]}], "messages.0"),
        ([{"role": "tool", "content": "x"}], "messages.0.role"),
    ],
)
def test_what_is_no_conversation(turns: Any, param: str) -> None:
    """A message that is not of the protocol's shape is the caller's fault, and named."""
    with pytest.raises(BadRequest) as fault:
        read_messages(raw(turns))
    assert fault.value.param == param
    assert param in fault.value.message


def test_system_is_text_or_blocks() -> None:
    """Both forms are one message; what is neither is the caller's fault."""
    assert read_system(raw("a")) == [system("a")]
    assert read_system(raw([{"type": "text", "text": "a"}])) == [system("a")]
    assert read_system(raw(None)) == read_system(raw("")) == read_system(raw([])) == []
    with pytest.raises(BadRequest, match="system cannot be read"):
        read_system(raw(7))


def test_instructions_go_to_the_top() -> None:
    """System and developer messages of other protocols become `system`, wherever they stood."""
    top, turns, _ = sent(system("a"), HI, system("b", Role.DEVELOPER), user(Text(text="ho")))
    assert top == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert turns == [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "ho"}]}]


def test_results_come_first_in_a_turn() -> None:
    """The API refuses words before results: in a turn put together from others' messages, results lead."""
    call = assistant(ToolCall(id="a", name="f", arguments=""))
    _, turns, _ = sent(call, user(Text(text="well")), tool(ToolResult(call_id="a", parts=(Text(text="1"),))))
    assert turns[1] == {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}, {"type": "text", "text": "well"}],
    }


def test_ids_are_made_fit() -> None:
    """Ids lose what the API refuses, calls that share an id get their own, and results follow the latest call."""
    turns = [
        assistant(ToolCall(id="functions.f:0", name="f", arguments="{}")),
        tool(ToolResult(call_id="functions.f:0")),
        assistant(ToolCall(id="functions.f:0", name="f", arguments="{}"), ToolCall(id="", name="g", arguments="{}")),
        tool(ToolResult(call_id="functions.f:0"), ToolResult(call_id="")),
        tool(ToolResult(call_id="un known")),
    ]
    _, sent_turns, _ = sent(*turns)
    blocks = [block for turn in sent_turns for block in turn["content"]]
    ids = [block.get("id") or block["tool_use_id"] for block in blocks]
    assert ids == ["functions_f_0", "functions_f_0", "functions_f_0_2", "call", "functions_f_0_2", "call", "un_known"]


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (ToolCall(id="a", name="f", arguments='{"x": 1}'), {"x": 1}),
        (ToolCall(id="a", name="f", arguments=" "), {}),
        (ToolCall(id="a", name="f", arguments="[1]"), {"input": "[1]"}),
        (ToolCall(id="a", name="f", arguments='{"x":'), {"input": '{"x":'}),
        (ToolCall(id="a", name="f", arguments="{" * 5000), {"input": "{" * 5000}),
        (ToolCall(id="a", name="f", arguments="{}", custom=True), {"input": "{}"}),
    ],
)
def test_inputs_are_objects(call: ToolCall, given: Any) -> None:
    """What is no object travels as text in one: nothing is lost, and the API takes it."""
    assert sent(assistant(call))[1][0]["content"][0]["input"] == given


def test_only_anthropics_thoughts_go_back() -> None:
    """Thoughts that Anthropic did not sign would be refused, and are left out in silence."""
    _, turns, dropped = sent(
        HI,
        assistant(
            Thinking(text="a", signature="s", origin="anthropic"),
            Thinking(redacted="r", origin="anthropic"),
            Thinking(text="b", signature="s", origin="gemini"),
            Thinking(redacted="r", origin="openai-responses", id="rs"),
            Thinking(text="c"),
            Text(text="so"),
        ),
    )
    assert [block["type"] for block in turns[1]["content"]] == ["thinking", "redacted_thinking", "text"]
    assert dropped == []


def test_what_is_left_out_is_named() -> None:
    """Names, foreign content and citations of others are reported once each."""
    cited = Text(text="x", citations=(Citation(url="https://a.example"),))
    other = Foreign(protocol="gemini", kind="executableCode", raw=raw({}))
    _, turns, dropped = sent(
        Message(role=Role.USER, parts=(Text(text="hi"),), name="ann"),
        assistant(cited, other, cited, Refusal(text="no")),
        Message(role=Role.USER, parts=(Text(text="hi"),), name="ann"),
    )
    assert sorted(dropped) == ["citations", "executableCode", "name"]
    assert turns[1]["content"] == [{"type": "text", "text": text} for text in ("x", "x", "no")]


def test_turns_that_say_nothing_are_left_out() -> None:
    """The API refuses empty blocks and turns; their neighbours become one."""
    _, turns, _ = sent(HI, assistant(Text(text="")), assistant(), user(Text(text=""), Text(text="ho")))
    assert turns == [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "ho"}]}]


def test_pictures_of_the_assistants_are_refused() -> None:
    """The API takes none in the assistant's turns, and content is not dropped in silence."""
    picture = Media(kind="image", url="https://a.example/i.png")
    with pytest.raises(BadRequest, match="assistant"):
        sent(HI, assistant(picture))
    assert sent(user(picture))[1][0]["content"][0]["type"] == "image"


def test_our_callers_turns_stay_as_they_are() -> None:
    """From a caller of this protocol, ids, order and system messages in the middle are kept."""
    messages = (
        HI,
        system("now"),
        assistant(ToolCall(id="x y", name="f", arguments="{}")),
        user(Text(text="wait")),
        tool(ToolResult(call_id="x y")),
    )
    top, turns, _ = sent(*messages, origin="anthropic")
    assert top is None
    assert [turn["role"] for turn in turns] == ["user", "system", "assistant", "user"]
    assert turns[2]["content"][0]["id"] == "x y"
    assert [block["type"] for block in turns[3]["content"]] == ["text", "tool_result"]
