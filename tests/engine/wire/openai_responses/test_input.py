import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.input import read_input, write_messages


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


USER = hub.Message(role=hub.Role.USER, parts=(hub.Text(text="hi"),))
SYSTEM = hub.Message(role=hub.Role.SYSTEM, parts=(hub.Text(text="Be brief."),))


def test_the_systems_message_comes_first_as_instructions() -> None:
    """Alone it is an item, since there has to be an input."""
    written = write_messages((SYSTEM, USER))
    assert (written.instructions, written.items) == ("Be brief.", [{"role": "user", "content": "hi"}])
    assert read_input(raw("Be brief."), raw("hi")) == (SYSTEM, USER)

    alone = write_messages((SYSTEM,))
    assert (alone.instructions, alone.items) == (None, [{"role": "system", "content": "Be brief."}])


def test_what_model_and_tools_say_in_a_row_is_one_turn() -> None:
    """Every call and every answer of a tool is an item here; names of tools are filled in."""
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "output": "1"}
    items = [
        {"role": "assistant", "content": "Wait."},
        call | {"call_id": "a"},
        call | {"call_id": "b", "name": "g"},
        result | {"call_id": "b"},
        result | {"call_id": "a"},
        {"role": "user", "content": "And?"},
    ]
    messages = read_input(None, raw(items))

    assert [message.role for message in messages] == [hub.Role.ASSISTANT, hub.Role.TOOL, hub.Role.USER]
    assert [part.name for part in messages[1].parts if isinstance(part, hub.ToolResult)] == ["g", "f"]
    assert write_messages(messages).items == items


def test_items_of_hosted_tools_do_not_stand_alone() -> None:
    """They stay with the message before them, so that no empty one is left where they are dropped."""
    search = {"type": "web_search_call", "id": "ws_1"}
    foreign = hub.Foreign(protocol=PROTOCOL, kind="web_search_call", raw=raw(search))
    messages = read_input(None, raw([{"role": "user", "content": "hi"}, search, {"role": "assistant", "content": "A"}]))

    assert messages[0].parts == (hub.Text(text="hi"), foreign)
    assert len(messages) == 2


def test_thoughts_of_other_protocols_are_left_out_in_silence() -> None:
    """OpenAI refuses what it has not sealed; foreign content is reported by its kind."""
    signed = hub.Thinking(text="Hm.", signature="EqQB", origin="anthropic")
    other = hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=raw({}))
    written = write_messages((USER, hub.Message(role=hub.Role.ASSISTANT, parts=(signed, other, hub.Text(text="A")))))

    assert written.items[1:] == [{"role": "assistant", "content": "A"}]
    assert written.dropped == ["server_tool_use"]


def test_a_message_that_loses_everything_is_not_sent() -> None:
    """An empty one would be refused."""
    thought = hub.Message(role=hub.Role.ASSISTANT, parts=(hub.Thinking(text="Hm."),))
    assert write_messages((USER, thought)).items == [{"role": "user", "content": "hi"}]


def test_pictures_of_the_assistants_cannot_be_said() -> None:
    """An assistant's message has words only; the caller learns what to do."""
    picture = hub.Message(role=hub.Role.ASSISTANT, parts=(hub.Media(kind="image", data="QUJD"),))
    with pytest.raises(BadRequest, match="send it as the user's"):
        write_messages((USER, picture))


def test_results_of_tools_may_hold_media() -> None:
    """A result of one text is a string, everything else a list; without parts it is empty."""
    image = hub.Media(kind="image", url="https://example.com/a.png")
    results = (
        hub.ToolResult(call_id="a", parts=(hub.Text(text="1"),)),
        hub.ToolResult(call_id="b", parts=(hub.Text(text="1"), image)),
        hub.ToolResult(call_id="c"),
    )
    items = write_messages((hub.Message(role=hub.Role.TOOL, parts=results),)).items

    assert items[0]["output"] == "1"
    assert [part["type"] for part in items[1]["output"]] == ["input_text", "input_image"]
    assert items[2]["output"] == ""
