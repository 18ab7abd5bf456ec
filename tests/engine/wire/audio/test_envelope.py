import pytest

from engine.errors import BadRequest
from engine.wire.audio.envelope import finish, read_envelope
from engine.wire.multipart import Part, content_type_of, read_parts, write_parts
from tests.forms import whole

MODEL = Part(name="model", content=b"whisper-1")
SOUND = Part(name="file", filename="a.mp3", content_type="audio/mpeg", content=b"\xff\xfb\r\n--")


def test_a_sound_goes_on_untouched() -> None:
    """The form is read, and what goes on has another name for the model and the same sound."""
    parts = [MODEL, SOUND, Part(name="response_format", content=b"srt"), Part(name="stream", content=b"false")]
    upload = read_envelope(whole(write_parts(parts, "b")), content_type_of("b"))
    assert (upload.model, upload.response_format, upload.stream, upload.has_audio) == ("whisper-1", "srt", False, True)
    sent = read_parts(whole(finish(upload, upload.fields, model="up-1")), upload.content_type)
    assert sent.parts == (Part(name="model", content=b"up-1"), *parts[1:])
    assert sent.boundary == "b"


@pytest.mark.parametrize("name", ["url", "file_url", "file_id"])
def test_a_sound_by_reference(name: str) -> None:
    """Groq and Mistral take an address or an id instead of the file."""
    parts = [MODEL, Part(name=name, content=b"https://a/b.mp3")]
    assert not read_envelope(whole(write_parts(parts, "b")), content_type_of("b")).has_audio


@pytest.mark.parametrize(
    ("parts", "param", "code"),
    [
        ([MODEL], "file", "missing_required_parameter"),
        ([MODEL, Part(name="file", content=b"abc")], "file", "invalid_type"),
        ([SOUND], "model", "missing_required_parameter"),
    ],
)
def test_what_is_refused(parts: list[Part], param: str, code: str) -> None:
    """A form without a sound or a model is refused, and says which."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(whole(write_parts(parts, "b")), content_type_of("b"))
    assert (refused.value.param, refused.value.reason) == (param, code)


def test_json_is_no_form() -> None:
    """Who sends JSON is told what is wanted."""
    with pytest.raises(BadRequest) as refused:
        read_envelope(b"{}", "application/json")
    assert refused.value.reason == "invalid_content_type"
