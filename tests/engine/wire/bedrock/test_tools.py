from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.bedrock.request import decode_request, encode_request

HELLO = hub.Message(role=hub.Role.USER, parts=(hub.Text(text="hi"),))
CALLED = (
    HELLO,
    hub.Message(role=hub.Role.ASSISTANT, parts=(hub.ToolCall(id="c", name="old", arguments="{}"),)),
    hub.Message(role=hub.Role.TOOL, parts=(hub.ToolResult(call_id="c", name="old"),)),
)
TOOLS = (hub.Tool(name="f", description="does"), hub.Tool(name="g"), hub.Tool(name="h"))


def config(*messages: hub.Message, **more: Any) -> tuple[Any, tuple[str, ...]]:
    request = hub.Request(model="anthropic.claude-3-haiku", messages=messages or (HELLO,), **more)
    fields, dropped = encode_request(request)
    raw = fields.get("toolConfig")
    return (msgspec.json.decode(raw) if raw else None), dropped


def names(config: Any) -> list[str]:
    return [tool["toolSpec"]["name"] for tool in config["tools"]]


def test_a_tool_without_parameters_takes_an_empty_object() -> None:
    """Converse demands a schema, and refuses an empty description."""
    said, _ = config(tools=TOOLS[:2])
    schema = {"json": {"type": "object", "properties": {}}}
    assert said["tools"] == [
        {"toolSpec": {"name": "f", "description": "does", "inputSchema": schema}},
        {"toolSpec": {"name": "g", "inputSchema": schema}},
    ]


@pytest.mark.parametrize(
    ("choice", "said", "tools"),
    [
        (hub.AUTO, {"auto": {}}, "fgh"),
        (hub.ToolChoice(mode="any"), {"any": {}}, "fgh"),
        (hub.ToolChoice(mode="any", names=("g",)), {"tool": {"name": "g"}}, "fgh"),
        (hub.ToolChoice(mode="any", names=("g", "h")), {"any": {}}, "gh"),
    ],
)
def test_choices_are_said(choice: hub.ToolChoice, said: object, tools: str) -> None:
    """Where only some may be used, only these are sent."""
    written, dropped = config(tools=TOOLS, tool_choice=choice)
    assert (written["toolChoice"], "".join(names(written)), dropped) == (said, tools, ())


def test_no_tools_are_sent_when_none_may_be_used() -> None:
    """Converse has no word for it; in a conversation with calls it demands tools, and what is lost is reported."""
    none = hub.ToolChoice(mode="none")
    assert config(tools=TOOLS, tool_choice=none) == (None, ())
    written, dropped = config(*CALLED, tools=TOOLS, tool_choice=none)
    assert (names(written), "toolChoice" in written, dropped) == (["f", "g", "h"], False, ("tool_choice",))


def test_calls_without_tools_get_stand_ins() -> None:
    """Converse refuses calls and results in a conversation without tools; other protocols do not."""
    written, dropped = config(*CALLED)
    assert (written, dropped) == (
        {"tools": [{"toolSpec": {"name": "old", "inputSchema": {"json": {"type": "object"}}}}]},
        (),
    )


def test_tools_of_another_protocol_are_reported() -> None:
    """By their kind; our own are put back."""
    theirs = hub.Foreign(protocol="anthropic", kind="web_search_20250305", raw=msgspec.Raw(b"{}"))
    ours = hub.Foreign(
        protocol="bedrock", kind="systemTool", raw=msgspec.Raw(b'{"systemTool":{"name":"nova_grounding"}}')
    )
    assert config(tools=(theirs,)) == (None, ("web_search_20250305",))
    assert config(tools=(ours,)) == ({"tools": [{"systemTool": {"name": "nova_grounding"}}]}, ())


def test_a_tool_that_takes_free_text_is_refused() -> None:
    """It has no schema that Converse could be given."""
    with pytest.raises(BadRequest) as caught:
        config(tools=(hub.Tool(name="f", custom=True),))
    assert (caught.value.reason, caught.value.param) == ("content_not_supported", "tools")


def test_cache_points_belong_to_the_tool_before_them() -> None:
    """A point after a system tool, or the second in a row, stays what it is."""
    point = {"cachePoint": {"type": "default"}}
    tools = [{"toolSpec": {"name": "f", "strict": True}}, point, {"systemTool": {"name": "s"}}, point]
    raw = msgspec.Raw(msgspec.json.encode({"tools": tools}))
    request = decode_request({"toolConfig": raw})
    assert request.tools[0] == hub.Tool(name="f", strict=True, cache=msgspec.Raw(b'{"type":"ephemeral"}'))
    assert [tool.kind for tool in request.tools[1:] if isinstance(tool, hub.Foreign)] == ["systemTool", "cachePoint"]
