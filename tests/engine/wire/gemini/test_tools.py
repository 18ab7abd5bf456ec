import json
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.gemini.tools import read_choice, read_tools, write_choice, write_tools


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def test_functions_and_googles_own_tools() -> None:
    """Functions have JSON Schema, whichever field they came in; what only Google knows is foreign."""
    tools = read_tools(
        raw(
            [
                {"googleSearch": {}},
                {
                    "functionDeclarations": [
                        {"name": "f", "description": "d", "parameters": {"type": "OBJECT"}},
                        {"name": "g", "parametersJsonSchema": {"type": "object"}},
                        {"name": "h"},
                    ],
                    "codeExecution": {},
                },
            ]
        )
    )
    assert [tool.kind if isinstance(tool, hub.Foreign) else tool.name for tool in tools] == [
        "googleSearch",
        "f",
        "g",
        "h",
        "codeExecution",
    ]
    functions = [tool for tool in tools if isinstance(tool, hub.Tool)]
    assert [tool.parameters and json.loads(bytes(tool.parameters)) for tool in functions] == [
        {"type": "object"},
        {"type": "object"},
        None,
    ]
    assert read_tools(msgspec.Raw(msgspec.json.encode(write_tools(tools, [])))) == tools


def test_what_cannot_be_offered_is_named() -> None:
    """Other protocols' tools by their kind, and tools that take free text."""
    dropped: list[str] = []
    tools = (
        hub.Foreign(protocol="anthropic", kind="web_search_20250305", raw=msgspec.Raw(b"{}")),
        hub.Tool(name="c", custom=True),
    )
    assert write_tools(tools, dropped) == []
    assert dropped == ["web_search_20250305", "custom"]


@pytest.mark.parametrize(
    ("config", "choice", "is_all"),
    [
        ({"functionCallingConfig": {"mode": "AUTO"}}, hub.AUTO, True),
        ({"functionCallingConfig": {"mode": "none"}}, hub.ToolChoice(mode="none"), True),
        (
            {"functionCallingConfig": {"mode": "any", "allowedFunctionNames": ["f"]}},
            hub.ToolChoice(mode="any", names=("f",)),
            True,
        ),
        ({"functionCallingConfig": {"mode": "VALIDATED"}}, hub.AUTO, False),
        ({"functionCallingConfig": {"mode": "AUTO"}, "retrievalConfig": {}}, hub.AUTO, False),
        ({"includeServerSideToolInvocations": True}, None, False),
        ({}, None, True),
    ],
)
def test_choices(config: dict[str, Any], choice: hub.ToolChoice | None, is_all: bool) -> None:
    """Modes in either case; what the hub cannot hold is said to be there."""
    assert read_choice(raw(config)) == (choice, is_all)
    if choice is not None and is_all:
        assert read_choice(raw(json.loads(msgspec.json.encode(write_choice(choice))))) == (choice, True)


@pytest.mark.parametrize("value", [5, [5], [{"functionDeclarations": [{"description": "no name"}]}]])
def test_tools_of_another_shape_are_refused(value: Any) -> None:
    """The caller is told which field."""
    with pytest.raises(BadRequest) as caught:
        read_tools(raw(value))
    assert caught.value.param == "tools"
    with pytest.raises(BadRequest) as caught:
        read_choice(raw([5]))
    assert caught.value.param == "toolConfig"
