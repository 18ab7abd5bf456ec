"""Voyage's rerank.

Source: https://docs.voyageai.com/reference/reranker-api, read 2026-11.
"""

from typing import Any

import msgspec

from engine.errors import BadRequest
from engine.hub import Json
from engine.values import Usage
from engine.wire.body import finish, raw_fields
from engine.wire.envelope import Encoded
from engine.wire.json_read import decoded
from engine.wire.measures import count, object_in
from engine.wire.rerank.values import Ranked, RerankReply, RerankRequest

__all__ = ["decode_reply", "encode_request", "finish"]


class _Ranked(msgspec.Struct):
    index: int
    relevance_score: float
    document: str | None = None


class _Reply(msgspec.Struct):
    data: list[_Ranked]
    model: Any = None
    usage: Any = None


class _Document(msgspec.Struct):
    text: str


_REPLY = msgspec.json.Decoder(_Reply)
_DOCUMENT = msgspec.json.Decoder(_Document)
_ENCODER = msgspec.json.Encoder()


def encode_request(request: RerankRequest) -> Encoded:
    """*request* as Voyage has it. All extra fields are dropped.

    Raises:
        BadRequest: `content_not_supported`, a document is no text.
    """
    written: dict[str, Any] = {"query": request.query, "documents": [_text(each) for each in request.documents]}
    if request.top_n is not None:
        written["top_k"] = request.top_n
    if request.return_documents is not None:
        written["return_documents"] = request.return_documents
    return Encoded(raw_fields(written), tuple(request.extra))


def _text(document: str | Json) -> str:
    if isinstance(document, str):
        return document
    try:
        return _DOCUMENT.decode(document).text
    except msgspec.DecodeError as exc:
        message = "documents: Voyage ranks texts, and objects with a text, and nothing else"
        raise BadRequest(message, code="content_not_supported", param="documents") from exc


def decode_reply(body: bytes) -> RerankReply:
    """The answer in *body*. It has no id.

    Raises:
        UpstreamMalformed: it holds no ranking.
    """
    reply = decoded(_REPLY, body, "not Voyage's ranking")
    tokens = object_in({"usage": reply.usage}, "usage").get("total_tokens")
    return RerankReply(
        model=reply.model if isinstance(reply.model, str) else "",
        results=tuple(_ranked(each) for each in reply.data),
        usage=None if tokens is None else Usage(input=count(tokens)),
    )


def _ranked(said: _Ranked) -> Ranked:
    document = None if said.document is None else Json(_ENCODER.encode({"text": said.document}))
    return Ranked(index=said.index, score=said.relevance_score, document=document)
