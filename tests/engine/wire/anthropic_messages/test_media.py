import base64

import msgspec
import pytest

from engine.errors import BadRequest
from engine.hub import Media
from engine.wire.anthropic_messages.media import write_media


def written(media: Media) -> dict[str, object]:
    said: dict[str, object] = msgspec.json.decode(msgspec.json.encode(write_media(media)))
    return said


@pytest.mark.parametrize(
    ("data", "kind"),
    [("iVBORw0KGgoAAA", "image/png"), ("/9j/4AAQ", "image/jpeg"), ("R0lGODlh", "image/gif"), ("UklGRg", "image/webp")],
)
def test_a_picture_is_told_by_its_first_bytes(data: str, kind: str) -> None:
    """Where nobody said what a picture is, its beginning does: the API must be told."""
    source = {"type": "base64", "media_type": kind, "data": data}
    assert written(Media(kind="image", data=data)) == {"type": "image", "source": source}


def test_texts_are_sent_as_words() -> None:
    """A text file goes as words, with its name as title."""
    data = base64.b64encode(b"a,b").decode()
    media = Media(kind="file", data=data, media_type="text/csv", name="t.csv")
    source = {"type": "text", "media_type": "text/plain", "data": "a,b"}
    assert written(media) == {"type": "document", "source": source, "title": "t.csv"}


@pytest.mark.parametrize(
    ("media", "said"),
    [
        (Media(kind="audio", data="AAAA", media_type="audio/wav"), "audio content"),
        (Media(kind="video", url="https://a.example/v"), "video content"),
        (Media(kind="image", data="AAAA"), "media type"),
        (Media(kind="image", url="gs://bucket/i.png"), "reference to gs"),
        (Media(kind="image"), "reference to nothing"),
        (Media(kind="file", data="AAAA", media_type="application/msword"), "application/msword"),
        (Media(kind="file", data="AAAA"), "type unknown"),
        (Media(kind="file", data="/w==", media_type="text/plain"), "UTF-8"),
        (Media(kind="file", data="?", media_type="text/plain"), "UTF-8"),
    ],
)
def test_what_has_no_block_is_refused(media: Media, said: str) -> None:
    """Content is never dropped in silence: the caller is told what cannot go where."""
    with pytest.raises(BadRequest) as fault:
        write_media(media)
    assert (fault.value.reason, fault.value.param) == ("content_not_supported", "messages")
    assert said in fault.value.message
    assert "anthropic" in fault.value.message
