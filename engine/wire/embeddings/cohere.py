"""Cohere's embeddings: version 2 of its own API, and the same models at Bedrock.

Source: https://docs.cohere.com/reference/embed, and Amazon Bedrock user guide, "Cohere Embed v4", read 2026-11.
"""

from typing import Any

import msgspec

from engine.errors import UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.body import finish, raw_fields
from engine.wire.embeddings.values import EmbedReply, EmbedRequest, InputType
from engine.wire.embeddings.words import dropped_of, only_texts
from engine.wire.envelope import Encoded
from engine.wire.json_read import UNREADABLE
from engine.wire.measures import count, object_in

__all__ = ["decode_reply", "encode_request", "finish", "read_usage"]

INPUT_TYPES = {
    InputType.QUERY: "search_query",
    InputType.DOCUMENT: "search_document",
    InputType.CLASSIFICATION: "classification",
    InputType.CLUSTERING: "clustering",
    InputType.SIMILARITY: "clustering",  # the nearest: it is trained to bring similar texts together
}

UNSAID = "search_document"
"""Cohere demands an `input_type` for all models since version 3, and OpenAI's protocol has none. Most texts that are
embedded are documents; callers who embed queries can say so in `input_type`."""

DROPPED = frozenset({"user"})
"""Cohere has no word for them."""


class _Reply(msgspec.Struct):
    embeddings: Json
    """By type, `{"float": [...]}`; from older versions, and the older models at Bedrock, the list itself."""
    meta: Any = None


_REPLY = msgspec.json.Decoder(_Reply)
_BY_TYPE = msgspec.json.Decoder(dict[str, Json])
_VECTORS = msgspec.json.Decoder(list[Json])


def encode_request(request: EmbedRequest) -> Encoded:
    """*request* as Cohere has it. Vectors are asked for as numbers, whatever the caller asked for.

    Raises:
        BadRequest: `content_not_supported`, an input is tokens.
    """
    written: dict[str, Any] = {
        "texts": only_texts(request, "Cohere"),
        "input_type": UNSAID if request.input_type is None else INPUT_TYPES[request.input_type],
        "embedding_types": ["float"],
    }
    if request.dimensions is not None:
        written["output_dimension"] = request.dimensions
    return Encoded(raw_fields(written), dropped_of(request, DROPPED))


def decode_reply(body: bytes) -> EmbedReply:
    """The answer in *body*. It does not name its model; at Bedrock usage is in a header.

    Raises:
        UpstreamMalformed: it holds no embeddings.
    """
    try:
        reply = _REPLY.decode(body)
        vectors = _VECTORS.decode(_floats(reply.embeddings))
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"not Cohere's embeddings: {exc}", received=True) from exc
    if not vectors:
        raise UpstreamMalformed("an answer without embeddings", received=True)
    return EmbedReply(vectors=tuple(vector.copy() for vector in vectors), usage=read_usage(reply.meta))


def _floats(embeddings: Json) -> Json:
    """The list of vectors: as numbers if there are such, else of the first type that has any."""
    if memoryview(embeddings)[0] == ord("["):
        return embeddings
    by_type = {name: vectors for name, vectors in _BY_TYPE.decode(embeddings).items() if bytes(vectors) != b"null"}
    return by_type.get("float", next(iter(by_type.values()), Json(b"[]")))


def read_usage(meta: object) -> Usage | None:
    """The usage in an answer's `meta`, in tokens; None where it has none."""
    units = object_in(meta, "billed_units") or object_in(meta, "tokens")
    if not ("input_tokens" in units or "image_tokens" in units):
        return None
    return Usage(
        input=count(units.get("input_tokens")),
        image_input=count(units.get("image_tokens")),
        output=count(units.get("output_tokens")),
    )
