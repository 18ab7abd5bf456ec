"""The sandbox's embeddings: a text, or the tokens of one → a vector of length 1, always the same. Pure.

Texts that are alike have vectors that are not: this is a hash, and knows nothing of meaning.
"""

import math
import struct
from hashlib import shake_256

import msgspec

from engine.errors import BadRequest
from engine.hub import Json
from engine.values import Usage
from engine.wire.embeddings.openai import decode_request, encode_reply
from engine.wire.embeddings.values import EmbedReply, Input
from engine.wire.envelope import Envelope

__all__ = ["embeddings"]

DIMENSIONS = 1_536
"""Unless asked for others: as text-embedding-3-small has."""

MOST_DIMENSIONS = 3_072
"""As text-embedding-3-large has."""

MOST_INPUTS = 2_048
"""In one request, as OpenAI's limit is (OpenAPI document, CreateEmbeddingRequest, read 2026-11)."""

DIGITS = 8
"""After the point: what a 32-bit float of this size holds, so that both encodings say the same."""


def embeddings(request: Envelope) -> bytes:
    """The answer to *request*.

    Raises:
        BadRequest: the inputs are neither texts nor tokens, or too many; or nothing has so many dimensions.
    """
    asked = decode_request(request.fields)
    if len(asked.inputs) > MOST_INPUTS:
        raise _wrong("input", f"input has more than {MOST_INPUTS} entries")
    dimensions = DIMENSIONS if asked.dimensions is None else asked.dimensions
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise _wrong("dimensions", f"dimensions must be from 1 to {MOST_DIMENSIONS}")
    reply = EmbedReply(
        model=request.model,
        vectors=tuple(_vector(given, dimensions) for given in asked.inputs),
        usage=Usage(input=request.input_tokens),
    )
    return encode_reply(reply, as_base64=asked.as_base64 is True)


def _wrong(param: str, message: str) -> BadRequest:
    return BadRequest(message, code="invalid_value", param=param)


def _vector(given: Input, dimensions: int) -> Json:
    """The direction that the hash points in; fewer dimensions are the first ones of more, as OpenAI's are."""
    text = given if isinstance(given, str) else repr(given)
    numbers = struct.unpack(f"<{dimensions}i", shake_256(text.encode()).digest(4 * dimensions))
    length = math.hypot(*numbers) or 1.0
    return Json(msgspec.json.encode([round(number / length, DIGITS) for number in numbers]))
