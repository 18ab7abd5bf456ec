import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.gemini.chunk import Blob, FileData
from engine.wire.gemini.media import check, kind_of, read_blob, read_file, standard, write_media


def test_bytes_are_in_the_alphabet_that_all_read() -> None:
    """google-genai writes URL-safe base64, at times without padding."""
    assert [standard(data) for data in ("a-_b", "QQ", "QUJD")] == ["a+/b", "QQ==", "QUJD"]
    blob = read_blob(Blob(mime_type="image/png", data="_-8="), "s")
    assert blob == hub.Media(kind="image", data="/+8=", media_type="image/png", signature="s")


@pytest.mark.parametrize(
    ("file", "media"),
    [
        (FileData("video/mp4", "https://a/b"), hub.Media(kind="video", url="https://a/b", media_type="video/mp4")),
        (FileData(None, "gs://b/c.PNG"), hub.Media(kind="image", url="gs://b/c.PNG")),
        (
            FileData("application/pdf", "https://generativelanguage.googleapis.com/v1beta/files/x"),
            hub.Media(
                kind="file",
                file_id="https://generativelanguage.googleapis.com/v1beta/files/x",
                media_type="application/pdf",
            ),
        ),
        (FileData(None, "http://[bad"), hub.Media(kind="file", url="http://[bad")),
    ],
)
def test_files_are_referred_to(file: FileData, media: hub.Media) -> None:
    """A URI stands for what can be fetched, and a file of Google's for one that only Google can read."""
    assert read_file(file) == media
    assert write_media(media, guess=False)["fileData"] == (
        {"mimeType": file.mime_type, "fileUri": file.file_uri} if file.mime_type else {"fileUri": file.file_uri}
    )


def test_a_missing_type_is_guessed() -> None:
    """By the ending, and else by the kind; Vertex wants one."""
    assert write_media(hub.Media(kind="image", url="https://a/b.webp?x=1"), guess=True)["fileData"] == {
        "mimeType": "image/webp",
        "fileUri": "https://a/b.webp?x=1",
    }
    sent = write_media(hub.Media(kind="audio", data="QQ==", signature="s"), guess=True)
    assert sent == {"inlineData": {"mimeType": "audio/mpeg", "data": "QQ=="}, "thoughtSignature": "s"}


def test_another_providers_file_cannot_be_sent() -> None:
    """It is refused, and never left out silently."""
    with pytest.raises(BadRequest) as caught:
        check(hub.Media(kind="file", file_id="file-abc"))
    assert (caught.value.reason, caught.value.param) == ("content_not_supported", "messages")


def test_kinds() -> None:
    """A type says which kind of media it is; what is none of them is a document."""
    assert [kind_of(t) for t in ("image/png", "AUDIO/wav", "video/mp4", "text/csv", "")] == [
        "image",
        "audio",
        "video",
        "file",
        "file",
    ]
