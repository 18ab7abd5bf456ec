import pytest

from engine.errors import BadRequest
from engine.wire.rerank.envelope import finish, read_envelope


def test_what_routing_sees() -> None:
    """Model and size are read; the rest goes on byte for byte."""
    body = b'{"model":"m","query":"q","documents":["a", {"text": "b"}],"top_n":1,"provider":{"only":["x"]}}'
    envelope = read_envelope(body)
    assert (envelope.model, envelope.input_tokens_high) == ("m", len(body))
    assert envelope.wishes is not None
    sent = finish(envelope.fields, model="up-1")
    assert sent == b'{"model":"up-1","query":"q","documents":["a", {"text": "b"}],"top_n":1}'


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b'{"query":"q","documents":["a"]}', "model", "missing_required_parameter"),
        (b'{"model":"m","documents":["a"]}', "query", "missing_required_parameter"),
        (b'{"model":"m","query":7,"documents":["a"]}', "query", "invalid_type"),
        (b'{"model":"m","query":"q"}', "documents", "missing_required_parameter"),
        (b'{"model":"m","query":"q","documents":"a"}', "documents", "invalid_type"),
        (b'{"model":"m","query":"q","documents":[1]}', "documents", "invalid_type"),
        (b'{"model":"m","query":"q","documents":[]}', "documents", "invalid_value"),
        (
            b'{"model":"m","query":"q","documents":[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
            None,
            "invalid_json",
        ),
        (b"7", None, "invalid_json"),
    ],
)
def test_what_is_refused(body: bytes, param: str | None, code: str) -> None:
    """A request that routing cannot use is refused, and says which field is to be changed."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(body)
    assert (refused.value.param, refused.value.reason) == (param, code)
