import json
from typing import Any

import msgspec

from engine import hub
from engine.wire.gemini.chunk import Candidate
from engine.wire.gemini.grounding import Sources, citations_in, grounding_of, kept_in


def candidate(**said: Any) -> Candidate:
    return msgspec.json.decode(json.dumps(said), type=Candidate)


GROUNDED = {
    "groundingChunks": [
        {"web": {"uri": "https://a", "title": "A"}},
        {"retrievedContext": {"uri": "gs://b", "title": "B", "text": "quoted"}},
        {},
    ],
    "groundingSupports": [
        {"segment": {"endIndex": 2}, "groundingChunkIndices": [0]},
        {"segment": {"startIndex": 3, "endIndex": 6}, "groundingChunkIndices": [1, 2, 7]},
        {"groundingChunkIndices": [0]},
    ],
}


def test_bytes_become_characters() -> None:
    """Gemini counts bytes, the hub characters; sources that are not there are no citations."""
    cited = citations_in(candidate(groundingMetadata=GROUNDED), "é abc", Sources())
    assert cited == [
        hub.Citation(url="https://a", title="A", start=0, end=1),
        hub.Citation(url="gs://b", title="B", quote="quoted", start=2, end=5),
        hub.Citation(url="https://a", title="A"),
    ]


def test_a_stream_counts_its_sources_through() -> None:
    """Later chunks refer to sources that earlier ones named."""
    sources = Sources()
    first = {"groundingChunks": [{"web": {"uri": "https://a"}}]}
    second = {
        "groundingChunks": [{"web": {"uri": "https://b"}}],
        "groundingSupports": [{"groundingChunkIndices": [0, 1]}],
    }
    assert citations_in(candidate(groundingMetadata=first), "", sources) == []
    cited = citations_in(candidate(groundingMetadata=second), "", sources)
    assert [each.url for each in cited] == ["https://a", "https://b"]


def test_recited_text_names_its_source() -> None:
    """Where there is one."""
    said = {"citations": [{}, {"startIndex": 1, "endIndex": 3, "uri": "https://a"}]}
    cited = citations_in(candidate(citationMetadata=said), "abcd", Sources())
    assert cited == [hub.Citation(url="https://a", start=1, end=3)]


def test_what_gemini_said_is_kept() -> None:
    """Callers of its own protocol get it as it was; an empty one says nothing."""
    kept = list(
        kept_in(candidate(groundingMetadata=GROUNDED, urlContextMetadata={"urlMetadata": []}, citationMetadata={}))
    )
    assert [each.kind for each in kept] == ["groundingMetadata", "urlContextMetadata"]
    assert json.loads(bytes(kept[0].raw)) == {"groundingMetadata": GROUNDED}


def test_citations_come_back() -> None:
    """Those of other protocols are told as grounding, each source once."""
    cited = [
        hub.Citation(url="https://a", title="A", start=0, end=1),
        hub.Citation(url="https://b", quote="q", start=2, end=4),
        hub.Citation(url="https://a", title="A"),
    ]
    told = grounding_of(cited, "é abc")
    assert len(told["groundingChunks"]) == 2
    assert told["groundingSupports"][1]["segment"] == {"startIndex": 3, "endIndex": 5, "text": "ab"}
    assert citations_in(candidate(groundingMetadata=told), "é abc", Sources()) == cited
