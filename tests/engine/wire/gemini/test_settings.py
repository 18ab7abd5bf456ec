import json
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.gemini.settings import read_settings, write_settings

USER = (hub.Message(role=hub.Role.USER, parts=(hub.Text(text="a"),)),)


def read(**config: Any) -> hub.Request:
    settings = read_settings(msgspec.Raw(json.dumps(config).encode()))
    return hub.Request(model="", messages=USER, extra=settings.extra, origin="gemini", **settings.known)


def write(request: hub.Request) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(msgspec.json.encode(write_settings(request)))
    return written


SAME: list[dict[str, Any]] = [
    {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "seed": 7,
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 3,
        "stopSequences": ["x"],
    },
    {"responseMimeType": "application/json"},
    {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
    {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}},
    {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "1:1"}, "speechConfig": {}},
    {"thinkingConfig": {"thinkingBudget": 100, "includeThoughts": True}},
    {"thinkingConfig": {"thinkingBudget": 0}},
    {"thinkingConfig": {"thinkingBudget": -1}},
    {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": False}},
    {},
]


@pytest.mark.parametrize("config", SAME)
def test_settings_come_back(config: dict[str, Any]) -> None:
    """What is read is written as it was, Gemini's own fields included."""
    assert write(read(**config)) == config


def test_the_old_schema_becomes_json_schema() -> None:
    """Gemini takes JSON Schema in a field of its own; plain text and text alone are what goes without saying."""
    request = read(responseMimeType="application/json", responseSchema={"type": "OBJECT"})
    assert write(request) == {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}
    assert write(read(responseMimeType="text/plain", responseModalities=["Text"])) == {}


@pytest.mark.parametrize(
    ("reasoning", "thinking"),
    [
        (hub.Reasoning(effort="none"), {"thinkingBudget": 0}),
        (hub.Reasoning(enabled=False), {"thinkingBudget": 0}),
        (hub.Reasoning(effort="xhigh"), {"thinkingLevel": "HIGH"}),
        (hub.Reasoning(effort="low", budget_tokens=5), {"thinkingBudget": 5}),
        (hub.Reasoning(enabled=True), {"thinkingBudget": -1}),
        (hub.Reasoning(effort="minimal", summary="auto"), {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        (hub.Reasoning(), None),
    ],
)
def test_reasoning(reasoning: hub.Reasoning, thinking: dict[str, Any] | None) -> None:
    """A level or a budget, never both; no thinking is a budget of nothing."""
    request = hub.Request(model="", messages=USER, reasoning=reasoning)
    assert write(request).get("thinkingConfig") == thinking


def test_another_protocols_fields_are_not_put_in() -> None:
    """Only a request that was Gemini's has Gemini's own fields."""
    request = hub.Request(
        model="", messages=USER, origin="openai", extra={"generationConfig.speechConfig": msgspec.Raw(b"{}")}
    )
    assert write(request) == {}


@pytest.mark.parametrize("config", [{"topK": "a"}, {"stopSequences": [1]}, {"thinkingConfig": 5}])
def test_settings_of_another_shape_are_refused(config: dict[str, Any]) -> None:
    """The caller is told which field."""
    with pytest.raises(BadRequest) as caught:
        read(**config)
    assert caught.value.param == "generationConfig"
    assert f"generationConfig.{next(iter(config))}" in caught.value.message
