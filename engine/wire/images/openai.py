"""Pictures in OpenAI's protocol, which xAI and others speak, too: requests and answers, in both directions.

Source: platform.openai.com/docs/api-reference/images, OpenAI's OpenAPI document, and docs.x.ai, "Image generations",
read 2026-11.
"""

from typing import Any

import msgspec

from engine.hub import Json
from engine.wire.body import WISHES, finish, raw_fields, shaped
from engine.wire.envelope import Encoded
from engine.wire.images.values import Image, ImageReply, ImageRequest
from engine.wire.json_edit import Fields
from engine.wire.json_read import decoded
from engine.wire.measures import read_tokens

__all__ = ["decode_reply", "decode_request", "encode_reply", "encode_request", "finish"]

_TEXTS = ("size", "quality", "response_format", "output_format", "user")
_READ = ("model", "prompt", "n", "stream", *_TEXTS)
_SETTINGS = ("size", "quality", "output_format", "background")


class _Request(msgspec.Struct):
    prompt: str
    model: str | None = None
    n: int | None = None
    stream: bool | None = None
    size: str | None = None
    quality: str | None = None
    response_format: str | None = None
    output_format: str | None = None
    user: str | None = None


class _Image(msgspec.Struct):
    b64_json: Json = Json(b"null")
    url: str | None = None
    revised_prompt: str | None = None
    mime_type: str | None = None
    """xAI's."""


class _Reply(msgspec.Struct):
    data: list[_Image]
    created: Any = None
    size: Any = None
    quality: Any = None
    output_format: Any = None
    background: Any = None
    usage: Any = None


_REQUEST = msgspec.json.Decoder(_Request)
_REPLY = msgspec.json.Decoder(_Reply)
_ENCODER = msgspec.json.Encoder()


def decode_request(fields: Fields) -> ImageRequest:
    """The request that *fields* make.

    Raises:
        BadRequest: they are not of the protocol's shape.
    """
    said = shaped(fields, _READ, _REQUEST)
    return ImageRequest(
        model=said.model or "",
        prompt=said.prompt,
        n=said.n,
        size=said.size or "",
        quality=said.quality or "",
        response_format=said.response_format or "",
        output_format=said.output_format or "",
        stream=bool(said.stream),
        user=said.user or "",
        extra={name: value for name, value in fields.items() if name not in _READ and name != WISHES},
    )


def encode_request(request: ImageRequest) -> Encoded:
    """*request* as OpenAI has it; nothing is dropped."""
    written: dict[str, Any] = {"prompt": request.prompt}
    if request.n is not None:
        written["n"] = request.n
    if request.stream:
        written["stream"] = True
    written |= {name: getattr(request, name) for name in _TEXTS if getattr(request, name)}
    return Encoded({**raw_fields(written), **request.extra}, ())


def decode_reply(body: bytes) -> ImageReply:
    """The answer in *body*.

    Raises:
        UpstreamMalformed: it holds no list of pictures.
    """
    reply = decoded(_REPLY, body, "not a list of images")
    settings = {name: getattr(reply, name) for name in _SETTINGS}
    return ImageReply(
        created=reply.created if type(reply.created) is int else None,
        images=tuple(_image(image) for image in reply.data),
        usage=read_tokens(reply.usage, made="image"),
        **{name: value for name, value in settings.items() if isinstance(value, str)},
    )


def _image(said: _Image) -> Image:
    return Image(
        url=said.url or "",
        base64=None if bytes(said.b64_json) == b"null" else said.b64_json.copy(),
        revised_prompt=said.revised_prompt or "",
        media_type=said.mime_type or "",
    )


def encode_reply(reply: ImageReply, *, created: int) -> bytes:
    """*reply* as OpenAI writes it; *created*, in seconds since 1970, is used if it does not say when it was made."""
    written: dict[str, Any] = {"created": reply.created or created, "data": [_written(image) for image in reply.images]}
    written |= {name: getattr(reply, name) for name in _SETTINGS if getattr(reply, name)}
    usage = reply.usage
    if usage is not None:
        written["usage"] = {
            "input_tokens": usage.total_input,
            "input_tokens_details": {"image_tokens": usage.image_input, "text_tokens": usage.input},
            "output_tokens": usage.total_output,
            "output_tokens_details": {"image_tokens": usage.image_output, "text_tokens": usage.output},
            "total_tokens": usage.total_input + usage.total_output,
        }
    return _ENCODER.encode(written)


def _written(image: Image) -> dict[str, Any]:
    written: dict[str, Any] = {"url": image.url} if image.url else {}
    if image.base64 is not None:
        written["b64_json"] = image.base64
    if image.revised_prompt:
        written["revised_prompt"] = image.revised_prompt
    if image.media_type:
        written["mime_type"] = image.media_type
    return written
