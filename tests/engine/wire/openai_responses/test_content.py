import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.content import (
    read_annotation,
    read_contents,
    read_logprobs,
    write_annotation,
    write_input,
    write_logprobs,
)


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


IMAGES = [
    hub.Media(kind="image", url="https://example.com/a.png", detail="high"),
    hub.Media(kind="image", data="QUJD", media_type="image/webp"),
    hub.Media(kind="image", file_id="file-1"),
    hub.Media(kind="file", data="QUJD", media_type="application/pdf", name="a.pdf"),
    hub.Media(kind="file", data="QUJD", name="a.pdf"),
    hub.Media(kind="file", url="https://example.com/a.pdf"),
    hub.Media(kind="file", file_id="file-1", detail="low"),
]


@pytest.mark.parametrize("media", IMAGES, ids=range(len(IMAGES)))
def test_media_that_are_written_read_the_same(media: hub.Media) -> None:
    """By address, in base64 or by file id."""
    assert read_contents(raw([write_input(media, "input")])) == (media,)


def test_data_without_a_name_gets_one() -> None:
    """OpenAI demands a file name beside data; its ending says what the file is."""
    media = hub.Media(kind="file", data="QUJD", media_type="image/svg+xml")
    assert write_input(media, "input")["filename"] == "document.svg"


@pytest.mark.parametrize(
    "part",
    [
        hub.Media(kind="audio", data="QUJD", media_type="audio/wav"),
        hub.Media(kind="video", url="gs://a/b.mp4"),
        hub.Thinking(text="Hm."),
        hub.Foreign(protocol="anthropic", kind="search_result", raw=msgspec.Raw(b"{}")),
    ],
)
def test_content_that_cannot_be_said_is_refused(part: hub.Part) -> None:
    """It is never dropped in silence: the caller learns what it is and where it stands."""
    with pytest.raises(BadRequest, match=r"input\[0\].*OpenAI's Responses API") as caught:
        write_input(part, "input[0]")
    assert caught.value.reason == "content_not_supported"


def test_parts_of_other_kinds_are_foreign() -> None:
    """They come back as they were."""
    part = {"type": "input_hologram", "data": [1, 2]}
    (read,) = read_contents(raw([part]))
    assert read == hub.Foreign(protocol=PROTOCOL, kind="input_hologram", raw=raw(part))
    assert write_input(read, "input") == raw(part)


def test_a_citation_of_a_page_is_held_whole() -> None:
    """A span from 0 to 0 stands where a provider says none."""
    whole = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 2, "end_index": 5}
    short = {"type": "url_citation", "url": "https://a.example"}

    assert read_annotation(raw(whole)) == hub.Citation(url="https://a.example", title="A", start=2, end=5)
    assert write_annotation(read_annotation(raw(whole))) == whole
    assert read_annotation(raw(short)) == hub.Citation(url="https://a.example")
    assert read_annotation(raw(write_annotation(read_annotation(raw(short))))) == hub.Citation(url="https://a.example")


def test_citations_of_files_come_back_whole() -> None:
    """The hub has no place for file ids."""
    said = raw({"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 3})
    assert read_annotation(said).title == "a.pdf"
    assert write_annotation(read_annotation(said)) == said


def test_a_citation_without_address_cannot_be_said() -> None:
    """Documents that another protocol quotes by number have no address."""
    assert write_annotation(hub.Citation(quote="It rains.")) is None


def test_logprobs_change_their_place_only() -> None:
    """They stand beside a text here, and in an object of their own in the hub."""
    entry = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    parts = raw([{"type": "output_text", "text": "a", "logprobs": [entry]}, {"type": "output_text", "text": "b"}])
    told = read_logprobs(parts)

    assert told == raw({"content": [entry]})
    assert write_logprobs(told) == raw([entry])
    assert read_logprobs(raw([{"type": "output_text", "text": "a", "logprobs": []}])) is None
    assert bytes(write_logprobs(msgspec.Raw(b"[]"))) == bytes(write_logprobs(None)) == b"[]"
