import base64

import msgspec
import pytest

from engine.wire.estimate import Media, estimate, media


def contents(*parts: object) -> list[msgspec.Raw]:
    return [msgspec.Raw(msgspec.json.encode(list(parts)))]


def test_text_is_counted_by_its_bytes() -> None:
    """Low is a sixth of the bytes, likely two sevenths, high one token a byte."""
    assert estimate(4_200) == (700, 1_200, 4_200)


def test_a_picture_is_not_counted_by_its_bytes() -> None:
    """Five megabytes of base64 count as one picture, not as five million tokens."""
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5_000_000}}
    found = media(contents({"type": "text", "text": "what is this?"}, part))
    low, likely, high = estimate(5_000_200, found)
    assert found.images
    assert low < likely < high < 2_500


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, "images"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "audio"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": 7}}, "audio"),
        ({"type": "file", "file": {"file_data": "AAAA"}}, "files"),
        ({"type": "file", "file": {"file_id": "f-1"}}, "files"),
    ],
)
def test_media_are_known_by_their_type(part: object, kind: str) -> None:
    """Each kind of part sets its own fact and counts at least as many tokens as one of its kind has at least."""
    found = media(contents(part))
    assert {name for name in ("images", "audio", "files") if getattr(found, name)} == {kind}
    assert found.body_bytes > 0


@pytest.mark.parametrize("part", [{"type": "text", "text": "image_url"}, {"type": "thinking"}, "hi", 7, None, {}])
def test_everything_else_is_text(part: object) -> None:
    """A part of no known kind counts by its bytes."""
    assert media(contents(part)) == Media()


def test_audio_counts_by_its_length() -> None:
    """A minute of wave audio is 600 tokens, whatever its bytes."""
    data = base64.b64encode(bytes(60 * 48_000)).decode()
    assert media(contents({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}})).tokens[1] == 600
