import pytest

from engine.errors import BadRequest
from engine.wire.embeddings.envelope import finish, read_envelope, wants_base64


def test_what_routing_sees() -> None:
    """Model, size, user and tags are read; the rest goes on byte for byte."""
    body = b'{"model":"m","input":["a", "b"],"user":"u","metadata":{"team":"x"},"dimensions":8,"new":{"a": 1}}'
    envelope = read_envelope(body)
    assert (envelope.model, envelope.user, envelope.metadata, envelope.stream) == ("m", "u", {"team": "x"}, False)
    assert (envelope.input_tokens_low, envelope.input_tokens_high) == (len(body) // 6, len(body))
    assert finish(envelope.fields, model="up-1") == body.replace(b'"m"', b'"up-1"')


@pytest.mark.parametrize(
    ("said", "wanted"), [(b"", False), (b',"encoding_format": "base64"', True), (b',"encoding_format":"float"', False)]
)
def test_the_spelling_that_is_wanted(said: bytes, wanted: bool) -> None:
    """Vectors are wanted as numbers unless the caller says base64."""
    assert wants_base64(read_envelope(b'{"model":"m","input":"a"' + said + b"}").fields) is wanted


@pytest.mark.parametrize(("given", "count"), [(b"[1,2,3]", 3), (b"[[1,2],[3]]", 3)])
def test_tokens_are_counted(given: bytes, count: int) -> None:
    """Input that is tokens already counts exactly those."""
    envelope = read_envelope(b'{"model":"m","input":' + given + b"}")
    assert (envelope.input_tokens_low, envelope.input_tokens, envelope.input_tokens_high) == (count, count, count)


@pytest.mark.parametrize("given", [b'""', b'["",""]', b'[{"image":"https://a/b.png"},{"text":"x"}]'])
def test_what_may_be_embedded(given: bytes) -> None:
    """OpenAI embeds the empty text, too; pictures go to those who take them."""
    assert read_envelope(b'{"model":"m","input":' + given + b"}").input_tokens > 0


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b'{"input":"a"}', "model", "missing_required_parameter"),
        (b'{"model":"m"}', "input", "missing_required_parameter"),
        (b'{"model":"m","input":null}', "input", "invalid_type"),
        (b'{"model":"m","input":7}', "input", "invalid_type"),
        (b'{"model":"m","input":[null]}', "input", "invalid_type"),
        (b'{"model":"m","input":[]}', "input", "invalid_value"),
        (b'{"model":"m","input":"a","dimensions":1e999}', "dimensions", "number_out_of_range"),
        (b'{"model":"m","input":"a","provider":[]}', "provider", "invalid_type"),
        (b"[]", None, "invalid_json"),
        (b'{"model":"m","input":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None, "invalid_json"),
    ],
)
def test_what_is_refused(body: bytes, param: str | None, code: str) -> None:
    """A request that routing cannot use is refused, and says which field is to be changed."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(body)
    assert (refused.value.param, refused.value.reason) == (param, code)
