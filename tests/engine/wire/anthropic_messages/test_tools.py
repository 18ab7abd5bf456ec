from typing import Any

import msgspec
import pytest

from engine.hub import Foreign, Tool, ToolChoice
from engine.wire.anthropic_messages.tools import read_choice, read_tools, write_choice, write_tools


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


SCHEMA = raw({"type": "object", "properties": {}})
F, G = Tool(name="f", parameters=SCHEMA), Tool(name="g", parameters=SCHEMA)
OWN = Foreign(protocol="anthropic", kind="bash_20250124", raw=raw({"type": "bash_20250124", "name": "bash"}))
OTHER = Foreign(protocol="openai-responses", kind="file_search", raw=raw({"type": "file_search"}))


def sent(*tools: Tool | Foreign, choice: ToolChoice | None = None) -> tuple[list[Any], list[str]]:
    written, dropped = write_tools(tools, choice)
    return msgspec.json.decode(msgspec.json.encode(written)), dropped


@pytest.mark.parametrize(
    ("given", "choice", "parallel"),
    [
        (None, None, None),
        ({"type": "auto"}, ToolChoice(), None),
        ({"type": "any"}, ToolChoice(mode="any"), None),
        ({"type": "none"}, ToolChoice(mode="none"), None),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="any", names=("f",)), None),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(), False),
        ({"type": "any", "disable_parallel_tool_use": False}, ToolChoice(mode="any"), True),
    ],
)
def test_choices_come_back(given: Any, choice: ToolChoice | None, parallel: bool | None) -> None:
    """Every choice is read, and written in the same form."""
    assert read_choice(raw(given)) == (choice, parallel)
    assert write_choice(choice, parallel=parallel) == given


@pytest.mark.parametrize("given", [{"type": "tool"}, {"type": "some"}, {}, 7])
def test_what_is_no_choice(given: Any) -> None:
    """A choice that is not known is not taken for another."""
    with pytest.raises(msgspec.DecodeError):
        read_choice(raw(given))


def test_one_call_at_a_time_without_a_choice() -> None:
    """That calls must come one by one is said even where the choice is the model's."""
    assert write_choice(None, parallel=False) == {"type": "auto", "disable_parallel_tool_use": True}
    assert write_choice(None, parallel=True) is None
    assert write_choice(ToolChoice(mode="none"), parallel=False) == {"type": "none"}


def test_tools_come_back() -> None:
    """Functions are read as such, tools of Anthropic's are kept whole, in their order."""
    given: list[dict[str, Any]] = [
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "custom", "name": "g", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
    ]
    tools = read_tools(raw(given))
    assert [type(tool) for tool in tools] == [Tool, Foreign, Tool]
    assert sent(*tools) == ([given[0], given[1], {k: v for k, v in given[2].items() if k != "type"}], [])


def test_other_protocols_tools_are_reported() -> None:
    """A tool that only another protocol knows is left out by name."""
    assert sent(F, OTHER, OWN) == (
        [
            {"name": "f", "input_schema": {"type": "object", "properties": {}}},
            {"type": "bash_20250124", "name": "bash"},
        ],
        ["file_search"],
    )


def test_a_choice_of_several_offers_only_those() -> None:
    """Where one of several must be used, no other is offered."""
    written, _ = sent(F, G, Tool(name="h"), choice=ToolChoice(mode="any", names=("f", "h")))
    assert [tool["name"] for tool in written] == ["f", "h"]
    assert write_choice(ToolChoice(mode="any", names=("f", "h")), parallel=None) == {"type": "any"}


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        (None, {"type": "object", "properties": {}}),
        ({}, {"type": "object"}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({"type": "object", "x": 1}, {"type": "object", "x": 1}),
    ],
)
def test_schemas_are_objects(parameters: Any, schema: Any) -> None:
    """The API demands that an input's schema says that it is an object's; others may leave it out."""
    written, _ = sent(Tool(name="f", parameters=None if parameters is None else raw(parameters)))
    assert written == [{"name": "f", "input_schema": schema}]


def test_custom_tools_take_their_text_in_an_object() -> None:
    """OpenAI's custom tools become tools with one text, whatever format they had."""
    written, _ = sent(Tool(name="f", custom=True, parameters=raw({"type": "grammar"}), strict=True))
    schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    assert written == [{"name": "f", "input_schema": schema}]
