import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Surface, Usage
from engine.wire.codecs import spoken
from engine.wire.embeddings.values import EmbedRequest, InputType
from engine.wire.embeddings.vertex import decode_reply, encode_request, finish
from engine.wire.manner import Manner

OLD, NEW = "text-embedding-005", "gemini-embedding-2"
REPLY = (
    b'{"predictions":[{"embeddings":{"values":[1, 2],"statistics":{"truncated":false,"token_count":5}}},'
    b'{"embeddings":{"values":[3, 4],"statistics":{"truncated":false,"token_count":7}}}],"metadata":{}}'
)


def test_an_instance_for_each_text() -> None:
    """Settings hold for all texts, and what is too long is to be refused, not cut."""
    asked = EmbedRequest(model=OLD, inputs=("a", "b"), dimensions=8, input_type=InputType.QUERY)
    encoded = encode_request(asked)
    assert encoded.dropped == ()
    assert json.loads(finish(encoded.fields, model=OLD)) == {
        "instances": [{"content": text, "task_type": "RETRIEVAL_QUERY"} for text in ("a", "b")],
        "parameters": {"autoTruncate": False, "outputDimensionality": 8},
    }


def test_geminis_models_take_contents_and_no_name() -> None:
    """The model stands in the path, and in no request of the batch."""
    asked = EmbedRequest(model=NEW, inputs=("a", "b"), input_type=InputType.DOCUMENT)
    assert json.loads(finish(encode_request(asked).fields, model=NEW)) == {
        "requests": [{"content": {"parts": [{"text": text}]}, "taskType": "RETRIEVAL_DOCUMENT"} for text in ("a", "b")]
    }


@pytest.mark.parametrize(("model", "verb"), [(OLD, "predict"), (NEW, "batchEmbedContents")])
def test_the_path_belongs_to_the_body(model: str, verb: str) -> None:
    """Which of the two ways is taken is decided alike for both."""
    to = spoken(Surface.EMBEDDINGS, Manner(protocol="vertex"), model=model, stream=False)
    assert to is not None
    assert to.path == f"/publishers/google/models/{model}:{verb}"


@pytest.mark.parametrize("model", [OLD, NEW])
def test_what_cannot_be_said_is_reported(model: str) -> None:
    """A user and extra fields are dropped by name; tokens, which are content, are refused."""
    asked = EmbedRequest(model=model, inputs=("a",), user="u", extra={"truncate": Json(b'"END"')})
    assert encode_request(asked).dropped == ("user", "truncate")
    with pytest.raises(BadRequest) as refused:
        encode_request(EmbedRequest(model=model, inputs=("a", (1, 2))))
    assert (refused.value.reason, refused.value.param) == ("content_not_supported", "input")


def test_replies_of_both_ways() -> None:
    """Tokens are told for each text, or for all."""
    reply = decode_reply(REPLY)
    assert [bytes(vector) for vector in reply.vectors] == [b"[1, 2]", b"[3, 4]"]
    assert reply.usage == Usage(input=12)
    batch = decode_reply(b'{"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":3}}')
    assert (len(batch.vectors), batch.usage) == (1, Usage(input=3))


@pytest.mark.parametrize("gone", [b',"statistics":{"truncated":false,"token_count":7}', b',"token_count":7'])
def test_half_a_count_is_none(gone: bytes) -> None:
    """Where one text is not counted the input is estimated, and not told too low."""
    assert decode_reply(REPLY.replace(gone, b"")).usage is None


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b"{}", b'{"predictions":[]}', b'{"predictions":[{"embeddings":{}}]}', b"[]"):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
