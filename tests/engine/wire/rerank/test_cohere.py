import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Measures, Usage
from engine.wire.body import read_fields
from engine.wire.rerank.cohere import decode_reply, decode_request, encode_reply, encode_request, finish
from engine.wire.rerank.values import Ranked, RerankReply, RerankRequest

REPLY = (
    b'{"id":"1","results":[{"index":1,"relevance_score":0.9,"document":{"text":"b"}},{"index":0,"relevance_score":0}],'
    b'"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1}}}'
)
JINA = (
    b'{"model":"jina-reranker-v2","usage":{"total_tokens":15,"prompt_tokens":15},'
    b'"results":[{"index":0,"relevance_score":0.25,"document":null}]}'
)


def test_replies() -> None:
    """Places, scores, repeated documents and what is paid, at Cohere and those who look like it."""
    reply = decode_reply(REPLY)
    assert reply == RerankReply(
        id="1",
        results=(Ranked(index=1, score=0.9, document=Json(b'{"text":"b"}')), Ranked(index=0, score=0.0)),
        measures=Measures(search_units=1),
    )
    jina = decode_reply(JINA)
    assert (jina.model, jina.usage, jina.measures) == ("jina-reranker-v2", Usage(input=15), Measures())
    assert jina.results == (Ranked(index=0, score=0.25),)


@pytest.mark.parametrize(
    ("meta", "usage"),
    [
        (b'{"billed_units":{"input_tokens":3}}', Usage(input=3)),
        (b'{"billed_units":{"search_units":1},"tokens":{"input_tokens":3,"output_tokens":0}}', Usage(input=3)),
        (b'{"billed_units":[]}', None),
        (b"7", None),
    ],
)
def test_tokens_beside_search_units(meta: bytes, usage: Usage | None) -> None:
    """Tokens are read where they are told."""
    assert decode_reply(b'{"results":[],"meta":' + meta + b"}").usage == usage


REQUESTS = st.builds(
    RerankRequest,
    model=st.just("m"),
    query=st.text(max_size=5),
    documents=st.lists(st.text(max_size=5) | st.just(Json(b'{"text":"x"}')), max_size=3).map(tuple),
    top_n=st.none() | st.integers(1, 5),
    return_documents=st.none() | st.booleans(),
    extra=st.sampled_from([{}, {"max_tokens_per_doc": Json(b"512")}]),
)
REPLIES = st.builds(
    RerankReply,
    id=st.sampled_from(["", "1"]),
    model=st.sampled_from(["", "m-1"]),
    results=st.lists(
        st.builds(
            Ranked,
            index=st.integers(0, 5),
            score=st.floats(0, 1),
            document=st.none() | st.just(Json(b'{"text":"x"}')),
        ),
        max_size=3,
    ).map(tuple),
    usage=st.none() | st.builds(Usage, input=st.integers(0, 9)),
    measures=st.builds(Measures, search_units=st.integers(0, 3)),
)


@given(asked=REQUESTS, reply=REPLIES)
def test_both_ways(asked: RerankRequest, reply: RerankReply) -> None:
    """Requests and answers that are written and read again mean the same."""
    encoded = encode_request(asked)
    assert encoded.dropped == ()
    assert decode_request(read_fields(finish(encoded.fields, model="m"))) == asked
    assert decode_reply(encode_reply(reply)) == reply


def test_search_units_are_told_to_callers() -> None:
    """A caller of Cohere's SDK finds what is billed where Cohere puts it."""
    assert json.loads(encode_reply(decode_reply(REPLY)))["meta"]["billed_units"] == {"search_units": 1}


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"top_n": "2"}, "top_n"), ({"return_documents": 1}, "return_documents"), ({"query": 7}, "query")],
)
def test_requests_of_another_shape(fields: dict[str, Any], param: str) -> None:
    """A field that is not of the protocol's shape is refused by its name."""
    body = {"model": "m", "query": "q", "documents": ["a"]} | fields
    with pytest.raises(BadRequest) as refused:
        decode_request(read_fields(json.dumps(body).encode()))
    assert refused.value.param == param


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (
        REPLY[:at],
        whole,
        b"{}",
        b'{"results":[{"index":0}]}',
        b'{"results":[{"index":"0","relevance_score":1}]}',
    ):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
