from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_chat.content import read_content, write_content

URL = "https://a.example/a"
PARTS: list[tuple[Any, hub.Part]] = [
    ({"type": "text", "text": "a"}, hub.Text(text="a")),
    ({"type": "image_url", "image_url": {"url": URL}}, hub.Media(kind="image", url=URL)),
    (
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
        hub.Media(kind="image", data="QUJD", media_type="image/png", detail="low"),
    ),
    (
        {"type": "image_url", "image_url": {"url": "data:text/plain,abc"}},
        hub.Media(kind="image", url="data:text/plain,abc"),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        hub.Media(kind="audio", data="QUJD", media_type="audio/mpeg"),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "amr"}},
        hub.Media(kind="audio", data="QUJD", media_type="audio/amr"),
    ),
    ({"type": "file", "file": {"file_id": "f-1"}}, hub.Media(kind="file", file_id="f-1")),
    (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
        hub.Media(kind="file", data="QUJD", media_type="application/pdf", name="a.pdf"),
    ),
    (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "QUJD"}},
        hub.Media(kind="file", data="QUJD", name="a.pdf"),
    ),
    ({"type": "file", "file": {"file_data": URL}}, hub.Media(kind="file", url=URL)),
    ({"type": "video_url", "video_url": {"url": URL}}, hub.Media(kind="video", url=URL)),
    ({"type": "refusal", "refusal": "no"}, hub.Refusal(text="no")),
    ({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, hub.Thinking(text="hm")),
    (
        {"type": "reference", "reference_ids": [1]},
        hub.Foreign(protocol="openai", kind="reference", raw=msgspec.Raw(b'{"type":"reference","reference_ids":[1]}')),
    ),
]

SPELLINGS: list[tuple[Any, hub.Part]] = [
    ("a", hub.Text(text="a")),
    ({"type": "input_text", "text": "a"}, hub.Text(text="a")),
    ({"type": "image_url", "image_url": URL}, hub.Media(kind="image", url=URL)),
    ({"type": "document_url", "document_url": URL, "document_name": "d"}, hub.Media(kind="file", url=URL, name="d")),
    ({"type": "thinking", "thinking": "hm", "closed": True}, hub.Thinking(text="hm")),
    (
        {"type": "input_audio", "input_audio": {"data": "data:;base64,QUJD", "format": "wav"}},
        hub.Media(kind="audio", data="QUJD", media_type="audio/wav"),
    ),
    ({"type": "input_audio", "input_audio": {"data": URL}}, hub.Media(kind="audio", url=URL)),
]


def written(*parts: hub.Part, cache: bool = False) -> Any:
    return msgspec.json.decode(msgspec.json.encode(write_content(parts, cache=cache, dropped=[])))


@pytest.mark.parametrize(("wire", "part"), PARTS)
def test_parts_are_written_as_they_were_read(wire: Any, part: hub.Part) -> None:
    """Each kind has one shape; a second part keeps a text from being a mere string."""
    assert read_content([wire]) == [part]
    assert written(part, hub.Text(text="b")) == [wire, {"type": "text", "text": "b"}]


@pytest.mark.parametrize(("wire", "part"), SPELLINGS)
def test_other_spellings_are_read(wire: Any, part: hub.Part) -> None:
    """Mistral's, Qwen's, and what callers mix up."""
    assert read_content([wire]) == [part]


@pytest.mark.parametrize(
    "part",
    [
        5,
        {},
        {"type": 5},
        {"type": "text"},
        {"type": "refusal"},
        {"type": "image_url", "image_url": {"url": ""}},
        {"type": "video_url"},
        {"type": "input_audio", "input_audio": {}},
        {"type": "file", "file": {"filename": "a"}},
        {"type": "file"},
    ],
)
def test_a_part_that_lacks_what_it_needs_is_refused(part: Any) -> None:
    """What a picture is without an address cannot be guessed."""
    with pytest.raises(BadRequest) as raised:
        read_content([part])
    assert raised.value.param == "messages"


def test_one_text_is_a_string_and_nothing_is_an_empty_one() -> None:
    """The shape that every look-alike takes."""
    assert written(hub.Text(text="a")) == "a"
    assert written() == ""
    assert read_content("") == read_content(None) == read_content([{"type": "text", "text": ""}]) == []


def test_markers_for_the_cache_are_written_only_where_they_are_taken() -> None:
    """OpenAI would refuse the field."""
    (part,) = read_content([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}])
    assert written(part) == "a"
    assert written(part, cache=True) == [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]
