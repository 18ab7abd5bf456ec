import msgspec
import pytest

from engine.errors import BadRequest
from engine.wire.content import Content
from engine.wire.json_edit import Edit, Fields, apply
from engine.wire.multipart import Part, content_type_of, read_parts, write_parts
from engine.wire.upload import Upload, finish, read_upload
from tests.forms import whole


def field(name: str, value: str) -> Part:
    return Part(name=name, content=value.encode())


SOUND = Part(name="file", filename="a.mp3", content_type="audio/mpeg", content=b"\xff\xfb" * 8_000)
PICTURE = Part(name="image[]", filename="a.png", content_type="image/png", content=b"\x89PNG")


def upload(*parts: Part, default_model: str = "") -> Upload:
    return read_upload(read_parts(whole(write_parts(parts, "b")), content_type_of("b")), default_model=default_model)


def sent(given: Upload, fields: Fields | None = None) -> list[tuple[str, Content]]:
    body = whole(finish(given, given.fields if fields is None else fields, model="up-1"))
    return [(part.name, part.content) for part in read_parts(body, given.content_type).parts]


def test_fields_are_seen_as_those_of_json() -> None:
    """Routing and rules see a form's plain fields by name, lists without their brackets, files not at all."""
    given = upload(
        field("model", "whisper-1"),
        SOUND,
        field("stream", "true"),
        field("response_format", "vtt"),
        field("user", "u-1"),
        field("timestamp_granularities[]", "word"),
        field("timestamp_granularities[]", "segment"),
    )
    assert (given.model, given.stream, given.response_format, given.user) == ("whisper-1", True, "vtt", "u-1")
    assert {name: msgspec.json.decode(raw) for name, raw in given.fields.items()} == {
        "model": "whisper-1",
        "stream": "true",
        "response_format": "vtt",
        "user": "u-1",
        "timestamp_granularities": ["word", "segment"],
    }
    assert (given.has_audio, given.has_images) == (True, False)


def test_files_are_estimated_by_what_they_hold() -> None:
    """Sound counts by how long it lasts and a picture by itself, not by their bytes."""
    heard = upload(field("model", "m"), SOUND)
    assert (heard.input_tokens, heard.input_tokens_high) == (20, 65)
    waved = upload(field("model", "m"), msgspec.structs.replace(SOUND, filename="A.WAV"))
    assert waved.input_tokens == 3
    seen = upload(field("model", "m"), PICTURE, PICTURE)
    assert seen.has_images
    assert seen.input_tokens == 2 * 765


def test_only_the_model_changes() -> None:
    """What goes to a provider is every part as it came, in order, but for the model's name."""
    given = upload(field("prompt", "x"), field("model", "m"), PICTURE, PICTURE)
    assert sent(given) == [
        ("prompt", b"x"),
        ("model", b"up-1"),
        ("image[]", b"\x89PNG"),
        ("image[]", b"\x89PNG"),
    ]


def test_a_field_twice_is_sent_once() -> None:
    """Of a plain field that stands twice the provider sees the one that we saw, the last."""
    given = upload(field("model", "cheap"), field("stream", "true"), SOUND, field("model", "dear"), SOUND)
    assert given.model == "dear"
    assert [name for name, _ in sent(given)] == ["stream", "model", "file"]


@pytest.mark.parametrize(
    "parts",
    [
        (field("model", "a"), field("model[]", "b")),
        (field("model", "a"), Part(name="model", filename="", content=b"b")),
        (field("file", "a"), SOUND),
        (field("image", "a"), PICTURE),
    ],
)
def test_a_name_in_two_forms_is_refused(parts: tuple[Part, ...]) -> None:
    """A field and a list, or a field and a file, of the same name are what two readers would take differently."""
    with pytest.raises(BadRequest) as refused:
        upload(*parts)
    assert refused.value.reason == "invalid_multipart"


def test_rules_can_edit_a_form() -> None:
    """An edit of the fields is one of the form: set, dropped, renamed, added, lists in parts of their own."""
    given = upload(field("model", "m"), field("language", "de"), field("prompt", "x"), SOUND, field("include[]", "a"))
    edit = Edit(
        rename=(("prompt", "context"),),
        drop=("language",),
        set=(("include", b'["logprobs","b"]'), ("temperature", b"0.5"), ("diarize", b"true"), ("nothing", b"null")),
    )
    fields, lost = apply(given.fields, edit)
    assert lost == ("language",)
    assert sent(given, fields) == [
        ("model", b"up-1"),
        ("file", SOUND.content),
        ("include[]", b"logprobs"),
        ("include[]", b"b"),
        ("context", b"x"),
        ("temperature", b"0.5"),
        ("diarize", b"true"),
    ]


def test_wishes_are_not_sent() -> None:
    """What a caller wishes of providers is for us."""
    assert [name for name, _ in sent(upload(field("model", "m"), field("provider", "{}")))] == ["model"]


def test_a_model_is_added_where_the_surface_has_a_default() -> None:
    """Who names no model gets the surface's own, and the provider is told its name."""
    given = upload(PICTURE, default_model="dall-e-2")
    assert given.model == "dall-e-2"
    assert sent(given) == [("image[]", b"\x89PNG"), ("model", b"up-1")]


@pytest.mark.parametrize(
    ("part", "param", "code"),
    [
        (field("file", "x"), "model", "missing_required_parameter"),
        (field("model", ""), "model", "invalid_type"),
        (field("model[]", "m"), "model", "invalid_type"),
        (Part(name="model", content=b"\xff"), "model", "invalid_utf8"),
    ],
)
def test_models_that_cannot_be_used(part: Part, param: str, code: str) -> None:
    """A form without a model that can be read is refused by the field's name."""
    with pytest.raises(BadRequest) as refused:
        upload(part)
    assert (refused.value.param, refused.value.reason) == (param, code)


@pytest.mark.parametrize(
    ("said", "stream"), [("true", True), ("True", True), ("1", True), ("false", False), ("", False)]
)
def test_stream(said: str, stream: bool) -> None:
    """Whether to stream is said in the words that SDKs send."""
    assert upload(field("model", "m"), field("stream", said)).stream is stream


def test_stream_in_other_words() -> None:
    """Anything else is refused: the provider might take it for the other."""
    with pytest.raises(BadRequest) as refused:
        upload(field("model", "m"), field("stream", "yes"))
    assert refused.value.param == "stream"
