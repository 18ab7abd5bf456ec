"""What a request carries beside text, to decide early; nothing else of its input is read here."""

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.wire import estimate
from engine.wire.body import malformed, missing
from engine.wire.json_edit import Fields

__all__ = ["carried_by"]

ELSEWHERE = ("previous_response_id", "conversation", "prompt")
"""Fields that bring an input of their own, so that `input` may be missing."""


class _Item(msgspec.Struct, gc=False):
    content: msgspec.Raw = msgspec.Raw(b"")
    output: msgspec.Raw = msgspec.Raw(b"")


class _Part(msgspec.Struct, gc=False):
    type: Any = None
    file_data: Any = None


_INPUT = msgspec.json.Decoder(str | list[_Item])
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_PART = msgspec.json.Decoder(_Part)


def carried_by(fields: Fields) -> estimate.Media:
    """The pictures and files in a request's `input`; this protocol takes no sound.

    Raises:
        BadRequest: `input` is missing, or neither a string nor a list of items.
    """
    if bytes(fields.get("input", b"null")) == b"null":
        if any(name in fields for name in ELSEWHERE):
            return estimate.NO_MEDIA
        raise missing("input")
    try:
        said = _INPUT.decode(fields["input"])
        if isinstance(said, str):
            return estimate.NO_MEDIA
        contents = [raw for item in said for raw in (item.content, item.output) if bytes(raw)[:1] == b"["]
        return _media(contents) if contents else estimate.NO_MEDIA
    except msgspec.DecodeError as exc:
        raise malformed("input", exc) from exc


def _media(contents: Sequence[msgspec.Raw]) -> estimate.Media:
    counted = []
    for content in contents:
        for raw in _RAWS.decode(content):
            part = _PART.decode(raw)
            if part.type == "input_image":
                counted.append((len(bytes(raw)), "image", estimate.IMAGE_TOKENS))
            elif part.type == "input_file":
                data = len(part.file_data) * estimate.BASE64_BYTES if isinstance(part.file_data, str) else 0
                pages = 1 + data // estimate.FILE_BYTES_PER_PAGE
                low, likely, high = (round(tokens * pages) for tokens in estimate.FILE_TOKENS_PER_PAGE)
                counted.append((len(bytes(raw)), "file", (low, likely, high)))
    kinds = {kind for _, kind, _ in counted}
    low, likely, high = (sum(tokens[at] for _, _, tokens in counted) for at in range(3))
    return estimate.Media(
        body_bytes=sum(size for size, _, _ in counted),
        tokens=(low, likely, high),
        images="image" in kinds,
        files="file" in kinds,
    )
