import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.embeddings.cohere import INPUT_TYPES, decode_reply, encode_request, finish, read_usage
from engine.wire.embeddings.values import EmbedRequest, InputType

REPLY = (
    b'{"id":"1","texts":["a"],"embeddings":{"float":[[1, 2]]},"meta":{"api_version":{"version":"2"},'
    b'"billed_units":{"input_tokens":3,"image_tokens":4}},"response_type":"embeddings_by_type"}'
)


def test_requests() -> None:
    """Texts, what they are for, and numbers back, whatever spelling the caller gets them in."""
    asked = EmbedRequest(
        model="m", inputs=("a",), dimensions=8, input_type=InputType.CLUSTERING, as_base64=True, user="u"
    )
    encoded = encode_request(asked)
    assert encoded.dropped == ("user",)
    assert json.loads(finish(encoded.fields, model="embed-v4.0")) == {
        "model": "embed-v4.0",
        "texts": ["a"],
        "input_type": "clustering",
        "embedding_types": ["float"],
        "output_dimension": 8,
    }


def test_an_input_type_is_always_sent() -> None:
    """Cohere refuses requests without one; texts are taken for documents where the caller does not say."""
    encoded = encode_request(EmbedRequest(model="m", inputs=("a",)))
    assert bytes(encoded.fields["input_type"]) == b'"search_document"'
    assert set(INPUT_TYPES) == set(InputType)


def test_tokens_are_refused() -> None:
    """Tokens are content and mean nothing to another vocabulary."""
    with pytest.raises(BadRequest, match="Cohere"):
        encode_request(EmbedRequest(model="m", inputs=((1,),), extra={"a": Json(b"1")}))


@pytest.mark.parametrize(
    "embeddings", [b'{"float":[[1, 2]]}', b"[[1, 2]]", b'{"int8":null,"float":[[1, 2]]}', b'{"int8":[[1, 2]]}']
)
def test_replies_of_all_versions(embeddings: bytes) -> None:
    """Vectors come by type, or in older versions by themselves."""
    reply = decode_reply(REPLY.replace(b'{"float":[[1, 2]]}', embeddings))
    assert [bytes(vector) for vector in reply.vectors] == [b"[1, 2]"]
    assert reply.usage == Usage(input=3, image_input=4)


@pytest.mark.parametrize("meta", [None, {}, {"billed_units": {}}, {"billed_units": {"search_units": 1}}, [], "x"])
def test_no_tokens_are_no_usage(meta: object) -> None:
    """An answer whose `meta` counts no tokens reports no usage."""
    assert read_usage(meta) is None


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b'{"embeddings":null}', b'{"embeddings":{}}', b'{"embeddings":{"float":7}}'):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
