"""Pictures by Gemini's models, at Google's AI Studio and at Vertex: `generateContent`, asked for pictures alone.

They are the successors of Imagen, whose models were shut down at both in August 2026 (Google's "Migrate from Imagen to
a Gemini Image model"). One request makes one picture, and pictures are charged as tokens.

Source: Google's discovery document of v1beta, "ImageConfig", and aiplatform.googleapis.com, v1, "ImageConfig", as
https://pub.dev/documentation/googleapis has it; https://ai.google.dev/gemini-api/docs/image-generation; read 2026-11.
"""

from math import log2, sqrt
from typing import Any

import msgspec

from engine.errors import OutcomeKind, UpstreamMalformed
from engine.hub import Finish, Json
from engine.values import Outcome
from engine.wire.body import finish_as_is as finish
from engine.wire.body import raw_fields
from engine.wire.envelope import Encoded
from engine.wire.gemini import error
from engine.wire.gemini.chunk import NOT_GIVEN
from engine.wire.gemini.finish import finish_of, word_of
from engine.wire.gemini.usage import read_usage
from engine.wire.images.values import Image, ImageReply, ImageRequest
from engine.wire.json_read import UNREADABLE, decoded
from engine.wire.redact import clean

__all__ = ["decode_reply", "encode_request", "finish", "read_reply_error"]

RATIOS = {
    name: int(width) / int(height)
    for name in ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
    for width, height in [name.split(":")]
}
"""The ratios that every model makes."""

SIZES = ("1K", "2K", "4K")
"""About how many pixels the edge of a square has; 1K unless told otherwise."""

FORMATS = {"png": "image/png", "jpeg": "image/jpeg"}

_IDLE_QUALITIES = {"", "auto", "standard"}
_IDLE_RESPONSES = {"", "b64_json"}

_NULL = Json(b"null")


class _Blob(msgspec.Struct, rename="camel"):
    data: Json = _NULL
    mime_type: str | None = None


class _Part(msgspec.Struct, rename="camel"):
    inline_data: _Blob | None = None
    thought: bool | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | int | None = None
    finish_message: str | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | int | None = None
    block_reason_message: str | None = None


class _Reply(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: msgspec.Raw = NOT_GIVEN
    model_version: str | None = None


_REPLY = msgspec.json.Decoder(_Reply)


def encode_request(request: ImageRequest, *, has_formats: bool) -> Encoded:
    """*request* as Gemini has it; *has_formats* says whether it can be told the format, as Vertex can.

    Dropped are `n` above one, since a request makes one picture; a `size` that is smaller than any that Gemini makes,
    or has none of its ratios (the nearest one is asked for); `quality`, `user`, a `response_format` of addresses, an
    `output_format` that cannot be told, and fields that only OpenAI knows.
    """
    config, is_as_asked = _image_config(request)
    if has_formats and request.output_format in FORMATS:
        config["imageOutputOptions"] = {"mimeType": FORMATS[request.output_format]}
    said = {
        "contents": [{"role": "user", "parts": [{"text": request.prompt}]}],
        "generationConfig": {"responseModalities": ["IMAGE"], **({"imageConfig": config} if config else {})},
    }
    unsaid = {
        "n": request.n not in (None, 1),
        "size": not is_as_asked,
        "quality": request.quality not in _IDLE_QUALITIES,
        "response_format": request.response_format not in _IDLE_RESPONSES,
        "output_format": bool(request.output_format) and "imageOutputOptions" not in config,
        "user": bool(request.user),
    }
    return Encoded(raw_fields(said), (*(name for name, is_unsaid in unsaid.items() if is_unsaid), *request.extra))


def _image_config(request: ImageRequest) -> tuple[dict[str, Any], bool]:
    """What asks for the size nearest to the one wanted, and whether it has its ratio and need not be larger.

    The model decides how many pixels a ratio has: 3:2 at 1K is 1264x848.
    """
    if request.size in ("", "auto"):
        return {}, True
    if request.pixels is None:
        return {}, False
    width, height = request.pixels
    ratio = min(RATIOS, key=lambda name: abs(log2(RATIOS[name] * height / width)))
    edge = sqrt(width * height)
    larger = min(max(round(log2(edge / 1024)), 0), len(SIZES) - 1)
    config = {"aspectRatio": ratio, **({"imageSize": SIZES[larger]} if larger else {})}
    return config, width / height == RATIOS[ratio] and edge >= 1024


def decode_reply(body: bytes) -> ImageReply:
    """The pictures in *body*, except those of thoughts.

    Raises:
        UpstreamMalformed: there are none.
    """
    reply = decoded(_REPLY, body, "not Gemini's pictures")
    blobs = [blob for candidate in reply.candidates or () for blob in _pictures(candidate)]
    if not blobs:
        raise UpstreamMalformed(f"an answer without a picture: {_reason(reply)[0] or 'no reason told'}", received=True)
    try:
        usage = read_usage(reply.usage_metadata)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"not Gemini's usage: {exc}", received=True) from exc
    return ImageReply(
        model=reply.model_version or "",
        images=tuple(Image(base64=blob.data.copy()) for blob in blobs),
        output_format=(blobs[0].mime_type or "").removeprefix("image/"),
        usage=usage,
    )


def _pictures(candidate: _Candidate) -> list[_Blob]:
    parts = candidate.content.parts if candidate.content else None
    blobs = [part.inline_data for part in parts or () if part.inline_data is not None and not part.thought]
    return [blob for blob in blobs if bytes(blob.data) != b"null"]


def _reason(reply: _Reply) -> tuple[str, str]:
    """Why there is no picture: Gemini's word, empty where it gives none, and its sentence."""
    feedback = reply.prompt_feedback
    if feedback is not None and (word := word_of(feedback.block_reason)):
        return word, feedback.block_reason_message or ""
    first = next(iter(reply.candidates or ()), None)
    return (word_of(first.finish_reason), first.finish_message or "") if first else ("", "")


def read_reply_error(body: bytes) -> Outcome | None:
    """The failure that an answer with status 200 reports: an error of Google's, or a picture that was withheld."""
    if b'"inlineData"' in body:
        return None
    failure = error.read_reply_error(body)
    if failure is not None:
        return failure
    try:
        reply = _REPLY.decode(body)
    except UNREADABLE:
        return None
    word, message = _reason(reply)
    is_blocked = reply.prompt_feedback is not None and bool(word_of(reply.prompt_feedback.block_reason))
    if not word or not (is_blocked or finish_of(word, has_calls=False) is Finish.CONTENT_FILTER):
        return None
    told = clean(message) or f"the provider withheld the picture: {word}"
    return Outcome(kind=OutcomeKind.CONTENT_FILTER, status=200, message=told, code=word, received=True)
