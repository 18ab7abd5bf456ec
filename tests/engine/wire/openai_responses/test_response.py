import json

import msgspec
import pytest
from openai.types.responses import Response

from engine import hub
from engine.wire.openai_responses.envelope import read_envelope
from engine.wire.openai_responses.response import NOTHING_ASKED, echoed, finish_of, response

BODY = {
    "model": "demo",
    "input": "hi",
    "instructions": "Be brief.",
    "metadata": {"a": "b"},
    "temperature": None,
    "max_output_tokens": 9,
    "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}],
    "store": True,
    "stream": True,
}


def test_an_answer_repeats_its_request() -> None:
    """What was said, and what the types of answers demand of a tool beyond it; storage is not promised."""
    echo = echoed(read_envelope(json.dumps(BODY).encode()).fields)
    said = msgspec.json.encode(response(id="resp_1", model="m", created=1, echo=echo))
    answer = Response.model_validate_json(said)

    assert (answer.instructions, answer.metadata, answer.max_output_tokens) == ("Be brief.", {"a": "b"}, 9)
    assert (answer.temperature, len(answer.tools)) == (1.0, 2)
    assert json.loads(said)["store"] is False


def test_an_answer_to_nothing_is_whole() -> None:
    """Every field that the type demands is there, each answer with its own output."""
    first = response(id="resp_1", model="m", created=1, echo=NOTHING_ASKED)
    Response.model_validate_json(msgspec.json.encode(first))
    first["output"].append({})
    assert response(id="resp_2", model="m", created=1, echo=NOTHING_ASKED)["output"] == []


@pytest.mark.parametrize(
    ("status", "reason", "calls", "finish"),
    [
        ("completed", "", False, hub.Finish.STOP),
        ("completed", "", True, hub.Finish.TOOL_CALLS),
        ("incomplete", "max_output_tokens", True, hub.Finish.LENGTH),
        ("incomplete", "content_filter", False, hub.Finish.CONTENT_FILTER),
        ("incomplete", "", False, hub.Finish.LENGTH),
        ("failed", "", False, hub.Finish.ERROR),
        ("cancelled", "", False, hub.Finish.ERROR),
        ("queued", "", False, None),
        ("in_progress", "", False, None),
    ],
)
def test_how_an_answer_ended(status: str, reason: str, calls: bool, finish: hub.Finish | None) -> None:
    """Asking for tools is no status of its own: it follows from the output."""
    assert finish_of(status, reason, calls=calls)[0] is finish
