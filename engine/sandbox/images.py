"""The sandbox's pictures: a prompt → eight stripes of its colours as a PNG, always the same. Pure."""

import struct
import zlib
from binascii import b2a_base64
from hashlib import sha256

from engine.errors import BadRequest
from engine.hub import Json
from engine.values import Usage
from engine.wire.envelope import Envelope
from engine.wire.images.openai import decode_request, encode_reply
from engine.wire.images.values import Image, ImageReply, ImageRequest

__all__ = ["images"]

STRIPES = 8
"""Of three bytes of colour each: what fits into the hash."""

EDGE = 1_024
"""Of the square that is painted unless told otherwise."""

MOST_EDGE = 2_048
MOST_IMAGES = 10
"""In one request, as OpenAI's limit is (OpenAPI document, CreateImageRequest, read 2026-11)."""

TOKENS = {"low": 272, "medium": 1_056, "high": 4_160}
"""Of a square of 1,024; other sizes by their area. Source: OpenAI's guide, "Image generation", "Cost and latency"."""

QUALITY = "medium"
"""Unless told otherwise, or in a word that only other models know."""

PAINTED = {"stream": (False,), "response_format": ("", "b64_json"), "output_format": ("", "png")}
"""What can be asked for."""


def images(request: Envelope, created: int) -> bytes:
    """The answer to *request*; *created* is its Unix time.

    Raises:
        BadRequest: it asks for what is not painted here; `param` names it.
    """
    asked = decode_request(request.fields)
    width, height = _pixels(asked)
    n = 1 if asked.n is None else asked.n
    if not 1 <= n <= MOST_IMAGES:
        raise _wrong("n", f"n must be from 1 to {MOST_IMAGES}")
    for name, values in PAINTED.items():
        if getattr(asked, name) not in values:
            raise _wrong(name, f"{name}: the sandbox paints PNG, whole and as b64_json")
    quality = asked.quality if asked.quality in TOKENS else QUALITY
    tokens = round(TOKENS[quality] * width * height / EDGE**2)
    reply = ImageReply(
        created=created,
        images=tuple(_image(f"{asked.prompt}\0{number}", width, height) for number in range(n)),
        size=f"{width}x{height}",
        quality=quality,
        output_format="png",
        background="opaque",
        usage=Usage(input=request.input_tokens, image_output=n * tokens),
    )
    return encode_reply(reply, created=created)


def _pixels(asked: ImageRequest) -> tuple[int, int]:
    if asked.size in ("", "auto"):
        return EDGE, EDGE
    if asked.pixels is None or max(asked.pixels) > MOST_EDGE:
        raise _wrong("size", f"size must be `auto`, or like `{EDGE}x{EDGE}`, and no edge longer than {MOST_EDGE}")
    return asked.pixels


def _wrong(param: str, message: str) -> BadRequest:
    return BadRequest(message, code="invalid_value", param=param)


def _image(seed: str, width: int, height: int) -> Image:
    palette = sha256(seed.encode()).digest()[: 3 * STRIPES]
    return Image(base64=Json(b'"%s"' % b2a_base64(_png(palette, width, height), newline=False)))


def _png(palette: bytes, width: int, height: int) -> bytes:
    """Upright stripes in the colours of *palette*. Source: W3C, "Portable Network Graphics (PNG) Specification"."""
    first = b"\0" + bytes(x * STRIPES // width for x in range(width))
    like_above = b"\2" + bytes(width)  # filter "up", nothing added
    head = struct.pack(">2I5B", width, height, 8, 3, 0, 0, 0)  # eight bits a pixel, each an index of the palette
    rows = zlib.compress(first + like_above * (height - 1))
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
