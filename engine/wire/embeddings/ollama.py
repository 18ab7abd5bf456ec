"""Ollama's own embeddings, `/api/embed`.

Source: https://docs.ollama.com/api/embed, read 2026-11.
"""

from typing import Any

import msgspec

from engine.errors import UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.body import finish, raw_fields
from engine.wire.embeddings.values import EmbedReply, EmbedRequest
from engine.wire.embeddings.words import dropped_of, only_texts
from engine.wire.envelope import Encoded
from engine.wire.json_read import decoded
from engine.wire.measures import count

__all__ = ["decode_reply", "encode_request", "finish"]

DROPPED = frozenset({"user", "input_type"})
"""Ollama has no word for them."""


class _Reply(msgspec.Struct):
    embeddings: list[Json] | None = None
    embedding: Json = Json(b"null")
    """The vector from the older `/api/embeddings`, which answers for one text."""
    model: Any = None
    prompt_eval_count: Any = None


_REPLY = msgspec.json.Decoder(_Reply)


def encode_request(request: EmbedRequest) -> Encoded:
    """*request* as Ollama has it.

    Raises:
        BadRequest: `content_not_supported`, an input is tokens.
    """
    written: dict[str, Any] = {"input": only_texts(request, "Ollama")}
    if request.dimensions is not None:
        written["dimensions"] = request.dimensions
    return Encoded(raw_fields(written), dropped_of(request, DROPPED))


def decode_reply(body: bytes) -> EmbedReply:
    """The answer in *body*.

    Raises:
        UpstreamMalformed: it holds no embeddings.
    """
    reply = decoded(_REPLY, body, "not Ollama's embeddings")
    found = [reply.embedding] if reply.embeddings is None else reply.embeddings
    vectors = tuple(vector.copy() for vector in found if bytes(vector) != b"null")
    if not vectors:
        raise UpstreamMalformed("an answer without embeddings", received=True)
    tokens = reply.prompt_eval_count
    return EmbedReply(
        model=reply.model if isinstance(reply.model, str) else "",
        vectors=vectors,
        usage=None if tokens is None else Usage(input=count(tokens)),
    )
