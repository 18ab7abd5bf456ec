import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.values import Usage
from engine.wire.embeddings.ollama import decode_reply, encode_request, finish
from engine.wire.embeddings.values import EmbedRequest, InputType

REPLY = b'{"model":"m-1","embeddings":[[1, 2]],"total_duration":9,"prompt_eval_count":4}'


def test_requests() -> None:
    """Texts and dimensions; what the vectors are for cannot be said and is reported."""
    asked = EmbedRequest(model="m", inputs=("a", "b"), dimensions=8, input_type=InputType.QUERY, user="u")
    encoded = encode_request(asked)
    assert encoded.dropped == ("input_type", "user")
    assert json.loads(finish(encoded.fields, model="nomic")) == {"model": "nomic", "input": ["a", "b"], "dimensions": 8}
    with pytest.raises(BadRequest, match="Ollama"):
        encode_request(EmbedRequest(model="m", inputs=((1,),)))


def test_replies_of_both_endpoints() -> None:
    """`/api/embed` answers with a list and tokens, the older `/api/embeddings` with one vector and none."""
    reply = decode_reply(REPLY)
    assert (reply.model, [bytes(v) for v in reply.vectors], reply.usage) == ("m-1", [b"[1, 2]"], Usage(input=4))
    older = decode_reply(b'{"embedding":[1]}')
    assert ([bytes(v) for v in older.vectors], older.usage) == ([b"[1]"], None)


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b"{}", b'{"embeddings":[]}', b'{"embeddings":7}', b'{"embedding":null}'):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
