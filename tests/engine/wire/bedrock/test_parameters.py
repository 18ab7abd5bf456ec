from typing import Any

import msgspec
import pytest

from engine import hub
from engine.wire.bedrock.request import encode_request

CLAUDE = "anthropic.claude-sonnet-4-6"
HELLO = (hub.Message(role=hub.Role.USER, parts=(hub.Text(text="hi"),)),)
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}')


def written(model: str, **more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    fields, dropped = encode_request(hub.Request(model=model, messages=HELLO, **more))
    return {name: msgspec.json.decode(raw) for name, raw in fields.items() if name != "messages"}, dropped


def test_plain_parameters_have_their_place() -> None:
    """Lengths, sampling and stop sequences are Converse's own."""
    assert written("amazon.nova-lite-v1:0", max_tokens=5, temperature=0.5, top_p=0.25, stop=("x",)) == (
        {"inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 0.25, "stopSequences": ["x"]}},
        (),
    )


@pytest.mark.parametrize(
    "more",
    [
        {"seed": 1},
        {"n": 2},
        {"user": "u"},
        {"frequency_penalty": 0.5},
        {"presence_penalty": 0.5},
        {"logprobs": True},
        {"top_logprobs": 2},
        {"parallel_tool_calls": False},
    ],
)
def test_what_converse_cannot_say_is_reported(more: dict[str, Any]) -> None:
    """Each is dropped under the caller's name for it."""
    assert written(CLAUDE, **more) == ({}, tuple(more))


def test_what_happens_anyway_is_not_reported() -> None:
    """One answer, parallel calls and no log-probabilities are what Converse gives."""
    assert written(CLAUDE, n=1, parallel_tool_calls=True, logprobs=False, service_tier="auto") == ({}, ())


def test_a_schema_travels_as_text() -> None:
    """Structured output; Claude demands that objects are closed."""
    form = hub.OutputFormat(schema=SCHEMA, name="n", description="d", strict=True)
    body, dropped = written("qwen.qwen3-32b-v1:0", format=form)
    schema = {"schema": bytes(SCHEMA).decode(), "name": "n", "description": "d"}
    assert body == {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}}
    assert dropped == ()
    text = written(CLAUDE, format=form)[0]["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]
    assert msgspec.json.decode(text)["additionalProperties"] is False


def test_json_without_a_schema_is_reported() -> None:
    """Converse has no word for any JSON object."""
    assert written(CLAUDE, format=hub.OutputFormat()) == ({}, ("response_format",))


@pytest.mark.parametrize(
    ("tier", "said"), [("priority", "priority"), ("standard_only", "default"), ("flex", "flex"), ("default", "default")]
)
def test_tiers_are_translated(tier: str, said: str) -> None:
    """Other protocols' words for the plain tier are Converse's `default`."""
    assert written(CLAUDE, service_tier=tier) == ({"serviceTier": {"type": said}}, ())


def test_an_unknown_tier_is_reported() -> None:
    """A tier that Converse has no word for is not guessed."""
    assert written(CLAUDE, service_tier="scale") == ({}, ("service_tier",))


@pytest.mark.parametrize(
    ("more", "sampling", "dropped"),
    [
        ({"temperature": 1.5}, {"temperature": 1.0}, ("temperature",)),
        ({"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5}, ("top_p",)),
        ({"temperature": 0.5, "reasoning": hub.Reasoning(enabled=True)}, None, ("temperature",)),
        ({"top_p": 0.5, "reasoning": hub.Reasoning(enabled=True)}, None, ("top_p",)),
        ({"top_p": 0.97, "reasoning": hub.Reasoning(enabled=True)}, {"topP": 0.97}, ()),
    ],
)
def test_claudes_rules_for_sampling_are_kept(
    more: dict[str, Any], sampling: dict[str, Any] | None, dropped: tuple[str, ...]
) -> None:
    """Combinations that Claude refuses are mended, and what was changed is reported."""
    body, lost = written(CLAUDE, **more)
    assert body.get("inferenceConfig") == sampling
    assert lost == dropped


def test_who_speaks_claudes_own_protocol_is_not_corrected() -> None:
    """A caller with Anthropic's SDK gets what Claude says to what it sent."""
    body, lost = written(CLAUDE, temperature=0.5, top_p=0.5, origin="anthropic")
    assert (body, lost) == ({"inferenceConfig": {"temperature": 0.5, "topP": 0.5}}, ())


def test_claude_does_not_think_when_a_tool_is_forced() -> None:
    """It refuses both together, so the thinking is left out and reported."""
    more = {"tools": (hub.Tool(name="f"),), "tool_choice": hub.ToolChoice(mode="any")}
    body, dropped = written(CLAUDE, reasoning=hub.Reasoning(effort="high"), **more)
    assert "additionalModelRequestFields" not in body
    assert dropped == ("reasoning",)


def test_additional_fields_of_our_own_protocol_are_kept() -> None:
    """What goes to the model unread is put back beside what is said there by us."""
    extra = {"additionalModelRequestFields": msgspec.Raw(b'{"anthropic_beta":["x"],"top_k":1}')}
    body, dropped = written(CLAUDE, top_k=9, extra=extra, origin="bedrock")
    assert body == {"additionalModelRequestFields": {"anthropic_beta": ["x"], "top_k": 9}}
    assert dropped == ()
