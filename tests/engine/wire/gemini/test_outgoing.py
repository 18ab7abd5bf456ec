import json
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.wire.body import read_fields
from engine.wire.gemini.outgoing import finish
from engine.wire.gemini.signature import thought_signature


def sent(body: bytes, model: str = "gemini-3-pro") -> bytes:
    return finish(read_fields(body), model=model, stream=True)


def test_the_callers_bytes_are_kept() -> None:
    """Only the model goes, which the path names."""
    body = b'{"model":"models/x","contents":[ {"parts" : []} ],"new_field":1e3}'
    assert sent(body) == b'{"contents":[ {"parts" : []} ],"new_field":1e3}'


@pytest.mark.parametrize(
    ("model", "config", "thinking"),
    [
        ("gemini-2.5-flash", {"thinkingConfig": {"thinkingLevel": "LOW"}}, {"thinkingBudget": 1024}),
        (
            "publishers/google/models/gemini-2.5-pro",
            {"thinking_config": {"thinking_level": "high"}},
            {"thinkingBudget": 24576},
        ),
        ("gemini-2.5-flash", {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 5}}, {"thinkingBudget": 5}),
        ("gemini-2.5-flash", {"thinkingConfig": {"thinkingLevel": "new"}}, {"thinkingLevel": "new"}),
        ("gemini-3-pro", {"thinkingConfig": {"thinkingLevel": "LOW"}}, {"thinkingLevel": "LOW"}),
    ],
)
def test_older_models_get_a_budget_for_a_level(model: str, config: Any, thinking: Any) -> None:
    """They refuse levels; newer ones get what was said."""
    body = json.dumps({"contents": [], "generationConfig": config}).encode()
    assert json.loads(sent(body, model))["generationConfig"]["thinkingConfig"] == thinking


def test_other_protocols_signatures_stay_here() -> None:
    """Gemini refuses what it has not signed; its own signatures and all else are kept."""
    wrapped = thought_signature(hub.Thinking(text="a", signature="s", origin="anthropic"))
    parts = [
        {"text": "a", "thought": True, "thoughtSignature": wrapped},
        {"text": "b", "thought_signature": wrapped},
        {"functionCall": {"name": "f", "args": {"n": 10**30}}, "thoughtSignature": "own"},
    ]
    kept = json.loads(sent(json.dumps({"contents": [{"parts": parts}]}).encode()))["contents"][0]["parts"]
    assert kept == [{"text": "a", "thought": True}, {"text": "b"}, parts[2]]


def test_what_cannot_be_read_is_left_to_the_provider() -> None:
    """A number out of range does not stop the request here."""
    wrapped = thought_signature(hub.Thinking(signature="s", origin="anthropic"))
    contents = b'[{"parts":[{"thoughtSignature":"%s","x":1e999}]}]' % wrapped.encode()
    assert finish({"contents": msgspec.Raw(contents)}, model="m", stream=False) == b'{"contents":' + contents + b"}"
