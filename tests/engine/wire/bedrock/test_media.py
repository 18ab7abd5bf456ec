import base64

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.bedrock.media import _MEDIA_TYPES, Block, Kind, Source, format_of, kind_of, read_media, write_source

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, types in _MEDIA_TYPES.items() for name in types])
def test_every_format_is_read_and_written(kind: Kind, name: str) -> None:
    """A format becomes a media type that leads to the same format, or to one of the same type."""
    media = read_media(kind, Block(format=name, source=Source(bytes="aGk=")))
    assert media
    assert kind_of(media) == kind
    assert _MEDIA_TYPES[kind][format_of(media, kind)] == media.media_type == _MEDIA_TYPES[kind][name]


@pytest.mark.parametrize(
    ("media", "name"),
    [
        (hub.Media(kind="image", data=PNG), "png"),
        (hub.Media(kind="image", data="x", media_type="image/jpg"), "jpeg"),
        (hub.Media(kind="image", url="s3://b/a.JPG"), "jpeg"),
        (hub.Media(kind="file", data="x", name="notes.md"), "md"),
        (hub.Media(kind="file", data="x", media_type="text/x-python"), "txt"),
        (hub.Media(kind="file", data="x", media_type="text/html; charset=utf-8"), "html"),
        (hub.Media(kind="file", data="JVBERi0xLjQ="), "pdf"),
        (hub.Media(kind="video", url="s3://b/film.3gp"), "three_gp"),
        (hub.Media(kind="audio", data="x", media_type="audio/mp3"), "mp3"),
    ],
)
def test_a_format_is_found(media: hub.Media, name: str) -> None:
    """By the media type, by how the data begins, or by the name's ending."""
    assert format_of(media, kind_of(media)) == name


def test_a_file_is_what_its_type_says() -> None:
    """A picture that was sent as a file goes out as a picture."""
    assert kind_of(hub.Media(kind="file", data=PNG, media_type="image/png")) == "image"


@pytest.mark.parametrize(
    "media",
    [
        hub.Media(kind="image", data="x", media_type="image/tiff"),
        hub.Media(kind="file", data="x", media_type="application/zip"),
        hub.Media(kind="file", data="x"),
    ],
)
def test_an_unknown_format_is_refused(media: hub.Media) -> None:
    """Content that Converse has no format for is never sent as something else."""
    with pytest.raises(BadRequest) as caught:
        format_of(media, kind_of(media))
    assert caught.value.reason == "content_not_supported"


@pytest.mark.parametrize(
    "media",
    [hub.Media(kind="image", url="https://example.com/a.png"), hub.Media(kind="file", file_id="file-1")],
)
def test_what_bedrock_cannot_fetch_is_refused(media: hub.Media) -> None:
    """Bedrock reads from the request and from S3, and the caller is told so."""
    with pytest.raises(BadRequest, match="base64") as caught:
        write_source(media)
    assert (caught.value.reason, caught.value.param) == ("content_not_supported", "messages")


def test_s3_and_data_are_sources() -> None:
    """The two places that Bedrock reads from."""
    assert write_source(hub.Media(kind="image", url="s3://b/a.png")) == {"s3Location": {"uri": "s3://b/a.png"}}
    assert write_source(hub.Media(kind="image", data="aGk=")) == {"bytes": "aGk="}


@pytest.mark.parametrize(
    "block",
    [
        {"format": "pdf", "name": "a", "source": {"bytes": "aGk="}, "citations": {"enabled": True}},
        {"format": "pdf", "name": "a", "source": {"bytes": "aGk="}, "context": "old"},
        {"format": "txt", "name": "a", "source": {"content": [{"text": "a"}]}},
        {"format": "png", "source": {"s3Location": {"uri": "s3://b/a", "bucketOwner": "123456789012"}}},
        {"format": "png", "error": {"message": "too large"}, "source": {"bytes": "aGk="}},
    ],
)
def test_what_says_more_than_media_is_kept_whole(block: object) -> None:
    """A block with more in it than the hub has words for is not read in part."""
    assert read_media("document", msgspec.json.decode(msgspec.json.encode(block), type=Block)) is None


def test_a_document_in_text_becomes_data() -> None:
    """Text in a document's source is a plain file."""
    media = read_media("document", Block(name="n", source=Source(text="hé")))
    assert media == hub.Media(
        kind="file", data=base64.b64encode("hé".encode()).decode(), media_type="text/plain", name="n"
    )
