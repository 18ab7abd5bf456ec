import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.body import read_fields
from engine.wire.images.openai import decode_reply, decode_request, encode_reply, encode_request, finish
from engine.wire.images.values import Image, ImageReply, ImageRequest

REPLY = (
    b'{"created":7,"background":"opaque","data":[{"b64_json":"iVBORw0K"}],"output_format":"png","quality":"high",'
    b'"size":"1024x1024","usage":{"input_tokens":60,"input_tokens_details":{"image_tokens":50,"text_tokens":10},'
    b'"output_tokens":272,"total_tokens":332}}'
)


def test_replies_by_token() -> None:
    """A picture model's answer: the picture unread, its settings, and tokens by kind."""
    reply = decode_reply(REPLY)
    assert reply.images == (Image(base64=Json(b'"iVBORw0K"')),)
    assert (reply.created, reply.size, reply.quality, reply.output_format) == (7, "1024x1024", "high", "png")
    assert reply.usage == Usage(input=10, image_input=50, image_output=272)
    assert reply.measures.images == 1


def test_replies_by_picture() -> None:
    """Older models and xAI answer with addresses, and no tokens."""
    body = (
        b'{"created":7,"data":[{"url":"https://a/b.png","revised_prompt":"a very small cat"},'
        b'{"url":"https://a/c.jpeg","mime_type":"image/jpeg","b64_json":null}],"usage":{"cost_in_usd_ticks":7}}'
    )
    reply = decode_reply(body)
    assert reply.images == (
        Image(url="https://a/b.png", revised_prompt="a very small cat"),
        Image(url="https://a/c.jpeg", media_type="image/jpeg"),
    )
    assert (reply.usage, reply.measures.images) == (None, 2)


REQUESTS = st.builds(
    ImageRequest,
    model=st.just("m"),
    prompt=st.text(max_size=5),
    n=st.none() | st.integers(1, 4),
    size=st.sampled_from(["", "auto"]),
    quality=st.sampled_from(["", "low"]),
    response_format=st.sampled_from(["", "url"]),
    output_format=st.sampled_from(["", "webp"]),
    stream=st.booleans(),
    user=st.sampled_from(["", "u"]),
    extra=st.sampled_from([{}, {"partial_images": Json(b"2")}]),
)
REPLIES = st.builds(
    ImageReply,
    created=st.integers(0, 9),
    images=st.lists(
        st.builds(
            Image,
            url=st.sampled_from(["", "https://a/b.png"]),
            base64=st.none() | st.just(Json(b'"iVBO"')),
            revised_prompt=st.sampled_from(["", "x"]),
            media_type=st.sampled_from(["", "image/png"]),
        ),
        max_size=3,
    ).map(tuple),
    size=st.sampled_from(["", "1024x1024"]),
    background=st.sampled_from(["", "opaque"]),
    usage=st.none()
    | st.builds(Usage, input=st.integers(0, 9), image_input=st.integers(0, 9), image_output=st.integers(0, 9)),
)


@given(asked=REQUESTS, reply=REPLIES)
def test_both_ways(asked: ImageRequest, reply: ImageReply) -> None:
    """Requests and answers that are written and read again mean the same."""
    encoded = encode_request(asked)
    assert encoded.dropped == ()
    assert decode_request(read_fields(finish(encoded.fields, model="m"))) == asked
    assert decode_reply(encode_reply(reply, created=0)) == replace(reply, created=reply.created or 0)


@pytest.mark.parametrize(("fields", "param"), [({"n": "2"}, "n"), ({"size": 7}, "size"), ({"prompt": None}, "prompt")])
def test_requests_of_another_shape(fields: dict[str, Any], param: str) -> None:
    """A field that is not of the protocol's shape is refused by its name."""
    with pytest.raises(BadRequest) as refused:
        decode_request(read_fields(json.dumps({"prompt": "a"} | fields).encode()))
    assert refused.value.param == param


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b"{}", b'{"data":null}', b'{"data":[7]}', b'{"data":[{"url":7}]}'):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
