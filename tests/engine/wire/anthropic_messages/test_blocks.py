import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.hub import Foreign, Text, Thinking, ToolCall
from engine.wire.anthropic_messages.blocks import read_parts, sealed, unsealed


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


@given(
    st.sampled_from(["", "gemini", "openai-responses", "bedrock"]), st.sampled_from(["", "rs_1"]), st.text(min_size=1)
)
def test_others_signatures_keep_their_origin(origin: str, ident: str, value: str) -> None:
    """A signature that another protocol made comes back with the name of it."""
    assert unsealed(sealed(origin, ident, value)) == (origin, ident, value)


def test_own_signatures_are_untouched() -> None:
    """Anthropic's own go out and come back as they are; none stays none."""
    assert sealed("anthropic", "", "c2ln+/==") == "c2ln+/=="
    assert unsealed("c2ln+/==") == ("anthropic", "", "c2ln+/==")
    assert sealed("gemini", "x", "") == ""
    assert unsealed("") == ("", "", "")


def test_blocks_that_say_nothing_are_left_out() -> None:
    """Empty texts and empty thoughts are no parts."""
    empty = [
        {"type": "text", "text": ""},
        {"type": "text", "text": "", "citations": None},
        {"type": "thinking", "thinking": "", "signature": None},
        {"type": "redacted_thinking", "data": ""},
    ]
    assert read_parts(map(raw, empty)) == []


def test_unsigned_thoughts_have_no_origin() -> None:
    """Look-alikes send thoughts without a signature."""
    assert read_parts([raw({"type": "thinking", "thinking": "Hm."})]) == [Thinking(text="Hm.")]


def test_inputs_may_be_missing() -> None:
    """A call without input, or with null, takes nothing."""
    block = {"type": "tool_use", "id": "a", "name": "f"}
    for each in (block, {**block, "input": None}, {**block, "input": {}}):
        assert read_parts([raw(each)]) == [ToolCall(id="a", name="f", arguments="{}")]


def test_unknown_blocks_are_kept_whole() -> None:
    """What this module does not know passes through, named."""
    block = raw({"type": "fallback", "from": {"model": "a"}, "text": 7})
    assert read_parts([block]) == [Foreign(protocol="anthropic", kind="fallback", raw=block)]


@pytest.mark.parametrize(
    ("cited", "url", "title"),
    [
        ({"type": "web_search_result_location", "url": "https://a.example", "title": "A"}, "https://a.example", "A"),
        ({"type": "search_result_location", "source": "https://b.example", "title": None}, "https://b.example", ""),
        ({"type": "char_location", "document_title": "C", "start_char_index": 3}, "", "C"),
        ({"type": "page_location", "document_title": None}, "", ""),
    ],
)
def test_citations_of_every_kind(cited: dict[str, object], url: str, title: str) -> None:
    """Address, title and words are read, the span is that of the block in the whole text, the rest is kept."""
    parts = read_parts(
        [
            raw({"type": "text", "text": "☀ab"}),
            raw({"type": "text", "text": "cd", "citations": [{**cited, "cited_text": "q"}]}),
        ]
    )
    text = parts[1]
    assert isinstance(text, Text)
    (citation,) = text.citations
    assert (citation.url, citation.title, citation.quote) == (url, title, "q")
    assert (citation.start, citation.end) == (3, 5)
    assert citation.foreign == Foreign(
        protocol="anthropic", kind=str(cited["type"]), raw=raw({**cited, "cited_text": "q"})
    )
