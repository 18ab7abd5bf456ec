from typing import Any

import msgspec
import pytest

from engine import hub
from engine.wire.openai_responses.options import (
    read_choice,
    read_reasoning,
    read_text,
    read_tools,
    write_choice,
    write_reasoning,
    write_text,
    write_tool,
)


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


SCHEMA = raw({"type": "object"})


@pytest.mark.parametrize(
    "tool",
    [
        hub.Tool(name="f", description="d", parameters=SCHEMA, strict=True),
        hub.Tool(name="f", strict=False),
        hub.Tool(name="f", custom=True),
        hub.Tool(name="f", custom=True, description="d", parameters=SCHEMA),
    ],
)
def test_tools_that_are_written_read_the_same(tool: hub.Tool) -> None:
    """Functions and custom tools."""
    assert read_tools(raw([write_tool(tool, strict=None)])) == (tool,)


def test_silence_on_strictness_means_true_here() -> None:
    """What other protocols leave out has to be said as false."""
    assert write_tool(hub.Tool(name="f"), strict=False)["strict"] is False
    assert "strict" not in write_tool(hub.Tool(name="f"), strict=None)


@pytest.mark.parametrize(
    "choice",
    [
        hub.ToolChoice(mode="auto"),
        hub.ToolChoice(mode="none"),
        hub.ToolChoice(mode="any"),
        hub.ToolChoice(mode="any", names=("f",)),
        hub.ToolChoice(mode="any", names=("f", "sql")),
    ],
)
def test_choices_that_are_written_read_the_same(choice: hub.ToolChoice) -> None:
    """A word, one tool, or several."""
    assert read_choice(raw(write_choice(choice, frozenset({"sql"})))) == choice


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "web_search"},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "mcp", "server_label": "s"}]},
    ],
)
def test_choices_that_only_openai_knows(choice: dict[str, Any]) -> None:
    """They stay with this protocol."""
    assert read_choice(raw(choice)) is None


@pytest.mark.parametrize(
    "form",
    [
        None,
        hub.OutputFormat(),
        hub.OutputFormat(schema=SCHEMA, name="Cat", description="d", strict=True),
        hub.OutputFormat(schema=SCHEMA, name="Cat"),
    ],
)
def test_formats_that_are_written_read_the_same(form: hub.OutputFormat | None) -> None:
    """Beside what else stands in `text`."""
    more = {"verbosity": raw("low")}
    assert read_text(raw(write_text(form, more))) == (form, more)


def test_a_schema_has_to_have_a_name() -> None:
    """OpenAI demands one; other protocols have none."""
    assert write_text(hub.OutputFormat(schema=SCHEMA), {})["format"]["name"] == "response"


def test_a_grammar_stays_with_this_protocol() -> None:
    """The hub knows JSON alone."""
    grammar = {"type": "grammar", "definition": "x"}
    assert read_text(raw({"format": grammar})) == (None, {"format": raw(grammar)})


@pytest.mark.parametrize(
    ("reasoning", "written"),
    [
        (hub.Reasoning(effort="low", summary="auto", show=True), {"effort": "low", "summary": "auto"}),
        (hub.Reasoning(budget_tokens=1_024), {"effort": "low"}),
        (hub.Reasoning(budget_tokens=10_000), {"effort": "medium"}),
        (hub.Reasoning(budget_tokens=64_000, show=True), {"effort": "high", "summary": "auto"}),
        (hub.Reasoning(budget_tokens=0), {}),
        (hub.Reasoning(enabled=False), {}),
        (None, {}),
    ],
)
def test_reasoning_is_said_as_effort_and_summary(reasoning: hub.Reasoning | None, written: dict[str, str]) -> None:
    """Budgets become efforts; what is switched off is not said."""
    assert write_reasoning(reasoning, {}) == written


def test_reasoning_that_is_read() -> None:
    """A summary is a wish to be shown the thoughts; what else is said stays with this protocol."""
    said = raw({"effort": "low", "generate_summary": "concise", "context": "all_turns", "summary": None})
    reasoning, more = read_reasoning(said)

    assert reasoning == hub.Reasoning(effort="low", summary="concise", show=True)
    assert more == {"context": raw("all_turns")}
    assert read_reasoning(raw({"summary": None})) == (None, {})
