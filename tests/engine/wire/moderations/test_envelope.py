import pytest

from engine.errors import BadRequest
from engine.wire.moderations.envelope import DEFAULT_MODEL, finish, read_envelope


@pytest.mark.parametrize("given", [b'"a"', b'["a", "b"]', b'""'])
def test_texts(given: bytes) -> None:
    """A text or several are read by their size, and go on byte for byte."""
    body = b'{"model":"m","input":' + given + b"}"
    envelope = read_envelope(body)
    assert (envelope.model, envelope.has_images, envelope.input_tokens_high) == ("m", False, len(body))
    assert finish(envelope.fields, model="m") == body


def test_pictures() -> None:
    """A picture is seen, and counts as one and not by its bytes."""
    picture = b'{"type":"image_url","image_url":{"url":"data:image/png;base64,' + b"A" * 9_000 + b'"}}'
    envelope = read_envelope(b'{"model":"m","input":[{"type":"text","text":"a"},' + picture + b"]}")
    assert envelope.has_images
    assert 765 < envelope.input_tokens < 800


def test_the_model_that_openai_takes() -> None:
    """Who names no model gets the one that OpenAI would take."""
    assert read_envelope(b'{"input":"a"}').model == DEFAULT_MODEL


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b'{"model":"m"}', "input", "missing_required_parameter"),
        (b'{"model":"m","input":7}', "input", "invalid_type"),
        (b'{"model":"m","input":[7]}', "input", "invalid_type"),
        (b'{"model":7,"input":"a"}', "model", "invalid_type"),
        (b'{"input":[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}", None, "invalid_json"),
        (b"", None, "invalid_json"),
    ],
)
def test_what_is_refused(body: bytes, param: str | None, code: str) -> None:
    """A request that routing cannot use is refused, and says which field is to be changed."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(body)
    assert (refused.value.param, refused.value.reason) == (param, code)
