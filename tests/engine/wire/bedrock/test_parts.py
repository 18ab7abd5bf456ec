import base64

import msgspec
import pytest

from engine import hub
from engine.wire.bedrock.parts import parts, withheld

ORIGIN = "bedrock"


def read(*blocks: object, results: bool = False) -> list[hub.Part]:
    return parts([msgspec.Raw(msgspec.json.encode(block)) for block in blocks], results=results)


def test_the_callers_tools_and_bedrocks_own_are_told_apart() -> None:
    """A call of type `server_tool_use` is Bedrock's to run, `tool_use` or no type the caller's."""
    use = {"toolUseId": "a", "name": "f", "input": {"q": 1}}
    plain = hub.ToolCall(id="a", name="f", arguments='{"q":1}')
    own, typed, plain_too = read(
        {"toolUse": use | {"type": "server_tool_use"}}, {"toolUse": use | {"type": "tool_use"}}, {"toolUse": use}
    )
    assert isinstance(own, hub.Foreign)
    assert (own.protocol, own.kind) == (ORIGIN, "server_tool_use")
    assert typed == plain_too == plain


def test_results_are_the_callers_in_its_own_turns_only() -> None:
    """In an answer they are of a tool that Bedrock ran."""
    result = {"toolResult": {"toolUseId": "a", "content": []}}
    assert read(result, results=True) == [hub.ToolResult(call_id="a")]
    assert [type(part) for part in read(result)] == [hub.Foreign]


def test_thoughts_are_read() -> None:
    """Signed, unsigned, withheld by Anthropic, and withheld by others, which only Bedrock understands."""
    blob = base64.b64encode(b"\xff\x00").decode()
    got = read(
        {"reasoningContent": {"reasoningText": {"text": "a", "signature": "s"}}},
        {"reasoningContent": {"reasoningText": {"text": "b"}}},
        {"reasoningContent": {"redactedContent": base64.b64encode(b"EuEC").decode()}},
        {"reasoningContent": {"redactedContent": blob}},
    )
    assert got[:3] == [
        hub.Thinking(text="a", signature="s", origin=ORIGIN),
        hub.Thinking(text="b"),
        hub.Thinking(redacted="EuEC", origin=ORIGIN),
    ]
    assert isinstance(got[3], hub.Foreign)
    assert got[3].kind == "reasoningContent"


def test_cited_text_keeps_its_citations() -> None:
    """With what other protocols understand of them, and whole."""
    citation = {
        "title": "t",
        "sourceContent": [{"text": "q1"}, {"text": "q2"}],
        "location": {"web": {"url": "https://e.example", "domain": "e.example"}},
    }
    (part,) = read({"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": [citation]}})
    assert isinstance(part, hub.Text)
    (read_citation,) = part.citations
    assert (part.text, read_citation.url, read_citation.title, read_citation.quote) == (
        "ab",
        "https://e.example",
        "t",
        "q1q2",
    )
    assert read_citation.start is None
    assert read_citation.foreign
    assert msgspec.json.decode(read_citation.foreign.raw) == citation


def test_cache_points_belong_to_what_is_before_them() -> None:
    """Where nothing is, or what cannot carry one, the point stays a block."""
    point = {"cachePoint": {"type": "default", "ttl": "5m"}}
    got = read(point, {"text": "a"}, point, point)
    assert got[1] == hub.Text(text="a", cache=msgspec.Raw(b'{"type":"ephemeral","ttl":"5m"}'))
    assert [type(part) for part in got] == [hub.Foreign, hub.Text, hub.Foreign]


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({"guardContent": {"text": {"text": "a"}}}, "guardContent"),
        ({"searchResult": {"source": "s", "title": "t", "content": []}}, "searchResult"),
        ({"somethingNew": 1}, "somethingNew"),
        ({"document": {"name": "n", "source": {"bytes": "aGk="}, "citations": {"enabled": True}}}, "document"),
        ({}, "empty"),
    ],
)
def test_what_has_no_word_is_kept_whole(block: object, kind: str) -> None:
    """It comes back as it was, and is named by its key."""
    (part,) = read(block)
    assert part == hub.Foreign(protocol=ORIGIN, kind=kind, raw=msgspec.Raw(msgspec.json.encode(block)))


@pytest.mark.parametrize("block", [1, {"text": 1}, {"toolUse": {}}, {"image": {"source": {"bytes": [1]}}}])
def test_blocks_of_another_shape_are_refused(block: object) -> None:
    """Whoever reads them says whose fault it is."""
    with pytest.raises(msgspec.ValidationError):
        read(block)


def test_only_ascii_is_withheld_text() -> None:
    """What is no base64, or no text in it, is not Anthropic's."""
    assert withheld("RXVFQw==") == "EuEC"
    assert withheld("?") == withheld("/w==") == ""
