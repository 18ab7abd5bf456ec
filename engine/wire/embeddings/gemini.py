"""Gemini's `batchEmbedContents`: one request for each text, each with its options and the model's name.

Asked at `models/{model}:batchEmbedContents`. The options are written beside the content, where all models know them;
the newer `embedContentConfig` says the same.

Source: https://ai.google.dev/api/embeddings, and Google's discovery document, read 2026-11.
"""

from typing import Any

import msgspec

from engine.errors import UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.body import raw_fields
from engine.wire.embeddings.values import EmbedReply, EmbedRequest, InputType
from engine.wire.embeddings.words import dropped_of, only_texts
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields
from engine.wire.json_read import decoded
from engine.wire.measures import count

__all__ = ["decode_reply", "encode_request", "finish"]

TASK_TYPES = {
    InputType.QUERY: "RETRIEVAL_QUERY",
    InputType.DOCUMENT: "RETRIEVAL_DOCUMENT",
    InputType.CLASSIFICATION: "CLASSIFICATION",
    InputType.CLUSTERING: "CLUSTERING",
    InputType.SIMILARITY: "SEMANTIC_SIMILARITY",
}

DROPPED = frozenset({"user"})
"""Gemini has no word for them."""


class _Vector(msgspec.Struct):
    values: Json


class _Count(msgspec.Struct, rename="camel", gc=False):
    modality: Any = None
    token_count: Any = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: Any = None
    prompt_token_details: list[_Count] = []
    prompt_tokens_details: list[_Count] = []
    """Vertex's spelling."""


class _Reply(msgspec.Struct, rename="camel"):
    embeddings: list[_Vector] | None = None
    embedding: _Vector | None = None
    """The vector from `embedContent`, which answers for one text."""
    usage_metadata: _Usage | None = None


_REPLY = msgspec.json.Decoder(_Reply)
_REQUESTS = msgspec.json.Decoder(list[dict[str, Json]])
_ENCODER = msgspec.json.Encoder()


def encode_request(request: EmbedRequest) -> Encoded:
    """*request* as a batch.

    Raises:
        BadRequest: `content_not_supported`, an input is tokens.
    """
    options: dict[str, Any] = {}
    if request.input_type is not None:
        options["taskType"] = TASK_TYPES[request.input_type]
    if request.dimensions is not None:
        options["outputDimensionality"] = request.dimensions
    texts = only_texts(request, "Gemini")
    batch = [{"content": {"parts": [{"text": text}]}, **options} for text in texts]
    return Encoded(raw_fields({"requests": batch}), dropped_of(request, DROPPED))


def finish(fields: Fields, *, model: str, stream: bool = False) -> bytes:  # noqa: ARG001 - every finisher is called alike
    """The body that goes to Gemini, with the model's name in each request of the batch."""
    named = Json(_ENCODER.encode(model if "/" in model else f"models/{model}"))
    batch = [{"model": named, **each} for each in _REQUESTS.decode(fields["requests"])]
    return _ENCODER.encode({**fields, "requests": batch})


def decode_reply(body: bytes) -> EmbedReply:
    """The answer in *body*, for a batch or for one text.

    Raises:
        UpstreamMalformed: it holds no embeddings.
    """
    reply = decoded(_REPLY, body, "not Gemini's embeddings")
    found = reply.embeddings if reply.embeddings is not None else [reply.embedding]
    vectors = tuple(vector.values.copy() for vector in found if vector is not None)
    if not vectors:
        raise UpstreamMalformed("an answer without embeddings", received=True)
    return EmbedReply(vectors=vectors, usage=_usage(reply.usage_metadata))


def _usage(said: _Usage | None) -> Usage | None:
    if said is None or said.prompt_token_count is None:
        return None
    whole = count(said.prompt_token_count)
    kinds = {each.modality: count(each.token_count) for each in said.prompt_token_details or said.prompt_tokens_details}
    image = min(kinds.get("IMAGE", 0), whole)
    audio = min(kinds.get("AUDIO", 0), whole - image)
    return Usage(input=whole - image - audio, image_input=image, audio_input=audio)
