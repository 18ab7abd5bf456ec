import json
from typing import Any

import msgspec
import pytest

from engine.errors import BadRequest
from engine.wire import estimate
from engine.wire.estimate import Media
from engine.wire.gemini.carried import carried


def of(*parts: dict[str, Any]) -> Media:
    return carried(msgspec.Raw(json.dumps([{"parts": list(parts)}]).encode()))


def test_media_are_counted_instead_of_their_bytes() -> None:
    """In either spelling; films count as pictures, and documents by their pages."""
    found = of(
        {"text": "a"},
        {"inlineData": {"mimeType": "image/png", "data": "Q" * 400_000}},
        {"inline_data": {"mime_type": "audio/wav", "data": "Q" * 32_000}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://a"}},
    )
    assert found.body_bytes == 432_000
    assert (found.images, found.audio, found.files) == (True, True, True)
    image, page = estimate.IMAGE_TOKENS[1], estimate.FILE_TOKENS_PER_PAGE[1]
    assert found.tokens[1] == image + page + 10 * 3
    assert of({"file_data": {"mime_type": "video/mp4"}}).images


def test_text_carries_nothing() -> None:
    """A single content without a list around it is one, too."""
    assert of({"text": "a"}) is estimate.NO_MEDIA
    assert carried(msgspec.Raw(b'{"parts": {"text": "a"}}')) is estimate.NO_MEDIA


@pytest.mark.parametrize(
    ("contents", "code"),
    [
        (b"null", "missing_required_parameter"),
        (b"[]", "invalid_value"),
        (b'"text"', "invalid_type"),
        (b'[{"parts": 5}]', "invalid_type"),
        (b"[[]]", "invalid_type"),
    ],
)
def test_contents_must_be_contents(contents: bytes, code: str) -> None:
    """Anything else is the caller's to mend."""
    with pytest.raises(BadRequest) as caught:
        carried(msgspec.Raw(contents))
    assert (caught.value.reason, caught.value.param) == (code, "contents")
