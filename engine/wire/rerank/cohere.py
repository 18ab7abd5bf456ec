"""Cohere's protocol for reranking, which Jina and others speak, too: requests and answers, in both directions.

Source: https://docs.cohere.com/reference/rerank and https://jina.ai/reranker, read 2026-11.
"""

from typing import Any

import msgspec

from engine.hub import Json
from engine.values import Measures, Usage
from engine.wire.body import WISHES, finish, raw_fields, shaped
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields
from engine.wire.json_read import decoded
from engine.wire.measures import count, object_in
from engine.wire.rerank.values import Ranked, RerankReply, RerankRequest

__all__ = ["decode_reply", "decode_request", "encode_reply", "encode_request", "finish"]

_READ = ("model", "query", "documents", "top_n", "return_documents")


class _Request(msgspec.Struct):
    query: str
    documents: list[Json]
    model: str = ""
    top_n: int | None = None
    return_documents: bool | None = None


class _Ranked(msgspec.Struct):
    index: int
    relevance_score: float
    document: Json = Json(b"null")


class _Reply(msgspec.Struct):
    results: list[_Ranked]
    id: Any = None
    model: Any = None
    meta: Any = None
    usage: Any = None
    """Jina's, in OpenAI's words."""


_REQUEST = msgspec.json.Decoder(_Request)
_REPLY = msgspec.json.Decoder(_Reply)
_TEXT = msgspec.json.Decoder(str)
_ENCODER = msgspec.json.Encoder()


def decode_request(fields: Fields) -> RerankRequest:
    """The request that *fields* make.

    Raises:
        BadRequest: they are not of the protocol's shape.
    """
    said = shaped(fields, _READ, _REQUEST)
    return RerankRequest(
        model=said.model,
        query=said.query,
        documents=tuple(_document(raw) for raw in said.documents),
        top_n=said.top_n,
        return_documents=said.return_documents,
        extra={name: value for name, value in fields.items() if name not in _READ and name != WISHES},
    )


def _document(raw: Json) -> str | Json:
    return _TEXT.decode(raw) if memoryview(raw)[0] == ord('"') else raw.copy()


def encode_request(request: RerankRequest) -> Encoded:
    """*request* as Cohere has it; nothing is dropped."""
    written: dict[str, Any] = {"query": request.query, "documents": request.documents}
    if request.top_n is not None:
        written["top_n"] = request.top_n
    if request.return_documents is not None:
        written["return_documents"] = request.return_documents
    return Encoded({**raw_fields(written), **request.extra}, ())


def decode_reply(body: bytes) -> RerankReply:
    """The answer in *body*.

    Raises:
        UpstreamMalformed: it holds no ranking.
    """
    reply = decoded(_REPLY, body, "not a ranking")
    units = object_in(reply.meta, "billed_units")
    return RerankReply(
        id=reply.id if isinstance(reply.id, str) else "",
        model=reply.model if isinstance(reply.model, str) else "",
        results=tuple(_ranked(each) for each in reply.results),
        usage=_usage(units, object_in(reply.meta, "tokens"), reply.usage),
        measures=Measures(search_units=count(units.get("search_units"))),
    )


def _ranked(said: _Ranked) -> Ranked:
    is_repeated = bytes(said.document) != b"null"
    document = said.document.copy() if is_repeated else None
    return Ranked(index=said.index, score=said.relevance_score, document=document)


def _usage(units: dict[str, Any], tokens: dict[str, Any], said: object) -> Usage | None:
    """The tokens as billed, else as counted, else as Jina reports them."""
    for counts in (units, tokens):
        if counts.get("input_tokens") is not None:
            return Usage(input=count(counts["input_tokens"]), output=count(counts.get("output_tokens")))
    whole = said.get("total_tokens") if isinstance(said, dict) else None
    return None if whole is None else Usage(input=count(whole))


def encode_reply(reply: RerankReply) -> bytes:
    """*reply* as Cohere writes it."""
    units: dict[str, int] = {}
    if reply.measures.search_units:
        units["search_units"] = reply.measures.search_units
    if reply.usage is not None:
        units["input_tokens"] = reply.usage.total_input
        if reply.usage.total_output:
            units["output_tokens"] = reply.usage.total_output
    written: dict[str, Any] = {
        "id": reply.id,
        "results": [_written(each) for each in reply.results],
        "meta": {"api_version": {"version": "2"}, "billed_units": units},
    }
    if reply.model:
        written["model"] = reply.model
    return _ENCODER.encode(written)


def _written(ranked: Ranked) -> dict[str, Any]:
    written: dict[str, Any] = {"index": ranked.index, "relevance_score": ranked.score}
    if ranked.document is not None:
        written["document"] = ranked.document
    return written
