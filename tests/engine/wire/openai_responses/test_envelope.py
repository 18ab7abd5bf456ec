import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.values import Wishes
from engine.wire.openai_responses.envelope import finish, read_envelope

REQUEST = {"model": "demo", "input": "hi"}


def envelope(**more: Any) -> Any:
    return read_envelope(json.dumps(REQUEST | more).encode())


def test_what_routing_asks_of_a_request() -> None:
    """Every fact that rules may know of is read under this protocol's names."""
    asked = envelope(
        stream=True,
        max_output_tokens=7,
        tools=[{"type": "function", "name": "f"}],
        text={"format": {"type": "json_object"}},
        reasoning={"effort": "low"},
        user="u",
        metadata={"session_id": "s", "n": 1},
        provider={"only": ["a"], "allow_fallbacks": False},
    )

    assert (asked.model, asked.stream, asked.max_tokens, asked.user, asked.session) == ("demo", True, 7, "u", "s")
    assert (asked.has_tools, asked.wants_json, asked.reasoning, asked.asks_usage) == (True, True, True, True)
    assert asked.metadata == {"session_id": "s"}
    assert asked.wishes == Wishes(only=("a",), allow_fallbacks=False)


def test_what_a_small_request_does_not_ask() -> None:
    """Nothing is made up where nothing was said."""
    asked = envelope(tools=[], reasoning=None, text=None)

    told = (asked.stream, asked.has_tools, asked.wants_json, asked.reasoning, asked.has_images, asked.has_audio)
    assert not any(told)
    assert asked.max_tokens is asked.wishes is None


@pytest.mark.parametrize(
    ("reasoning", "asked"),
    [({"effort": "none"}, False), ({}, False), ({"effort": None}, False), ({"summary": "auto"}, True)],
)
def test_reasoning_that_is_asked_for(reasoning: dict[str, Any], asked: bool) -> None:
    """An effort of none is no wish to reason; a summary is one."""
    assert envelope(reasoning=reasoning).reasoning is asked


BAD: list[tuple[bytes, str, str | None]] = [
    (b"\xff", "invalid_utf8", None),
    (b"{", "invalid_json", None),
    (b"[]", "invalid_json", None),
    (b'{"model": "m", "input": "a", "x": NaN}', "invalid_json", None),
    (b'{"model": "m", "input": "a", "x": "\\ud800"}', "invalid_json", None),
    (b'{"model": "m", "input": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", None),
    (b'{"input": "a"}', "missing_required_parameter", "model"),
    (b'{"model": 1, "input": "a"}', "invalid_type", "model"),
    (b'{"model": "m"}', "missing_required_parameter", "input"),
    (b'{"model": "m", "input": null}', "missing_required_parameter", "input"),
    (b'{"model": "m", "input": 1}', "invalid_type", "input"),
    (b'{"model": "m", "input": ["a"]}', "invalid_type", "input"),
    (b'{"model": "m", "input": "a", "stream": 1}', "invalid_type", "stream"),
    (b'{"model": "m", "input": "a", "max_output_tokens": -1}', "invalid_type", "max_output_tokens"),
    (b'{"model": "m", "input": "a", "seed": ' + b"9" * 30 + b"}", "number_out_of_range", "seed"),
    (b'{"model": "m", "input": "a", "provider": 1}', "invalid_type", "provider"),
    (b'{"model": "m", "input": "a", "provider": {"only": "a"}}', "invalid_type", "provider.only"),
]


@pytest.mark.parametrize(("body", "code", "param"), BAD, ids=[body[:40].decode("latin-1") for body, _, _ in BAD])
def test_what_is_no_request(body: bytes, code: str, param: str | None) -> None:
    """The caller learns what is wrong, and where."""
    with pytest.raises(BadRequest) as caught:
        read_envelope(body)
    if code != "invalid_json" or caught.value.param is None:
        assert (caught.value.reason, caught.value.param) == (code, param)
    assert caught.value.reason == code


@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]":,0model input', max_size=60).map(str.encode))
def test_no_body_is_too_strange(body: bytes) -> None:
    """Any bytes are a request or a BadRequest."""
    with suppress(BadRequest):
        assert read_envelope(body).model


def test_what_goes_to_a_provider() -> None:
    """Model and stream are set, our wishes go, everything else stays byte for byte."""
    body = b'{"model": "demo", "input": [ 1.50 ], "x": {"y":  2}, "provider": {}, "stream": true}'
    fields = read_envelope(body.replace(b"[ 1.50 ]", b'[ {"a": 1.50} ]')).fields

    assert finish(fields, model="up", stream=True) == (
        b'{"model":"up","input":[ {"a": 1.50} ],"x":{"y":  2},"stream":true}'
    )
    assert b"stream" not in finish(fields, model="up", stream=False)


def test_what_we_sealed_does_not_go_to_a_provider() -> None:
    """Reasoning of other protocols is taken out; of a thought that is the provider's own, only the id that we made."""
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "engine:gemini:s:a"}
    invented = {"type": "reasoning", "id": "rs_engine_a_0", "summary": []}
    own = {"type": "reasoning", "id": "rs_engine_a_1", "summary": [], "encrypted_content": "gAAA"}
    said = {"role": "user", "content": 'say "rs_engine_'}

    sent = json.loads(finish(envelope(input=[sealed, said, invented, own]).fields, model="m", stream=False))

    assert sent["input"] == [said, {name: value for name, value in own.items() if name != "id"}]
