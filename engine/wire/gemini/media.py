"""Pictures, sound, films and documents, as Gemini has them: bytes in base64 or a URI, each with a media type."""

from typing import Literal
from urllib.parse import urlsplit

from engine import hub
from engine.errors import BadRequest
from engine.wire.gemini.chunk import Blob, FileData

__all__ = ["check", "kind_of", "read_blob", "read_file", "standard", "write_media"]

Kind = Literal["image", "audio", "file", "video"]

_KINDS: dict[str, Kind] = {"image": "image", "audio": "audio", "video": "video"}

_BY_ENDING = {
    "gif": "image/gif",
    "heic": "image/heic",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "csv": "text/csv",
    "html": "text/html",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "txt": "text/plain",
}

_BY_KIND: dict[Kind, str] = {
    "image": "image/jpeg",
    "audio": "audio/mpeg",
    "video": "video/mp4",
    "file": "application/pdf",
}
"""The usual media type for what comes without one. Vertex demands one, though it looks into the bytes all the same."""

FILES_API = "https://generativelanguage.googleapis.com/"
"""How the URIs of files uploaded to AI Studio begin; nobody else can read these."""

_STANDARD = str.maketrans("-_", "+/")


def kind_of(media_type: str) -> Kind:
    """The kind of media that *media_type* names; a document if it names no other."""
    return _KINDS.get(media_type.partition("/")[0].lower(), "file")


def standard(data: str) -> str:
    """*data* as padded base64 in the alphabet that every protocol reads."""
    if "-" in data or "_" in data:
        data = data.translate(_STANDARD)
    return data if len(data) % 4 == 0 else data + "=" * (-len(data) % 4)


def read_blob(blob: Blob, signature: str = "") -> hub.Media:
    """The media whose bytes a part carries."""
    media_type = blob.mime_type or ""
    return hub.Media(
        kind=kind_of(media_type), data=standard(blob.data or ""), media_type=media_type, signature=signature
    )


def read_file(file: FileData, signature: str = "") -> hub.Media:
    """The media that a part refers to."""
    uri = file.file_uri or ""
    media_type = file.mime_type or ""
    kind = kind_of(media_type or _BY_ENDING.get(_ending(uri), ""))
    if uri.startswith(FILES_API):
        return hub.Media(kind=kind, file_id=uri, media_type=media_type, signature=signature)
    return hub.Media(kind=kind, url=uri, media_type=media_type, signature=signature)


def check(media: hub.Media) -> None:
    """Returns if a Gemini provider can read *media*.

    Raises:
        BadRequest: it is a file that was uploaded to another provider.
    """
    if media.file_id and not media.file_id.startswith(FILES_API):
        raise BadRequest(
            f"the uploaded file '{media.file_id}' cannot be sent to a Gemini provider: send its content or a URL",
            code="content_not_supported",
            param="messages",
        )


def write_media(media: hub.Media, *, guess: bool) -> dict[str, object]:
    """The part that carries *media*; with *guess*, a likely media type is given to media without one."""
    media_type = media.media_type
    if not media_type and guess:
        media_type = _BY_ENDING.get(_ending(media.url or media.name), "") or _BY_KIND[media.kind]
    said: dict[str, object] = {"mimeType": media_type} if media_type else {}
    signed: dict[str, object] = {"thoughtSignature": media.signature} if media.signature else {}
    if media.data:
        return {"inlineData": {**said, "data": media.data}, **signed}
    return {"fileData": {**said, "fileUri": media.url or media.file_id}, **signed}


def _ending(uri: str) -> str:
    try:
        path = urlsplit(uri).path
    except ValueError:
        return ""
    return path.rpartition(".")[2].lower()
