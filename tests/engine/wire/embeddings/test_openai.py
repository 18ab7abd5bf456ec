import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.body import read_fields
from engine.wire.embeddings.openai import (
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    finish,
    read_usage,
    relay,
)
from engine.wire.embeddings.values import EmbedReply, EmbedRequest, InputType

LISTED = (
    b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1, -2.5]}],"model":"m-1",'
    b'"usage":{"prompt_tokens":3,"total_tokens":3},"provider":"x"}'
)
PACKED = LISTED.replace(b"[1, -2.5]", b'"AACAPwAAIMA="')


def request(**fields: Any) -> EmbedRequest:
    return decode_request(read_fields(json.dumps({"model": "m", "input": "a"} | fields).encode()))


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ("a",)),
        ("", ("",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
        (["a", [3]], ("a", (3,))),
    ],
)
def test_inputs(given: Any, inputs: Any) -> None:
    """One input or several, texts or tokens; numbers by themselves are one text."""
    assert request(input=given).inputs == inputs


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": []}, "input", "invalid_value"),
        ({"input": ["a", 1]}, "input", "invalid_type"),
        ({"input": [{"image": "x"}]}, "input", "content_not_supported"),
        ({"dimensions": "8"}, "dimensions", "invalid_type"),
        ({"user": 7}, "user", "invalid_type"),
    ],
)
def test_requests_of_another_shape(fields: dict[str, Any], param: str, code: str) -> None:
    """A field that is not of the protocol's shape is refused by its name."""
    with pytest.raises(BadRequest) as refused:
        request(**fields)
    assert (refused.value.param, refused.value.reason) == (param, code)


@pytest.mark.parametrize("word", ["query", "search_query", "RETRIEVAL_QUERY"])
def test_input_types_in_all_words(word: str) -> None:
    """What the vectors are for is understood in Voyage's, Cohere's and Gemini's words."""
    asked = request(input_type=word)
    assert asked.input_type is InputType.QUERY
    assert not asked.extra


@pytest.mark.parametrize("word", ["image", 7, None])
def test_an_input_type_that_nobody_shares(word: object) -> None:
    """Another word stays with what only its own protocol knows."""
    assert list(request(input_type=word).extra) == ["input_type"]


REQUESTS = st.builds(
    EmbedRequest,
    model=st.just("m"),
    inputs=st.lists(
        st.text(max_size=5) | st.lists(st.integers(0, 9), max_size=3).map(tuple), min_size=1, max_size=3
    ).map(tuple),
    dimensions=st.none() | st.integers(1, 9),
    input_type=st.none() | st.sampled_from(InputType),
    as_base64=st.none() | st.booleans(),
    user=st.sampled_from(["", "u"]),
    extra=st.sampled_from([{}, {"truncate": Json(b'"END"')}]),
)


@given(asked=REQUESTS)
def test_requests_survive(asked: EmbedRequest) -> None:
    """A request that is written and read again means the same."""
    encoded = encode_request(asked)
    assert encoded.dropped == ()
    assert decode_request(read_fields(finish(encoded.fields, model="m"))) == asked


REPLIES = st.builds(
    EmbedReply,
    model=st.sampled_from(["", "m-1"]),
    vectors=st.lists(st.sampled_from([Json(b"[1.0,-2.5]"), Json(b"[0.5]")]), max_size=3).map(tuple),
    usage=st.builds(Usage, input=st.integers(0, 9)),
)


@given(reply=REPLIES)
def test_replies_survive(reply: EmbedReply) -> None:
    """An answer that is written and read again is the same, and in base64 tells the same numbers."""
    assert decode_reply(encode_reply(reply, as_base64=False)) == reply
    packed = decode_reply(encode_reply(reply, as_base64=True))
    assert decode_reply(encode_reply(packed, as_base64=False)) == reply


def test_what_is_as_asked_passes_untouched() -> None:
    """A provider's answer whose vectors are spelled as asked goes out byte for byte."""
    assert relay(LISTED, as_base64=False)[1] is LISTED
    assert relay(PACKED, as_base64=True)[1] is PACKED


def test_the_other_spelling_is_translated_in_place() -> None:
    """Of an answer in the other spelling only the vectors change; what we do not know stays."""
    reply, out = relay(LISTED, as_base64=True)
    assert json.loads(out) == json.loads(PACKED)
    assert reply.usage == Usage(input=3)
    assert json.loads(relay(PACKED, as_base64=False)[1]) == json.loads(LISTED)


def test_tokens_are_told_under_the_name_that_sdks_read() -> None:
    """Where a provider reports the total alone, as Voyage does, the caller finds `prompt_tokens`, too."""
    voyage = LISTED.replace(b'"prompt_tokens":3,', b"")
    assert json.loads(relay(voyage, as_base64=False)[1])["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    silent = LISTED.replace(b'"prompt_tokens":3,"total_tokens":3', b"")
    assert json.loads(relay(silent, as_base64=False)[1]) == json.loads(silent)


def test_vectors_stand_in_the_order_of_the_inputs() -> None:
    """Where an answer numbers its vectors in another order, the numbers count; where the numbers are nonsense, not."""
    body = b'{"data":[{"index":%d,"embedding":[1]},{"index":%d,"embedding":[2]}]}'
    assert [bytes(vector) for vector in decode_reply(body % (1, 0)).vectors] == [b"[2]", b"[1]"]
    assert [bytes(vector) for vector in decode_reply(body % (0, 0)).vectors] == [b"[1]", b"[2]"]


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        ({"prompt_tokens": 3, "total_tokens": 3, "completion_tokens": 0, "cost": 1e-7}, Usage(input=3)),
        ({"total_tokens": 12}, Usage(input=12)),
        ({"prompt_tokens": None, "total_tokens": 12}, Usage(input=12)),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"image_tokens": 5}}, Usage(input=4, image_input=5)),
        ({}, None),
        (None, None),
        ("x", None),
    ],
)
def test_usage(reported: object, usage: Usage | None) -> None:
    """Tokens are `prompt_tokens`, or the total where a provider reports that alone."""
    assert read_usage(reported) == usage


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"data":null}', b'{"data":[{}]}', b'{"data":[{"embedding":[1],"index":"0"}]}', b"\xff", b"{"],
)
def test_answers_that_are_none(body: bytes) -> None:
    """What holds no list of embeddings is malformed."""
    with pytest.raises(UpstreamMalformed):
        decode_reply(body)


@given(at=st.integers(0, len(PACKED) - 1), byte=st.binary(min_size=1, max_size=1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, byte: bytes, whole: bytes) -> None:
    """Any bytes are an answer or are malformed."""
    for body in (PACKED[:at] + byte + PACKED[at + 1 :], LISTED[:at], whole):
        for as_base64 in (False, True):
            with suppress(UpstreamMalformed):
                assert relay(body, as_base64=as_base64)[1]
