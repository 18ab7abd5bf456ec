import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.wire.envelope import Envelope
from engine.wire.gemini.envelope import read_envelope

CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]


def read(**body: Any) -> Envelope:
    return read_envelope(json.dumps({"contents": CONTENTS} | body).encode(), model="gemini-3-pro", stream=True)


def test_the_path_says_what_and_how() -> None:
    """The model and the stream are the path's; the top level stays bytes."""
    envelope = read(model="models/other")
    assert (envelope.model, envelope.stream, envelope.asks_usage) == ("gemini-3-pro", True, True)
    assert json.loads(bytes(envelope.fields["contents"])) == CONTENTS
    assert envelope.input_tokens_low < envelope.input_tokens < envelope.input_tokens_high


def test_what_routing_looks_at() -> None:
    """In either spelling."""
    envelope = read(
        tools=[{"googleSearch": {}}],
        generation_config={
            "max_output_tokens": 5,
            "response_mime_type": "application/json",
            "thinking_config": {"thinking_budget": 9},
        },
        labels={"session_id": "s", "team": "t"},
        contents=[{"parts": [{"inlineData": {"mimeType": "image/png", "data": "QQ=="}}]}],
    )
    assert (envelope.has_tools, envelope.has_images, envelope.wants_json, envelope.reasoning) == (True,) * 4
    assert (envelope.max_tokens, envelope.session) == (5, "s")
    assert envelope.metadata == {"session_id": "s", "team": "t"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tools": [], "generationConfig": {}},
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}, "tools": None},
        {"generationConfig": None, "labels": None},
    ],
)
def test_nothing_is_found_where_nothing_is(body: dict[str, Any]) -> None:
    """Absent, null and empty fields ask for nothing."""
    envelope = read(**body)
    found = (envelope.has_tools, envelope.has_images, envelope.wants_json, envelope.reasoning)
    assert not any(found)
    assert envelope.max_tokens is None


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"\xff", "invalid_utf8", None),
        (b"{", "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b'{"contents": NaN}', "invalid_json", None),
        (b'{"contents": "\\ud800"}', "invalid_json", None),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", None),
        (b"{}", "missing_required_parameter", "contents"),
        (b'{"contents": []}', "invalid_value", "contents"),
        (b'{"contents": [{}], "generationConfig": []}', "invalid_type", "generationConfig"),
        (b'{"contents": [{}], "labels": []}', "invalid_type", "labels"),
        (
            b'{"contents": [{}], "generationConfig": {"maxOutputTokens": "5"}}',
            "invalid_type",
            "generationConfig.maxOutputTokens",
        ),
        (
            b'{"contents": [{}], "generationConfig": {"seed": 99999999999999999999}}',
            "number_out_of_range",
            "generationConfig.seed",
        ),
        (b'{"contents": [{}], "generationConfig": {"seed": 1e999}}', "number_out_of_range", "generationConfig"),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, code: str, param: str | None) -> None:
    """With a code, and the field where there is one."""
    with pytest.raises(BadRequest) as caught:
        read_envelope(body, model="m", stream=False)
    assert (caught.value.reason, caught.value.param) == (code, param)


def test_a_path_without_a_model_is_refused() -> None:
    """The caller is told that it names none."""
    with pytest.raises(BadRequest):
        read_envelope(b'{"contents":[{}]}', model="", stream=False)


@given(body=st.binary(max_size=60))
def test_no_body_is_too_strange(body: bytes) -> None:
    """Any bytes are a request or the caller's fault."""
    with suppress(BadRequest):
        read_envelope(body, model="m", stream=False)
