"""Pictures and documents of the Messages API: by address, by file id, in base64, and documents as plain text.

Source: platform.claude.com/docs/en/build-with-claude/vision and …/pdf-support, read 2026-11.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.anthropic_messages import PROTOCOL
from engine.wire.anthropic_messages.raw import NULL, said, unsaid

__all__ = ["DocumentBlock", "ImageBlock", "read_document", "read_image", "unsupported", "write_media"]

PDF = "application/pdf"

_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": PDF,
}
"""How data in base64 begins → its media type, for data that comes without one."""


class _Source(msgspec.Struct, omit_defaults=True):
    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None


class ImageBlock(msgspec.Struct, tag="image", tag_field="type", omit_defaults=True):
    """A picture."""

    source: _Source
    cache_control: msgspec.Raw = NULL


class DocumentBlock(msgspec.Struct, tag="document", tag_field="type", omit_defaults=True):
    """A PDF or a text."""

    source: _Source
    title: str | None = None
    context: str | None = None
    cache_control: msgspec.Raw = NULL


def read_image(block: ImageBlock, raw: msgspec.Raw) -> hub.Media | hub.Foreign:
    """The picture; *raw* as `Foreign` if its source is of a kind that only this protocol knows."""
    given = _source(block.source)
    if given is None:
        return _foreign("image", raw)
    return hub.Media(kind="image", cache=said(block.cache_control), **given)


def read_document(block: DocumentBlock, raw: msgspec.Raw) -> Iterator[hub.Part]:
    """The document, preceded by its `context` as text for the model. Whether it may be cited is not kept."""
    given = _source(block.source)
    if given is None:
        yield _foreign("document", raw)
        return
    if block.context:
        yield hub.Text(text=block.context)
    yield hub.Media(kind="file", name=block.title or "", cache=said(block.cache_control), **given)


def _foreign(kind: str, raw: msgspec.Raw) -> hub.Foreign:
    return hub.Foreign(protocol=PROTOCOL, kind=kind, raw=raw)


def _source(source: _Source) -> dict[str, Any] | None:
    """The fields of `Media` that say where the bytes are; None for a document made of blocks, or an unknown source."""
    match source:
        case _Source(type="base64", data=str(data)):
            return {"data": data, "media_type": source.media_type or ""}
        case _Source(type="text", data=str(data)):
            return {"data": base64.b64encode(data.encode()).decode(), "media_type": source.media_type or "text/plain"}
        case _Source(type="url", url=str(url)):
            return {"url": url}
        case _Source(type="file", file_id=str(file_id)):
            return {"file_id": file_id}
    return None


def write_media(media: hub.Media) -> ImageBlock | DocumentBlock:
    """The block that shows *media* to the model.

    Raises:
        BadRequest: sound or film, a file that is neither PDF nor text, or an address that is not of the web.
    """
    if media.kind == "image":
        return ImageBlock(source=_picture(media), cache_control=unsaid(media.cache))
    if media.kind == "file":
        return DocumentBlock(source=_file(media), title=media.name or None, cache_control=unsaid(media.cache))
    raise unsupported(f"{media.kind} content")


def _picture(media: hub.Media) -> _Source:
    if not media.data:
        return _reference(media)
    kind = media.media_type or _guessed(media.data)
    if not kind:
        raise unsupported("an image whose media type is not said")
    return _Source(type="base64", media_type=kind, data=media.data)


def _file(media: hub.Media) -> _Source:
    if not media.data:
        return _reference(media)
    kind = media.media_type or _guessed(media.data)
    if kind == PDF:
        return _Source(type="base64", media_type=PDF, data=media.data)
    if kind.startswith("text/") or kind == "application/json":
        return _Source(type="text", media_type="text/plain", data=_words(media.data))
    raise unsupported(f"a file of type {kind or 'unknown'}")


def _reference(media: hub.Media) -> _Source:
    if media.file_id:
        return _Source(type="file", file_id=media.file_id)
    if media.url.startswith(("https://", "http://")):
        return _Source(type="url", url=media.url)
    raise unsupported(f"a reference to {media.url.partition(':')[0] or 'nothing'}")


def _words(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError) as exc:
        raise unsupported("a text file that is not UTF-8 in base64") from exc


def _guessed(data: str) -> str:
    return next((kind for start, kind in _BEGINNINGS.items() if data.startswith(start)), "")


def unsupported(what: str) -> BadRequest:
    """The error for content that this protocol has no block for."""
    return BadRequest(
        f"messages: {what} cannot be sent to a provider that speaks anthropic",
        code="content_not_supported",
        param="messages",
    )
