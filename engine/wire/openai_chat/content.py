"""Message content: a string or a list of parts ↔ the hub's parts.

Reads what look-alikes write as well: Mistral's `thinking`, `document_url` and bare `image_url` strings, `video_url`.
Writes OpenAI's shapes, with `file_data` holding an address where a file comes by reference (OpenRouter), and
`video_url`, which OpenAI itself has no word for. A part that nobody here knows is `Foreign`.

Source: https://platform.openai.com/docs/api-reference/chat/create, https://openrouter.ai/docs (multimodal),
https://docs.mistral.ai/api, read 2026-11.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_chat import PROTOCOL

__all__ = ["media_part", "no_place", "read_content", "read_media", "write_content"]

AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "opus": "audio/opus", "aac": "audio/aac"}
"""`input_audio.format` → media type; any other format is `audio/<format>`."""
AUDIO_FORMATS = {"audio/x-wav": "wav", "audio/wave": "wav", "audio/mp3": "mp3"} | {
    media_type: form for form, media_type in AUDIO_TYPES.items()
}

_ENCODER = msgspec.json.Encoder()


def read_content(content: str | list[Any] | None) -> list[hub.Part]:
    """The parts of a message's `content`; empty texts are left out.

    Raises:
        BadRequest: a part of a known type that lacks what the type needs.
    """
    if not content:
        return []
    if isinstance(content, str):
        return [hub.Text(text=content)]
    parts = [_read_part(part) or _foreign(part) for part in content]
    return [part for part in parts if not (isinstance(part, hub.Text) and not part.text and part.cache is None)]


def _read_part(part: Any) -> hub.Part | None:
    """One part of a content list; None where the type is unknown. Callers mix up our types with the Responses API's."""
    match part:
        case str():
            return hub.Text(text=part)
        case {"type": "text" | "input_text" | "output_text", "text": str(text)}:
            return hub.Text(text=text, cache=_cache(part))
        case {"type": "refusal", "refusal": str(text)}:
            return hub.Refusal(text=text)
        case {"type": "thinking", "thinking": thinking}:
            return hub.Thinking(text=_thought(thinking))
        case {"type": "text" | "refusal" | "thinking" as kind}:
            raise _lacks(kind, kind)
        case _:
            return read_media(part)


def read_media(part: Any) -> hub.Media | None:
    """The picture, sound, document or film that a part carries; None where it is a part of another kind.

    Raises:
        BadRequest: it carries nothing.
    """
    match part:
        case {"type": "image_url" | "video_url" | "document_url" as kind}:
            return _by_address(kind, part)
        case {"type": "input_audio", "input_audio": {"data": str(data), **audio}}:
            return _audio(data, audio.get("format"), part)
        case {"type": "file", "file": dict()}:
            return _file(part["file"], part)
        case {"type": "input_audio" | "file" as kind}:
            raise _lacks(kind, kind)
        case _:
            return None


def _by_address(kind: str, part: dict[str, Any]) -> hub.Media:
    """`{"image_url": {"url", "detail"}}`; Mistral also allows the bare address."""
    inner = part.get(kind)
    address = inner.get("url") if isinstance(inner, dict) else inner
    if not isinstance(address, str) or not address:
        raise _lacks(kind, f"{kind}.url")
    url, data, media_type = _split(address)
    return hub.Media(
        kind=_KINDS[kind],
        url=url,
        data=data,
        media_type=media_type,
        name=_text(part.get("document_name")),
        detail=_text(inner.get("detail")) if isinstance(inner, dict) else "",
        cache=_cache(part),
    )


_KINDS: dict[str, Any] = {"image_url": "image", "video_url": "video", "document_url": "file"}


def _audio(data: str, form: object, part: dict[str, Any]) -> hub.Media:
    """Sound in base64; Qwen has an address or a data URL in its place."""
    url, inline, media_type = _split(data) if data.startswith(("data:", "http://", "https://")) else ("", data, "")
    if isinstance(form, str) and form:
        media_type = AUDIO_TYPES.get(form, f"audio/{form}")
    return hub.Media(kind="audio", url=url, data=inline, media_type=media_type, cache=_cache(part))


def _file(file: dict[str, Any], part: dict[str, Any]) -> hub.Media:
    name, file_id, content = (_text(file.get(key)) for key in ("filename", "file_id", "file_data"))
    if file_id:
        return hub.Media(kind="file", file_id=file_id, name=name, cache=_cache(part))
    if not content:
        raise _lacks("file", "file.file_data or file.file_id")
    url, data, media_type = _split(content) if ":" in content[:10] else ("", content, "")
    return hub.Media(kind="file", url=url, data=data, media_type=media_type, name=name, cache=_cache(part))


def _split(address: str) -> tuple[str, str, str]:
    """URL, base64 data and media type: a data URL is taken apart, any other address is left as it is."""
    if not address.startswith("data:"):
        return address, "", ""
    head, comma, data = address[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        return address, "", ""
    return "", data, head.removesuffix(";base64")


def _thought(thinking: object) -> str:
    """Mistral's reasoning: text, or a list of text parts."""
    if isinstance(thinking, list):
        return "".join(_text(part.get("text")) for part in thinking if isinstance(part, dict))
    return _text(thinking)


def _foreign(part: Any) -> hub.Foreign:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        raise BadRequest("a content part has no type", code="invalid_type", param="messages")
    return hub.Foreign(protocol=PROTOCOL, kind=kind, raw=msgspec.Raw(_ENCODER.encode(part)))


def _lacks(kind: str, field: str) -> BadRequest:
    return BadRequest(f"a content part of type {kind} lacks {field}", code="invalid_value", param="messages")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cache(part: dict[str, Any]) -> msgspec.Raw | None:
    cache = part.get("cache_control")
    return msgspec.Raw(_ENCODER.encode(cache)) if cache else None


def write_content(parts: Iterable[hub.Part], *, cache: bool, dropped: list[str]) -> str | list[Any]:
    """`content` for *parts*: a string where they are a single text, else a list; `""` for none.

    Foreign parts of another protocol are left out and their kinds added to *dropped*. With *cache*, `cache_control`
    is written (OpenRouter and Vercel pass it on to Anthropic).

    Raises:
        BadRequest: `content_not_supported`, a part that belongs nowhere in a content list.
    """
    written = [part for part in (_write_part(part, cache, dropped) for part in parts) if part is not None]
    match written:
        case []:
            return ""
        case [{"type": "text", "text": text, **rest}] if not rest:
            return str(text)
    return written


def _write_part(part: hub.Part, cache: bool, dropped: list[str]) -> Any:
    match part:
        case hub.Text():
            return _cached({"type": "text", "text": part.text}, part.cache, cache)
        case hub.Media():
            return _cached(media_part(part), part.cache, cache)
        case hub.Refusal():
            return {"type": "refusal", "refusal": part.text}
        case hub.Thinking():
            return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
        case hub.Foreign() if part.protocol == PROTOCOL:
            return part.raw
        case hub.Foreign():
            dropped.append(part.kind)
            return None
        case _:
            raise no_place(type(part).__name__)


def _cached(written: dict[str, Any], cache: msgspec.Raw | None, wanted: bool) -> dict[str, Any]:
    return {**written, "cache_control": cache} if wanted and cache is not None else written


def media_part(media: hub.Media) -> dict[str, Any]:
    """The content part that carries *media*.

    Raises:
        BadRequest: `content_not_supported`, this kind cannot be sent in the way it comes: a picture by file id, say.
    """
    address = media.url or (f"data:{media.media_type};base64,{media.data}" if media.data else "")
    match media.kind:
        case "image" if address:
            detail = {"detail": media.detail} if media.detail else {}
            return {"type": "image_url", "image_url": {"url": address, **detail}}
        case "video" if address:
            return {"type": "video_url", "video_url": {"url": address}}
        case "audio" if media.data:
            form = AUDIO_FORMATS.get(media.media_type, media.media_type.removeprefix("audio/"))
            return {"type": "input_audio", "input_audio": {"data": media.data, "format": form}}
        case "file":
            name = {"filename": media.name} if media.name else {}
            return {"type": "file", "file": {**name, **_file_source(media, address)}}
    raise no_place(f"{media.kind} by {'address' if media.url else 'file id'}")


def _file_source(media: hub.Media, address: str) -> dict[str, str]:
    if media.file_id:
        return {"file_id": media.file_id}
    return {"file_data": address if media.media_type or media.url else media.data}


def no_place(what: str) -> BadRequest:
    """The refusal of content that the format has no place for."""
    return BadRequest(
        f"messages: {what} cannot be said in OpenAI's chat completions", code="content_not_supported", param="messages"
    )
