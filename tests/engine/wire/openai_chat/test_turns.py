import json
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.dialect import OPENAI, Dialect
from engine.wire.openai_chat.turns import read_turns, write_turns

PICTURE = hub.Media(kind="image", data="QUJD", media_type="image/png")
FOREIGN = hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=msgspec.Raw(b"{}"))
CACHE = msgspec.Raw(b'{"type":"ephemeral"}')


def turns(*messages: dict[str, Any]) -> tuple[hub.Message, ...]:
    return read_turns(msgspec.Raw(json.dumps(messages).encode()))


def called(*ids: str, name: str = "f") -> dict[str, Any]:
    return {
        "role": "assistant",
        "tool_calls": [{"id": given, "function": {"name": name, "arguments": ""}} for given in ids],
    }


def answer(call_id: str, content: Any = "x") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def pairs(messages: tuple[hub.Message, ...]) -> list[tuple[str, str]]:
    """Ids of calls, and of what answers them, with the name of the tool."""
    return [
        (part.id, part.name) if isinstance(part, hub.ToolCall) else (part.call_id, part.name)
        for message in messages
        for part in message.parts
        if isinstance(part, hub.ToolCall | hub.ToolResult)
    ]


def written(*messages: hub.Message, dialect: Dialect = OPENAI) -> list[dict[str, Any]]:
    dropped: list[str] = []
    plain: list[dict[str, Any]] = json.loads(msgspec.json.encode(write_turns(messages, dialect, dropped)))
    return plain


def said(role: str, *parts: hub.Part, name: str = "") -> hub.Message:
    return hub.Message(role=hub.Role(role), parts=parts, name=name)


MESSAGES: list[dict[str, Any]] = [
    {"role": "developer", "content": "be brief", "name": "boss"},
    {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {
        "role": "user",
        "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "https://a.example"}}],
    },
    {"role": "assistant", "content": "ok", "reasoning_content": "hm"},
    {"role": "assistant", "content": None, "refusal": "no"},
    {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
    {
        "role": "assistant",
        "content": "calls",
        "reasoning_content": "hm",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0}
        ],
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "g"}},
            },
            {"id": "b", "type": "custom", "custom": {"name": "g", "input": "free"}},
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "1"},
    {"role": "tool", "tool_call_id": "b", "content": ""},
]


def test_a_conversation_is_written_as_it_was_read() -> None:
    """Message for message, with what look-alikes add to them."""
    assert written(*turns(*MESSAGES), dialect=Dialect(thoughts="fields", developer=True)) == MESSAGES


@pytest.mark.parametrize(
    ("messages", "ids"),
    [
        ([called("0"), answer("0"), called("0"), answer("0")], ["0", "0", "0_1", "0_1"]),
        ([called("", ""), answer(""), answer("")], ["call_0", "call_1", "call_0", "call_1"]),
        ([called("a", "b"), answer("b"), answer("a")], ["a", "b", "b", "a"]),
        ([answer("lost")], ["lost"]),
        ([called("a"), answer("a"), answer("a")], ["a", "a", "a"]),
        ([called("0_1"), called("0", "0")], ["0_1", "0", "0_2"]),
    ],
)
def test_every_call_has_an_id_of_its_own(messages: list[dict[str, Any]], ids: list[str]) -> None:
    """In the hub: xAI's begin anew in each turn, Gemini's are empty; the oldest call that waits is answered."""
    assert [call_id for call_id, _ in pairs(turns(*messages))] == ids


def test_an_answer_knows_the_name_of_its_tool() -> None:
    """Gemini needs it; here only the call has it."""
    assert pairs(turns(called("a", name="weather"), answer("a"))) == [("a", "weather"), ("a", "weather")]


def test_a_function_message_answers_by_name() -> None:
    """As it was before there were ids."""
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    assert pairs(turns(call, {"role": "function", "name": "f", "content": "1"})) == [("call_0", "f"), ("call_0", "f")]


def test_pictures_in_answers_of_tools_are_said_by_the_user() -> None:
    """OpenAI allows text alone there; the picture follows all the answers."""
    results = [said("tool", hub.ToolResult(call_id=each, parts=(hub.Text(text="see"), PICTURE))) for each in ("a", "b")]
    messages = written(*results, said("assistant", hub.Text(text="ok")))
    assert [message["role"] for message in messages] == ["tool", "tool", "user", "assistant"]
    assert messages[0]["content"] == "see"
    assert len(messages[2]["content"]) == 2
    assert written(*results)[-1]["role"] == "user"
    kept = written(*results, dialect=Dialect(tool_media=True))
    assert [message["role"] for message in kept] == ["tool", "tool"]


@pytest.mark.parametrize(
    "message",
    [
        said("system", PICTURE),
        said("user", hub.ToolResult(call_id="a")),
        said("user", hub.Media(kind="image", file_id="f")),
        said("user", hub.Media(kind="audio", url="https://a.example")),
        said("assistant", hub.Media(kind="audio", data="QUJD")),
        said("assistant", hub.Media(kind="file", file_id="f")),
        said("assistant", hub.ToolResult(call_id="a")),
        said("tool", hub.Text(text="a")),
    ],
)
def test_content_without_a_place_is_refused(message: hub.Message) -> None:
    """Nothing that was said is dropped in silence."""
    with pytest.raises(BadRequest) as raised:
        written(message)
    assert raised.value.reason == "content_not_supported"
    assert raised.value.param == "messages"


def test_foreign_parts_are_left_out_and_named() -> None:
    """Of each kind once is enough."""
    dropped: list[str] = []
    assert write_turns([said("assistant", FOREIGN, hub.Text(text="a"))], OPENAI, dropped) == [
        {"role": "assistant", "content": "a"}
    ]
    assert dropped == ["server_tool_use"]


def test_a_marker_on_a_message_is_one_on_its_last_part() -> None:
    """OpenRouter's callers put it on either; it is written only for those who take it."""
    (message,) = turns({"role": "system", "content": "a", "cache_control": {"type": "ephemeral"}})
    assert message.parts == (hub.Text(text="a", cache=CACHE),)
    assert written(message)[0]["content"] == "a"
    assert written(message, dialect=Dialect(cache=True))[0]["content"][0]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("thoughts", "message"),
    [
        ("fields", {"content": "a", "reasoning_content": "hm"}),
        ("none", {"content": "a"}),
        (
            "parts",
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "a"},
                ]
            },
        ),
    ],
)
def test_earlier_reasoning_goes_where_it_is_taken(thoughts: Any, message: dict[str, Any]) -> None:
    """Some want it back, Mistral in its content, some not at all; each is read alike."""
    turn = said("assistant", hub.Thinking(text="hm"), hub.Text(text="a"))
    (once,) = written(turn, dialect=Dialect(thoughts=thoughts))
    assert once == {"role": "assistant"} | message
    if thoughts != "none":
        assert turns(once) == (turn,)


def test_mistral_takes_only_short_ids() -> None:
    """Others become one that is always the same; those that fit stay."""
    call = said("assistant", *(hub.ToolCall(id=each, name="f", arguments="") for each in ("call_long_id", "a1B2c3D4e")))
    first, second = written(call, said("tool", hub.ToolResult(call_id="call_long_id")), dialect=Dialect(short_ids=True))
    ids = [each["id"] for each in first["tool_calls"]]
    assert ids[1] == "a1B2c3D4e"
    assert ids[0] == second["tool_call_id"]
    assert len(ids[0]) == 9


def test_the_developer_is_the_system_where_nobody_knows_him() -> None:
    """Most look-alikes do not."""
    message = said("developer", hub.Text(text="a"))
    assert [written(message, dialect=Dialect(developer=knows))[0]["role"] for knows in (True, False)] == [
        "developer",
        "system",
    ]
