"""Pictures, sound, documents and films: Converse names a format where others name a media type."""

import base64
import re
from typing import Literal

import msgspec

from engine import hub
from engine.errors import BadRequest

__all__ = ["Block", "Kind", "S3Location", "Source", "format_of", "kind_of", "read_media", "write_source"]

Kind = Literal["image", "audio", "document", "video"]
"""Converse's word for the block."""

_HUB_KINDS: dict[Kind, Literal["image", "audio", "file", "video"]] = {
    "image": "image",
    "audio": "audio",
    "document": "file",
    "video": "video",
}

_MEDIA_TYPES: dict[Kind, dict[str, str]] = {
    "image": {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"},
    "document": {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    },
    "video": {
        "mkv": "video/x-matroska",
        "mov": "video/quicktime",
        "mp4": "video/mp4",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpeg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    },
    "audio": {
        "mp3": "audio/mpeg",
        "opus": "audio/opus",
        "wav": "audio/wav",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "mp4": "audio/mp4",
        "ogg": "audio/ogg",
        "mkv": "audio/x-matroska",
        "mka": "audio/x-matroska",
        "x-aac": "audio/aac",
        "m4a": "audio/x-m4a",
        "mpeg": "audio/mpeg",
        "mpga": "audio/mpeg",
        "pcm": "audio/pcm",
        "webm": "audio/webm",
    },
}
"""Format → media type. Where several formats have the same type, the first is written.

Source: Amazon Bedrock API reference, "ImageBlock", "DocumentBlock", "VideoBlock", "AudioBlock", 2026-11.
"""

_ALIASES: dict[Kind, dict[str, str]] = {
    "image": {"image/jpg": "jpeg"},
    "document": {"application/json": "txt", "application/x-pdf": "pdf"},
    "video": {"video/mpg": "mpg"},
    "audio": {"audio/mp3": "mp3", "audio/x-wav": "wav", "audio/wave": "wav", "audio/x-flac": "flac"},
}
"""Other names of media types → format. JSON has no format of its own and goes as text."""

_FORMATS: dict[Kind, dict[str, str]] = {
    kind: {media_type: name for name, media_type in reversed(types.items())} | _ALIASES[kind]
    for kind, types in _MEDIA_TYPES.items()
}

_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi0": "application/pdf",
}
"""How data in base64 begins → its media type, for data that comes without one."""

_S3 = "s3://"


class S3Location(msgspec.Struct, rename="camel", omit_defaults=True):
    """A place in S3; *bucket_owner* is the number of an account."""

    uri: str
    bucket_owner: str | None = None


class Source(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Where the bytes are: one of these fields. `content` is a document in pieces."""

    bytes: str | None = None
    s3_location: S3Location | None = None
    text: str | None = None
    content: msgspec.Raw = msgspec.Raw()


class Block(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """An image, audio, document or video block. Only documents have name, context and citations, only answers error."""

    format: str = ""
    source: Source
    name: str = ""
    context: msgspec.Raw = msgspec.Raw()
    citations: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


def read_media(kind: Kind, block: Block) -> hub.Media | None:
    """The block as media; None where it has more than media can carry."""
    source = block.source
    located = source.s3_location
    if block.context or block.citations or block.error or (located and located.bucket_owner):
        return None
    data = source.bytes
    media_type = _MEDIA_TYPES[kind].get(block.format, "")
    if data is None and source.text is not None:
        data = base64.b64encode(source.text.encode()).decode()
        media_type = media_type or "text/plain"
    if not data and not located:
        return None
    url = located.uri if located else ""
    return hub.Media(kind=_HUB_KINDS[kind], url=url, data=data or "", media_type=media_type, name=block.name)


def kind_of(media: hub.Media) -> Kind:
    """The block for *media*: a file becomes what its media type says, or else a document."""
    if media.kind != "file":
        return media.kind
    main = media.media_type.partition("/")[0]
    return main if main in {"image", "audio", "video"} else "document"  # type: ignore[return-value] # checked


def format_of(media: hub.Media, kind: Kind) -> str:
    """Converse's word for the format: by the media type, or how the data begins, or the ending of the name or address.

    Raises:
        BadRequest: Converse has no such format.
    """
    media_type = media.media_type.partition(";")[0].strip().lower() or next(
        (known for start, known in _BEGINNINGS.items() if media.data.startswith(start)), ""
    )
    found = _FORMATS[kind].get(media_type)
    if found is None and kind == "document" and media_type.startswith("text/"):
        found = "txt"
    ending = re.search(r"\.([A-Za-z0-9]+)$", media.name or media.url)
    if found is None and not media_type and ending:
        found = ending[1].lower().replace("jpg", "jpeg").replace("3gp", "three_gp")
    if found not in _MEDIA_TYPES[kind]:
        raise _not_supported(f"{kind} content of type '{media.media_type or 'unknown'}'")
    return found


def write_source(media: hub.Media) -> dict[str, object]:
    """The `source` of a block.

    Raises:
        BadRequest: there is no data and the file is not in S3; Bedrock fetches nothing from elsewhere.
    """
    if media.url.startswith(_S3):
        return {"s3Location": {"uri": media.url}}
    if not media.data:
        where = "an uploaded file" if media.file_id else "a URL"
        raise _not_supported(f"{media.kind} content by {where}: send it in base64, or by an s3:// URL,")
    return {"bytes": media.data}


def _not_supported(what: str) -> BadRequest:
    return BadRequest(
        f"{what} cannot be sent to this model (protocol bedrock)", code="content_not_supported", param="messages"
    )
