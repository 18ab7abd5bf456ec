"""Where an answer's words come from: `groundingMetadata` and `citationMetadata` ↔ citations.

Gemini counts the text in bytes, the hub in characters. What Gemini said is kept raw beside the citations, as foreign
parts of the kinds in `KEPT`: callers of its own protocol need the search suggestions in it, which they must show.

Source: https://ai.google.dev/api/generate-content#GroundingMetadata, read 2026-11.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine import hub
from engine.wire.gemini.chunk import PROTOCOL, Candidate, is_given

__all__ = ["KEPT", "Sources", "citations_in", "grounding_of", "has_sources", "kept_in"]

KEPT = {
    "groundingMetadata": "grounding_metadata",
    "citationMetadata": "citation_metadata",
    "urlContextMetadata": "url_context_metadata",
}
"""What is said about a candidate's sources and kept verbatim: Gemini's name → attribute."""


class _Source(msgspec.Struct):
    uri: str | None = None
    title: str | None = None
    text: str | None = None


class _Chunk(msgspec.Struct, rename="camel"):
    web: _Source | None = None
    retrieved_context: _Source | None = None
    maps: _Source | None = None


class _Segment(msgspec.Struct, rename="camel", gc=False):
    start_index: int | None = None
    end_index: int | None = None


class _Support(msgspec.Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Grounding(msgspec.Struct, rename="camel"):
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None


class _Recited(msgspec.Struct, rename="camel", gc=False):
    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class _Recitation(msgspec.Struct, rename="camel"):
    citations: list[_Recited] | None = None


_GROUNDING = msgspec.json.Decoder(_Grounding)
_RECITATION = msgspec.json.Decoder(_Recitation)
_ENCODER = msgspec.json.Encoder()


def has_sources(candidate: Candidate) -> bool:
    """Whether *candidate* says anything about its sources."""
    return (
        is_given(candidate.grounding_metadata)
        or is_given(candidate.citation_metadata)
        or is_given(candidate.url_context_metadata)
    )


def kept_in(candidate: Candidate) -> Iterator[hub.Foreign]:
    """What *candidate* says about its sources, verbatim."""
    for name, attribute in KEPT.items():
        raw: msgspec.Raw = getattr(candidate, attribute)
        if is_given(raw) and bytes(raw) != b"{}":
            yield hub.Foreign(protocol=PROTOCOL, kind=name, raw=msgspec.Raw(_ENCODER.encode({name: raw})))


class Sources:
    """The sources that an answer has named so far: a stream names each once and numbers them consecutively."""

    __slots__ = ("chunks",)

    def __init__(self) -> None:
        self.chunks: list[_Chunk] = []


def citations_in(candidate: Candidate, text: str, sources: Sources) -> list[hub.Citation]:
    """The citations in *text*, the answer's whole text so far; new sources are added to *sources*.

    Raises:
        msgspec.ValidationError: the metadata is not of Gemini's shape.
    """
    found: list[hub.Citation] = []
    if is_given(candidate.grounding_metadata):
        found.extend(_grounded(_GROUNDING.decode(candidate.grounding_metadata), text, sources.chunks))
    if is_given(candidate.citation_metadata):
        for each in _RECITATION.decode(candidate.citation_metadata).citations or ():
            if each.uri:
                start, end = _characters(text, each.start_index, each.end_index)
                found.append(hub.Citation(url=each.uri, title=each.title or "", start=start, end=end))
    return found


def _grounded(grounding: _Grounding, text: str, chunks: list[_Chunk]) -> Iterator[hub.Citation]:
    chunks.extend(grounding.grounding_chunks or ())
    for support in grounding.grounding_supports or ():
        segment = support.segment or _Segment()
        start, end = _characters(text, segment.start_index, segment.end_index)
        for index in support.grounding_chunk_indices or ():
            source = _source(chunks[index]) if 0 <= index < len(chunks) else None
            if source is not None:
                yield hub.Citation(
                    url=source.uri or "", title=source.title or "", quote=source.text or "", start=start, end=end
                )


def _source(chunk: _Chunk) -> _Source | None:
    return chunk.web or chunk.retrieved_context or chunk.maps


def _characters(text: str, start: int | None, end: int | None) -> tuple[int | None, int | None]:
    """A span in characters, from one in bytes of *text*; (None, None) without an end. Gemini omits a start of 0."""
    if end is None:
        return None, None
    if text.isascii():
        return start or 0, end
    encoded = text.encode()
    first = len(encoded[: start or 0].decode(errors="ignore"))
    return first, first + len(encoded[start or 0 : end].decode(errors="ignore"))


def grounding_of(citations: Sequence[hub.Citation], text: str) -> dict[str, Any]:
    """The `groundingMetadata` for *citations* of *text*; each source occurs in it once."""
    sources = dict.fromkeys((each.url, each.title, each.quote) for each in citations)
    places = {source: at for at, source in enumerate(sources)}
    return {
        "groundingChunks": [_chunk_of(*source) for source in sources],
        "groundingSupports": [
            {
                "segment": _segment_of(each, text),
                "groundingChunkIndices": [places[each.url, each.title, each.quote]],
            }
            for each in citations
        ],
    }


def _chunk_of(url: str, title: str, quote: str) -> dict[str, Any]:
    if quote:
        return {"retrievedContext": {"uri": url, "title": title, "text": quote}}
    return {"web": {"uri": url, "title": title}}


def _segment_of(citation: hub.Citation, text: str) -> dict[str, Any]:
    if citation.end is None:
        return {}
    start = citation.start or 0
    cited = text[start : citation.end]
    first = len(text[:start].encode())
    return {"startIndex": first, "endIndex": first + len(cited.encode()), "text": cited}
