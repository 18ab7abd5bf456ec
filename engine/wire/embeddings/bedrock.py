"""Embeddings at Bedrock, by InvokeModel: the body is the maker's own, for Amazon's Titan or Cohere's Embed.

The path names the model, and a header of the answer says how many tokens were read, whatever its body says.

Source: Amazon Bedrock user guide, "Amazon Titan Text Embeddings models" and "Cohere Embed models", read 2026-11.
"""

from typing import Any

import msgspec

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Headers, Usage
from engine.wire.body import finish_as_is as finish
from engine.wire.body import raw_fields
from engine.wire.embeddings import cohere
from engine.wire.embeddings.values import EmbedReply, EmbedRequest
from engine.wire.embeddings.words import dropped_of, only_texts
from engine.wire.envelope import Encoded
from engine.wire.json_read import decoded
from engine.wire.measures import count

__all__ = ["decode_reply", "encode_request", "finish"]

INPUT_TOKENS = b"x-amzn-bedrock-input-token-count"

COHERE = "cohere."
"""Part of the id of Cohere's models, also behind the region of an inference profile: `us.cohere.embed-v4:0`."""

DROPPED = frozenset({"user", "input_type"})
"""Titan has no word for them."""


NULL = Json(b"null")


class _Reply(msgspec.Struct, rename="camel"):
    embedding: Json = NULL
    embeddings_by_type: dict[str, Json] | None = None
    embeddings: Json = NULL
    """Cohere's."""
    input_text_token_count: Any = None


_REPLY = msgspec.json.Decoder(_Reply)


def encode_request(request: EmbedRequest) -> Encoded:
    """*request* in the words of the model's maker.

    Raises:
        BadRequest: `content_not_supported`, an input is tokens, or there is more than one for Titan.
    """
    if COHERE in request.model:
        return cohere.encode_request(request)
    texts = only_texts(request, "Titan")
    if len(texts) != 1:
        message = "input: Titan embeds one text in a request; send them one by one"
        raise BadRequest(message, code="content_not_supported", param="input")
    written: dict[str, Any] = {"inputText": texts[0]}
    if request.dimensions is not None:
        written["dimensions"] = request.dimensions
    return Encoded(raw_fields(written), dropped_of(request, DROPPED))


def decode_reply(body: bytes, headers: Headers = ()) -> EmbedReply:
    """The answer in *body*.

    Raises:
        UpstreamMalformed: it holds no embedding.
    """
    counted = next((_number(value) for name, value in headers if name == INPUT_TOKENS), None)
    reply = decoded(_REPLY, body, "not an embedding of Bedrock's")
    if bytes(reply.embeddings) != b"null":
        found = cohere.decode_reply(body)
        return EmbedReply(vectors=found.vectors, usage=found.usage if counted is None else Usage(input=counted))
    vector = reply.embedding
    if bytes(vector) == b"null":
        vector = (reply.embeddings_by_type or {}).get("float", NULL)
    if bytes(vector) == b"null":
        raise UpstreamMalformed("an answer without an embedding", received=True)
    tokens = counted if reply.input_text_token_count is None else count(reply.input_text_token_count)
    return EmbedReply(vectors=(vector.copy(),), usage=None if tokens is None else Usage(input=tokens))


def _number(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) < 13 else None
