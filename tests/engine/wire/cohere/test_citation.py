import msgspec

from engine import hub
from engine.wire.cohere.citation import decode_citation, encode_citation


def test_its_own_comes_back_whole() -> None:
    """Several sources and unknown keys survive."""
    raw = b'{"start":0,"end":2,"text":"Hi","sources":[{"type":"tool","id":"a:0"},{"type":"tool","id":"b:0"}],"new":1}'
    citation = decode_citation(raw)
    assert (citation.start, citation.end) == (0, 2)
    assert bytes(encode_citation(citation, "Hi")) == raw


def test_what_a_source_says_is_only_taken_as_text() -> None:
    """A document's fields are whatever its owner likes: what is no text is not taken for one."""
    raw = b'{"sources":[{"type":"document","document":{"title":7,"url":null,"text":["a"],"snippet":"b"}}]}'
    assert msgspec.structs.replace(decode_citation(raw), foreign=None) == hub.Citation(quote="b")


def test_another_protocols_becomes_a_document() -> None:
    """Address, title and words stand in a document, and the span of the answer is cut out."""
    citation = hub.Citation(url="https://example.com", title="T", quote="q", start=1, end=3)
    assert msgspec.json.decode(encode_citation(citation, "abcd")) == {
        "start": 1,
        "end": 3,
        "text": "bc",
        "sources": [
            {
                "type": "document",
                "id": "https://example.com",
                "document": {"title": "T", "url": "https://example.com", "text": "q"},
            }
        ],
        "type": "TEXT_CONTENT",
    }
