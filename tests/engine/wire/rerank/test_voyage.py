import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.rerank.values import Ranked, RerankReply, RerankRequest
from engine.wire.rerank.voyage import decode_reply, encode_request, finish

REPLY = (
    b'{"object":"list","data":[{"relevance_score":0.9,"index":1,"document":"b"},{"relevance_score":0.5,"index":0}],'
    b'"model":"rerank-2","usage":{"total_tokens":43}}'
)


def test_requests() -> None:
    """`top_n` is `top_k`; of an object the text is ranked; what only Cohere knows is reported."""
    asked = RerankRequest(
        model="m",
        query="q",
        documents=("a", Json(b'{"text":"b","title":"c"}')),
        top_n=2,
        return_documents=True,
        extra={"max_tokens_per_doc": Json(b"512")},
    )
    encoded = encode_request(asked)
    assert encoded.dropped == ("max_tokens_per_doc",)
    assert json.loads(finish(encoded.fields, model="rerank-2")) == {
        "model": "rerank-2",
        "query": "q",
        "documents": ["a", "b"],
        "top_k": 2,
        "return_documents": True,
    }


def test_documents_that_are_no_text() -> None:
    """A picture is content, so it is refused and not left out."""
    with pytest.raises(BadRequest) as refused:
        encode_request(RerankRequest(model="m", query="q", documents=(Json(b'{"image":"https://a/b.png"}'),)))
    assert (refused.value.reason, refused.value.param) == ("content_not_supported", "documents")


def test_replies() -> None:
    """Documents come as texts and are told as Cohere tells them."""
    assert decode_reply(REPLY) == RerankReply(
        model="rerank-2",
        results=(Ranked(index=1, score=0.9, document=Json(b'{"text":"b"}')), Ranked(index=0, score=0.5)),
        usage=Usage(input=43),
    )
    assert decode_reply(b'{"data":[],"usage":null}') == RerankReply(results=())


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b"{}", b'{"data":[{"index":0}]}', b'{"data":7}'):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
