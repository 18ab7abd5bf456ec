import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.embeddings.gemini import TASK_TYPES, decode_reply, encode_request, finish
from engine.wire.embeddings.values import EmbedRequest, InputType

REPLY = (
    b'{"embeddings":[{"values":[1, 2]},{"values":[3, 4]}],"usageMetadata":{"promptTokenCount":12,'
    b'"promptTokenDetails":[{"modality":"IMAGE","tokenCount":5},{"modality":"TEXT","tokenCount":7}]}}'
)


def test_one_request_for_each_text() -> None:
    """A batch repeats model and options for each text, as Gemini demands."""
    asked = EmbedRequest(model="m", inputs=("a", "b"), dimensions=8, input_type=InputType.QUERY)
    encoded = encode_request(asked)
    assert encoded.dropped == ()
    options = {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8}
    assert json.loads(finish(encoded.fields, model="gemini-embedding-001")) == {
        "requests": [
            {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]}, **options}
            for text in ("a", "b")
        ]
    }


def test_a_model_with_its_folder() -> None:
    """A name that says its folder keeps it."""
    encoded = encode_request(EmbedRequest(model="m", inputs=("a",)))
    assert b'"model":"tunedModels/x"' in finish(encoded.fields, model="tunedModels/x")


def test_every_input_type_has_a_word() -> None:
    """All that vectors can be for can be said."""
    assert set(TASK_TYPES) == set(InputType)


def test_what_cannot_be_said_is_reported() -> None:
    """A user and extra fields are dropped by name; tokens, which are content, are refused."""
    asked = EmbedRequest(model="m", inputs=("a",), user="u", extra={"truncate": Json(b'"END"')})
    assert encode_request(asked).dropped == ("user", "truncate")
    with pytest.raises(BadRequest) as refused:
        encode_request(EmbedRequest(model="m", inputs=("a", (1, 2))))
    assert (refused.value.reason, refused.value.param) == ("content_not_supported", "input")


def test_replies_of_a_batch_and_of_one() -> None:
    """Vectors come in a list or alone, with usage at newer models and without at older ones."""
    reply = decode_reply(REPLY)
    assert [bytes(vector) for vector in reply.vectors] == [b"[1, 2]", b"[3, 4]"]
    assert reply.usage == Usage(input=7, image_input=5)
    one = decode_reply(b'{"embedding":{"values":[1]}}')
    assert (len(one.vectors), one.usage) == (1, None)
    vertex = REPLY.replace(b"promptTokenDetails", b"promptTokensDetails")
    assert decode_reply(vertex).usage == reply.usage


@given(at=st.integers(0, len(REPLY)), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b"{}", b'{"embeddings":[]}', b'{"embeddings":[{"values":[1]}],"usageMetadata":7}'):
        if body != REPLY:
            with pytest.raises(UpstreamMalformed):
                decode_reply(body)
