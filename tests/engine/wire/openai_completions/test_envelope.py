from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.wire.openai_completions.envelope import finish, read_envelope


def read(**said: object) -> Any:
    return read_envelope(msgspec.json.encode({"model": "m", "prompt": "Hi", **said}))


def test_what_routing_needs_is_read() -> None:
    """Model, stream, bounds, user, session and wishes; the caller's bytes are kept."""
    request = read(
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=9,
        user="u",
        metadata={"session_id": "s", "n": 1},
        provider={"order": ["a"], "allow_fallbacks": False},
    )
    assert (request.model, request.stream, request.asks_usage, request.max_tokens) == ("m", True, True, 9)
    assert (request.user, request.session, request.metadata) == ("u", "s", {"session_id": "s"})
    assert request.wishes.order == ("a",)
    assert request.wishes.allow_fallbacks is False
    assert bytes(request.fields["prompt"]) == b'"Hi"'


@pytest.mark.parametrize(
    ("prompt", "count"),
    [([1, 2, 3], 3), ([[1, 2], [3]], 3), ([], 0)],
)
def test_tokens_are_counted(prompt: object, count: int) -> None:
    """A prompt that is tokens already needs no estimate."""
    request = read(prompt=prompt)
    assert (request.input_tokens_low, request.input_tokens, request.input_tokens_high) == (count, count, count)


@pytest.mark.parametrize("prompt", ["Hi " * 100, ["Hi " * 100], None])
def test_texts_are_estimated(prompt: object) -> None:
    """By the size of the body, and never beyond it."""
    request = read(prompt=prompt)
    assert 0 < request.input_tokens_low < request.input_tokens < request.input_tokens_high


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b'{"model":"m","prompt":"\xff"}', "invalid_utf8", None),
        (b'{"model":"m","prompt":NaN}', "invalid_json", None),
        (b'{"model":"m","prompt":"a"', "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b'{"model":"m","prompt":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", None),
        (b'{"model":"m"}', "missing_required_parameter", "prompt"),
        (b'{"model":"m","prompt":{}}', "invalid_type", "prompt"),
        (b'{"model":"m","prompt":[1.5]}', "invalid_type", "prompt"),
        (b'{"model":"m","prompt":"\\ud800"}', "invalid_json", None),
        (b'{"prompt":"a"}', "missing_required_parameter", "model"),
        (b'{"model":"","prompt":"a"}', "invalid_type", "model"),
        (b'{"model":"m","prompt":"a","stream":"yes"}', "invalid_type", "stream"),
        (b'{"model":"m","prompt":"a","stream_options":7}', "invalid_type", "stream_options"),
        (
            b'{"model":"m","prompt":"a","stream_options":{"include_usage":1}}',
            "invalid_type",
            "stream_options.include_usage",
        ),
        (b'{"model":"m","prompt":"a","max_tokens":-1}', "invalid_type", "max_tokens"),
        (b'{"model":"m","prompt":"a","seed":99999999999999999999}', "number_out_of_range", "seed"),
        (b'{"model":"m","prompt":"a","provider":{"only":"a"}}', "invalid_type", "provider.only"),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, code: str, param: str | None) -> None:
    """Code and parameter say what is wrong."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(body)
    assert (refused.value.reason, refused.value.param) == (code, param)


def sent(streamed: bool, **said: object) -> Any:
    return msgspec.json.decode(finish(read(**said).fields, model="up", stream=streamed))


def test_streams_are_asked_for_usage() -> None:
    """Other options stay; where it is no stream, there are none, since OpenAI refuses them."""
    assert sent(True, stream_options={"x": 1})["stream_options"] == {"x": 1, "include_usage": True}
    assert sent(True) == {"model": "up", "prompt": "Hi", "stream_options": {"include_usage": True}, "stream": True}
    assert sent(False, stream=True, stream_options={"x": 1}) == {"model": "up", "prompt": "Hi", "stream": False}
    assert sent(False, provider={"order": ["a"]}) == {"model": "up", "prompt": "Hi"}


@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]",:promtdel0', max_size=40).map(str.encode))
def test_nothing_crashes_it(body: bytes) -> None:
    """Whatever a caller sends is a request or a fault of the caller's."""
    with suppress(BadRequest):
        read_envelope(body)
