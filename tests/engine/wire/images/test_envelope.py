import pytest

from engine.errors import BadRequest
from engine.wire.images.envelope import DEFAULT_MODELS, Surface, finish, finish_form, read_envelope
from engine.wire.multipart import Part, content_type_of, read_parts, write_parts
from engine.wire.upload import Upload
from tests.forms import whole

FORM = whole(
    write_parts(
        [
            Part(name="image", filename="a.png", content_type="image/png", content=b"\x89PNG"),
            Part(name="prompt", content=b"greener"),
        ],
        "b",
    )
)


def test_generations() -> None:
    """Model, stream and user are read; the rest goes on byte for byte."""
    body = b'{"model":"m","prompt":"a cat","n":2,"size":"auto","stream":true,"user":"u","new":{"a": 1}}'
    envelope = read_envelope(body)
    assert (envelope.model, envelope.stream, envelope.user, envelope.has_images) == ("m", True, "u", False)
    assert finish(envelope.fields, model="m") == body


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", ""])
def test_edits_in_json(content_type: str) -> None:
    """Pictures that an edit refers to are seen and counted, and their bytes are not."""
    pictures = b'[{"image_url":"data:image/png;base64,' + b"A" * 9_000 + b'"},{"file_id":"file-1"}]'
    body = b'{"prompt":"greener","images":' + pictures + b',"mask":{"file_id":"file-2"}}'
    envelope = read_envelope(body, content_type, surface="edits")
    assert envelope.model == "gpt-image-1.5"
    assert envelope.has_images
    assert 3 * 765 <= envelope.input_tokens < 3 * 765 + 50


@pytest.mark.parametrize("surface", ["edits", "variations"])
def test_forms(surface: Surface) -> None:
    """A form is read as one, and goes on with its pictures untouched."""
    upload = read_envelope(FORM, content_type_of("b"), surface=surface)
    assert isinstance(upload, Upload)
    assert (upload.model, upload.has_images) == (DEFAULT_MODELS[surface], True)
    sent = read_parts(whole(finish_form(upload, upload.fields, model="up-1")), upload.content_type).parts
    assert {part.name: part.content for part in sent} == {
        "image": b"\x89PNG",
        "prompt": b"greener",
        "model": b"up-1",
    }


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b'{"model":"m"}', "prompt", "missing_required_parameter"),
        (b'{"model":"m","prompt":7}', "prompt", "invalid_type"),
        (b'{"model":"m","prompt":"a","n":"2"}', "n", "invalid_type"),
        (b'{"model":"m","prompt":"a","stream":"true"}', "stream", "invalid_type"),
        (b'{"model":7,"prompt":"a"}', "model", "invalid_type"),
        (b"{", None, "invalid_json"),
        (b'{"prompt":"a","images":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None, "invalid_json"),
    ],
)
def test_what_is_refused(body: bytes, param: str | None, code: str) -> None:
    """A request that routing cannot use is refused, and says which field is to be changed."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(body, surface="edits")
    assert (refused.value.param, refused.value.reason) == (param, code)


def test_variations_need_a_form() -> None:
    """A variation in JSON has no picture in it."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(b"{}", "application/json", surface="variations")
    assert refused.value.reason == "invalid_content_type"
