"""Cohere's citations: spans of the answer and the documents or tool outputs that they rest on."""

from typing import Any

import msgspec

from engine import hub

__all__ = ["decode_citation", "encode_citation", "of_block"]

PROTOCOL = "cohere"


class _Source(msgspec.Struct, gc=False):
    type: str = ""
    id: str | None = None
    document: dict[str, Any] | None = None
    tool_output: dict[str, Any] | None = None


class _Citation(msgspec.Struct):
    start: int | None = None
    end: int | None = None
    sources: list[_Source] | None = None
    content_index: int | None = None


_CITATION = msgspec.json.Decoder(_Citation)
_ENCODER = msgspec.json.Encoder()


def decode_citation(raw: bytes) -> hub.Citation:
    """The citation in *raw*, described by its first source; all of it is kept in `foreign`.

    Raises:
        msgspec.DecodeError: it is no citation.
    """
    cited = _CITATION.decode(raw)
    source = cited.sources[0] if cited.sources else _Source()
    told = source.document or source.tool_output or {}
    return hub.Citation(
        url=_text(told, "url"),
        title=_text(told, "title"),
        quote=_text(told, "text") or _text(told, "snippet") or _text(told, "content"),
        start=cited.start,
        end=cited.end,
        foreign=hub.Foreign(protocol=PROTOCOL, kind="citation", raw=hub.Json(raw)),
    )


def of_block(raw: bytes) -> int | None:
    """Index of the content block that *raw*, a citation, is about; None when it does not say."""
    return _CITATION.decode(raw).content_index


def encode_citation(citation: hub.Citation, text: str) -> hub.Json:
    """*citation* of *text* as Cohere writes it: its own as it came, another protocol's as one of a document."""
    if citation.foreign is not None and citation.foreign.protocol == PROTOCOL:
        return citation.foreign.raw
    told = {"title": citation.title, "url": citation.url, "text": citation.quote}
    document = {name: value for name, value in told.items() if value}
    source = {"type": "document", "id": citation.url or citation.title, "document": document}
    written: dict[str, Any] = {"text": text[citation.start : citation.end], "sources": [source], "type": "TEXT_CONTENT"}
    span = {"start": citation.start, "end": citation.end}
    written |= {name: at for name, at in span.items() if at is not None}
    return hub.Json(_ENCODER.encode(written))


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
