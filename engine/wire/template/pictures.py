"""Pictures by a template's API, for callers of OpenAI's image generation."""

from typing import Any, Final

import msgspec

from engine.errors import UpstreamMalformed
from engine.hub import Json
from engine.values import Headers
from engine.wire.envelope import Encoded
from engine.wire.images.values import Image, ImageReply, ImageRequest
from engine.wire.json_read import decoded
from engine.wire.template.fill import fields_of, headers_of
from engine.wire.template.pointer import found
from engine.wire.template.values import Pictures

__all__ = ["Asked", "decode_reply", "encode_request", "headers"]

_PARAMETERS: Final = ("n", "size", "quality", "output_format", "user")
_WHOLE: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What `request.…` and `upstream.…` read. What is None was not said."""

    model: str
    prompt: str
    n: int | None
    size: str | None
    width: int | None
    height: int | None
    """The size's, where it is in pixels."""
    quality: str | None
    output_format: str | None
    user: str | None


def encode_request(request: ImageRequest, pictures: Pictures) -> Encoded:
    """*request* as the template has it; what it has no place for is dropped."""
    asked, reads = _asked(request), pictures.ask.reads
    said = [name for name in _PARAMETERS if getattr(asked, name) is not None]
    dropped = [name for name in said if f"request.{name}" not in reads]
    if "size" in dropped and asked.width is not None and {"request.width", "request.height"} <= reads:
        dropped.remove("size")
    if request.response_format and request.response_format != ("url" if pictures.url is not None else "b64_json"):
        dropped.append("response_format")
    return Encoded(fields_of(pictures.ask, asked), (*dropped, *request.extra))


def headers(request: ImageRequest, pictures: Pictures) -> Headers:
    """The headers that the template has for *request*."""
    return headers_of(pictures.ask, _asked(request)) if pictures.ask.headers else ()


def _asked(request: ImageRequest) -> Asked:
    width, height = request.pixels or (None, None)
    return Asked(
        model=request.model,
        prompt=request.prompt,
        width=width,
        height=height,
        **{name: getattr(request, name) or None for name in _PARAMETERS},
    )


def decode_reply(body: bytes, pictures: Pictures) -> ImageReply:
    """The pictures in *body*.

    Raises:
        UpstreamMalformed: it is no JSON, or there is no picture where the template says.
    """
    value = decoded(_WHOLE, body, "not JSON")
    pointer = pictures.url if pictures.url is not None else pictures.base64
    assert pointer is not None
    texts: list[Any] = [each for each in found(value, pointer) if isinstance(each, str)]
    if not texts:
        raise UpstreamMalformed(f"no picture at /{'/'.join(pointer)}", received=True)
    return ImageReply(images=tuple(_image(text, is_url=pictures.url is not None) for text in texts))


def _image(text: str, *, is_url: bool) -> Image:
    """One picture; a data URL (RFC 2397) is as good as base64."""
    data = text.partition(";base64,")[2] if text.startswith("data:") else "" if is_url else text
    return Image(base64=Json(_ENCODER.encode(data))) if data else Image(url=text)
