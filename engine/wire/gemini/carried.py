"""What the contents of a request carry beside text, for the estimate of its size in tokens."""

import msgspec

from engine.errors import BadRequest
from engine.wire import estimate
from engine.wire.body import malformed, missing
from engine.wire.estimate import Media, Range
from engine.wire.gemini.chunk import is_given
from engine.wire.gemini.media import kind_of

__all__ = ["carried"]


class _Blob(msgspec.Struct, gc=False):
    mime_type: str | None = msgspec.field(name="mimeType", default=None)
    snake_mime_type: str | None = msgspec.field(name="mime_type", default=None)
    data: str | None = None


class _Part(msgspec.Struct, gc=False):
    inline: _Blob | None = msgspec.field(name="inlineData", default=None)
    snake_inline: _Blob | None = msgspec.field(name="inline_data", default=None)
    file: _Blob | None = msgspec.field(name="fileData", default=None)
    snake_file: _Blob | None = msgspec.field(name="file_data", default=None)

    def blob(self) -> _Blob | None:
        return self.inline or self.snake_inline or self.file or self.snake_file


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | _Part | None = None


_CONTENTS = msgspec.json.Decoder(list[_Content] | _Content)


def carried(contents: msgspec.Raw) -> Media:
    """The media in *contents*: their size, and the tokens that count in place of it.

    Raises:
        BadRequest: *contents* is missing, empty, or of another shape.
    """
    if not is_given(contents):
        raise missing("contents")
    try:
        turns = _CONTENTS.decode(contents)
    except msgspec.DecodeError as exc:
        raise malformed("contents", exc) from exc
    if not turns:
        raise BadRequest("contents must not be empty", code="invalid_value", param="contents")
    blobs = [
        blob
        for turn in (turns if isinstance(turns, list) else [turns])
        for part in (turn.parts if isinstance(turn.parts, list) else [turn.parts])
        if part is not None and (blob := part.blob()) is not None
    ]
    return _counted(blobs) if blobs else estimate.NO_MEDIA


def _counted(blobs: list[_Blob]) -> Media:
    kinds = [kind_of(blob.mime_type or blob.snake_mime_type or "") for blob in blobs]
    counts = [_tokens(kind, len(blob.data or "")) for kind, blob in zip(kinds, blobs, strict=True)]
    return Media(
        body_bytes=sum(len(blob.data or "") for blob in blobs),
        tokens=(sum(c[0] for c in counts), sum(c[1] for c in counts), sum(c[2] for c in counts)),
        images="image" in kinds or "video" in kinds,
        audio="audio" in kinds,
        files="file" in kinds,
    )


def _tokens(kind: str, size: int) -> Range:
    """The tokens of *size* characters of base64; media by reference count as one picture, page or second."""
    size_bytes = size * estimate.BASE64_BYTES
    match kind:
        case "image" | "video":
            return estimate.IMAGE_TOKENS
        case "audio":
            seconds = max(1.0, size_bytes / estimate.COMPRESSED_AUDIO_BYTES_PER_S)
            low, likely, high = estimate.AUDIO_TOKENS_PER_S
            return round(low * seconds), round(likely * seconds), round(high * seconds)
    pages = 1 + int(size_bytes // estimate.FILE_BYTES_PER_PAGE)
    low, likely, high = estimate.FILE_TOKENS_PER_PAGE
    return low * pages, likely * pages, high * pages
