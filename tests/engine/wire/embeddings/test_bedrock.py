import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.values import Usage
from engine.wire.embeddings.bedrock import decode_reply, encode_request, finish
from engine.wire.embeddings.values import EmbedRequest, InputType

TITAN = "amazon.titan-embed-text-v2:0"
REPLY = b'{"embedding":[1, 2],"embeddingsByType":{"float":[1, 2]},"inputTextTokenCount":4}'


def sent(request: EmbedRequest) -> dict[str, object]:
    body: dict[str, object] = json.loads(finish(encode_request(request).fields, model=request.model))
    return body


def test_titan() -> None:
    """Titan takes one text; the model's name is in the path and not in the body."""
    asked = EmbedRequest(model=TITAN, inputs=("a",), dimensions=256, input_type=InputType.QUERY, user="u")
    assert sent(asked) == {"inputText": "a", "dimensions": 256}
    assert encode_request(asked).dropped == ("input_type", "user")


def test_titan_takes_one_text_at_a_time() -> None:
    """Several texts, and tokens, are refused and not cut short."""
    for inputs in (("a", "b"), ((1, 2),)):
        with pytest.raises(BadRequest) as refused:
            encode_request(EmbedRequest(model=TITAN, inputs=inputs))
        assert refused.value.reason == "content_not_supported"


@pytest.mark.parametrize("model", ["cohere.embed-english-v3", "eu.cohere.embed-v4:0"])
def test_cohere_at_bedrock(model: str) -> None:
    """Cohere's models take Cohere's body, without the model's name."""
    assert sent(EmbedRequest(model=model, inputs=("a", "b"))) == {
        "texts": ["a", "b"],
        "input_type": "search_document",
        "embedding_types": ["float"],
    }


def test_replies() -> None:
    """Titan counts its tokens in the body; for Cohere's models the header does."""
    assert decode_reply(REPLY).usage == Usage(input=4)
    assert [bytes(vector) for vector in decode_reply(REPLY).vectors] == [b"[1, 2]"]
    by_type = decode_reply(b'{"embedding":null,"embeddingsByType":{"float":[3]}}')
    assert ([bytes(vector) for vector in by_type.vectors], by_type.usage) == ([b"[3]"], None)
    cohere = b'{"id":"1","embeddings":{"float":[[1],[2]]},"response_type":"embeddings_by_type"}'
    reply = decode_reply(cohere, [(b"x-amzn-bedrock-input-token-count", b"7")])
    assert (len(reply.vectors), reply.usage) == (2, Usage(input=7))
    assert decode_reply(cohere, [(b"x-amzn-bedrock-input-token-count", b"many")]).usage is None


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b"{}", b'{"embeddings":[]}', b'{"embeddingsByType":{"binary":[1]}}'):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
