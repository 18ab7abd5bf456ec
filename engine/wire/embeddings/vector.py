"""A vector in its two spellings: a JSON list of numbers, and base64 of little-endian 32-bit floats."""

import binascii
import struct

import msgspec

from engine.errors import UpstreamMalformed
from engine.hub import Json

__all__ = ["as_base64", "as_floats", "is_base64"]

QUOTE = ord('"')
BRACKET = ord("[")

LEAST_WIDE = 8
"""The fewest numbers in a vector that show whether they are 32 or 64 bits wide."""

LOW_BITS = 0x1FFF_FFFF
"""The bits that are zero in a 64-bit float made from a 32-bit one."""

_FLOATS = msgspec.json.Decoder(list[float])
_TEXT = msgspec.json.Decoder(str)
_ENCODER = msgspec.json.Encoder()


def is_base64(vector: Json) -> bool:
    """Whether *vector* is spelled in base64."""
    return memoryview(vector)[0] == QUOTE


def as_base64(vector: Json) -> Json:
    """*vector* in base64; itself if it is so already.

    Raises:
        UpstreamMalformed: it is no vector.
    """
    if is_base64(vector):
        return vector
    try:
        numbers = _FLOATS.decode(vector)
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as exc:
        raise _no_vector(str(exc)) from exc
    return Json(b'"%s"' % binascii.b2a_base64(packed, newline=False))


def as_floats(vector: Json) -> Json:
    """*vector* as a list of numbers; itself if it is so already.

    Raises:
        UpstreamMalformed: it is no vector.
    """
    if memoryview(vector)[0] == BRACKET:
        return vector
    try:
        packed = binascii.a2b_base64(_TEXT.decode(vector), strict_mode=True)
    except (msgspec.DecodeError, ValueError) as exc:
        raise _no_vector(str(exc)) from exc
    written = _ENCODER.encode(_unpacked(packed))
    if b"null" in written:  # infinities and NaN are written so
        raise _no_vector("a number in it is not finite")
    return Json(written)


def _unpacked(packed: bytes) -> tuple[float, ...]:
    """The numbers in *packed*. Older vLLM servers send them 64 bits wide."""
    size = len(packed)
    if size % 4:
        raise _no_vector("its bytes are no 32-bit floats")
    if size % 8 == 0 and size >= 8 * LEAST_WIDE:
        words = struct.unpack(f"<{size // 4}I", packed)
        if not any(word & LOW_BITS for word in words[::2]) and all(words[1::2]):
            return struct.unpack(f"<{size // 8}d", packed)
    return struct.unpack(f"<{size // 4}f", packed)


def _no_vector(why: str) -> UpstreamMalformed:
    return UpstreamMalformed(f"not an embedding: {why}", received=True)
