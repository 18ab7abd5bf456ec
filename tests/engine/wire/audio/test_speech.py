import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.hub import Json
from engine.values import Measures
from engine.wire.audio.speech import decode_request, encode_request, finish, read_envelope
from engine.wire.audio.values import SpeechRequest
from engine.wire.body import read_fields


def test_characters_are_counted() -> None:
    """What is to be spoken is counted in characters, not in bytes, and the rest goes on byte for byte."""
    body = '{"model":"m","input":"Grüße 👋","voice":"alloy","new":{"a": 1}}'.encode()
    envelope = read_envelope(body)
    assert envelope.measures == Measures(characters=7)
    assert (envelope.model, envelope.stream) == ("m", False)
    assert finish(envelope.fields, model="m") == body


def test_sound_in_events_is_a_stream() -> None:
    """`stream_format: sse` is what makes an answer of events."""
    assert read_envelope(b'{"model":"m","input":"a","voice":"v","stream_format":"sse"}').stream
    assert not read_envelope(b'{"model":"m","input":"a","voice":"v","stream_format":"audio"}').stream


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b'{"model":"m","voice":"v"}', "input", "missing_required_parameter"),
        (b'{"model":"m","input":""}', "input", "invalid_type"),
        (b'{"model":"m","input":7}', "input", "invalid_type"),
        (b'{"input":"a"}', "model", "missing_required_parameter"),
        (b'{"input":"\\ud800"}', None, "invalid_json"),
        (b"[]", None, "invalid_json"),
        (b'{"input":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None, "invalid_json"),
    ],
)
def test_what_is_refused(body: bytes, param: str | None, code: str) -> None:
    """A request that routing cannot use is refused, and says which field is to be changed."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(body)
    assert (refused.value.param, refused.value.reason) == (param, code)


REQUESTS = st.builds(
    SpeechRequest,
    model=st.just("m"),
    input=st.text(min_size=1, max_size=5),
    voice=st.sampled_from(["alloy", Json(b'{"id":"voice_1"}')]),
    instructions=st.sampled_from(["", "cheerful"]),
    response_format=st.sampled_from(["", "opus"]),
    speed=st.none() | st.just(1.5),
    as_events=st.booleans(),
    extra=st.sampled_from([{}, {"lang": Json(b'"de"')}]),
)


@given(asked=REQUESTS)
def test_both_ways(asked: SpeechRequest) -> None:
    """A request that is written and read again means the same."""
    encoded = encode_request(asked)
    assert encoded.dropped == ()
    assert decode_request(read_fields(finish(encoded.fields, model="m"))) == asked


@pytest.mark.parametrize(("fields", "param"), [({"speed": "fast"}, "speed"), ({"instructions": 7}, "instructions")])
def test_requests_of_another_shape(fields: dict[str, Any], param: str) -> None:
    """A field that is not of the protocol's shape is refused by its name."""
    body = {"input": "a", "voice": "v"} | fields
    with pytest.raises(BadRequest) as refused:
        decode_request(read_fields(json.dumps(body).encode()))
    assert refused.value.param == param
