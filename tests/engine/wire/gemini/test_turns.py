import json
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.hub import Message, Role
from engine.wire.gemini.chunk import Content
from engine.wire.gemini.turns import read_turns, write_turns


def read(*contents: dict[str, Any]) -> tuple[Message, ...]:
    return read_turns(msgspec.json.decode(json.dumps(contents), type=list[Content]))


def turn(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **more}}


def result(name: str, **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, **more}}


def written(*messages: Message, origin: str = "openai") -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(msgspec.json.encode(write_turns(messages, origin=origin, dropped=[])))
    return told


def test_results_belong_to_the_calls_they_answer() -> None:
    """Without ids, calls of one name are answered in order; made-up ids differ from all that were sent."""
    messages = read(
        turn("model", call("f"), call("g"), call("f"), call("h", id="call_0")),
        turn("user", result("f"), result("f"), result("g"), result("h", id="call_0"), {"text": "go on"}),
    )
    calls = {part.id: part.name for part in messages[0].parts if isinstance(part, hub.ToolCall)}
    answers = [(part.call_id, part.name) for part in messages[1].parts if isinstance(part, hub.ToolResult)]
    assert len(calls) == 4
    assert [calls[call_id] for call_id, _ in answers] == [name for _, name in answers]
    assert answers[0] != answers[1]
    assert [message.role for message in messages] == [Role.ASSISTANT, Role.TOOL, Role.USER]


def test_results_without_ids_answer_calls_that_have_them() -> None:
    """As google-genai sends them: the oldest unanswered call of the name is meant."""
    messages = read(
        turn("model", call("f", id="a"), call("f", id="b"), call("g", id="c")),
        turn("user", result("g"), result("f", id="a"), result("f"), result("g", id="unknown")),
    )
    answers = [part.call_id for part in messages[1].parts if isinstance(part, hub.ToolResult)]
    assert answers == ["c", "a", "b", "unknown"]


def test_a_result_without_a_call_has_an_id_too() -> None:
    """It is answered under an id of its own."""
    [message] = read(turn("function", result("f", response={"output": "x"})))
    assert message.parts == (hub.ToolResult(call_id="call_0", name="f", parts=(hub.Text(text="x"),)),)


@pytest.mark.parametrize(
    ("response", "parts", "is_error"),
    [
        ({"output": "x"}, (hub.Text(text="x"),), False),
        ({"error": "x"}, (hub.Text(text="x"),), True),
        ({}, (), False),
        ({"output": 1}, (hub.Text(text='{"output": 1}'),), False),
        ({"a": 1, "output": "x"}, (hub.Text(text='{"a": 1, "output": "x"}'),), False),
    ],
)
def test_responses_are_unwrapped(response: Any, parts: tuple[hub.Part, ...], is_error: bool) -> None:
    """`output` and `error` are Gemini's words for what a function says; any other object is told as it is."""
    messages = read(turn("model", call("f", id="1")), turn("user", result("f", id="1", response=response)))
    answer = messages[1].parts[0]
    assert answer == hub.ToolResult(call_id="1", name="f", parts=parts, is_error=is_error)
    again = written(*messages)[1]["parts"][0]["functionResponse"]
    assert again == {"id": "1", "name": "f", "response": response}


def test_media_in_results() -> None:
    """Pictures that a function returns stand beside its response."""
    shown = [{"inlineData": {"mimeType": "image/png", "data": "QQ=="}}]
    messages = read(turn("user", result("f", id="1", response={"output": "x"}, parts=shown)))
    answer = messages[0].parts[0]
    assert isinstance(answer, hub.ToolResult)
    assert answer.parts[1] == hub.Media(kind="image", data="QQ==", media_type="image/png")
    assert written(*messages)[0]["parts"][0]["functionResponse"]["parts"] == shown


def test_neighbours_of_one_role_are_one_turn() -> None:
    """Either way; a function's name comes from its call."""
    told = written(
        Message(role=Role.ASSISTANT, parts=(hub.Text(text="a"),)),
        Message(role=Role.ASSISTANT, parts=(hub.ToolCall(id="1", name="f", arguments="{}", signature="s"),)),
        Message(role=Role.TOOL, parts=(hub.ToolResult(call_id="1", parts=(hub.Text(text="r"),)),)),
        Message(role=Role.TOOL, parts=(hub.ToolResult(call_id="2"),)),
        Message(role=Role.USER, parts=(hub.Text(text="b"),)),
    )
    assert [each["role"] for each in told] == ["model", "user"]
    assert [part["functionResponse"]["name"] for part in told[1]["parts"][:2]] == ["f", "2"]
    assert read(turn("user", {"text": "a"}), turn("user", {"text": "b"})) == (
        Message(role=Role.USER, parts=(hub.Text(text="a"), hub.Text(text="b"))),
    )


def test_calls_that_gemini_did_not_make_get_a_stand_in() -> None:
    """The first of a turn, since Gemini 3 refuses it unsigned; its own calls are left as they are."""
    message = Message(
        role=Role.ASSISTANT,
        parts=(hub.ToolCall(id="1", name="f", arguments="{}"), hub.ToolCall(id="2", name="g", arguments="{}")),
    )
    [first] = written(message)
    assert [part.get("thoughtSignature") for part in first["parts"]] == ["skip_thought_signature_validator", None]
    [own] = written(message, origin="gemini")
    assert not any("thoughtSignature" in part for part in own["parts"])


def test_thoughts_of_other_protocols_stay_out() -> None:
    """Gemini's own and unsigned ones are sent."""
    told = written(
        Message(
            role=Role.ASSISTANT,
            parts=(
                hub.Thinking(text="a", signature="s", origin="anthropic"),
                hub.Thinking(text="b", signature="s", origin="gemini"),
                hub.Thinking(text="c"),
                hub.Thinking(redacted="r"),
            ),
        )
    )
    assert told[0]["parts"] == [
        {"text": "b", "thought": True, "thoughtSignature": "s"},
        {"text": "c", "thought": True},
    ]


def test_foreign_parts() -> None:
    """Gemini's own come back where they stood, others are named as dropped."""
    dropped: list[str] = []
    parts = (
        hub.Media(kind="video", url="https://a"),
        hub.Foreign(protocol="gemini", kind="videoMetadata", raw=msgspec.Raw(b'{"videoMetadata":{"fps":1}}')),
        hub.Foreign(protocol="gemini", kind="executableCode", raw=msgspec.Raw(b'{"executableCode":{}}')),
        hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=msgspec.Raw(b"{}")),
    )
    told = write_turns([Message(role=Role.USER, parts=parts)], origin="gemini", dropped=dropped)
    assert dropped == ["server_tool_use"]
    assert json.loads(msgspec.json.encode(told))[0]["parts"] == [
        {"fileData": {"fileUri": "https://a"}, "videoMetadata": {"fps": 1}},
        {"executableCode": {}},
    ]


@pytest.mark.parametrize(
    "content", [turn("assistant", {"text": "a"}), turn("model", call("f", args=[1]))], ids=["role", "args"]
)
def test_what_gemini_does_not_know_is_refused(content: dict[str, Any]) -> None:
    """The caller is told where it stands."""
    with pytest.raises(BadRequest) as caught:
        read(content)
    assert caught.value.param == "contents"
