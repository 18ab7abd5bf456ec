from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.wire.bedrock.blocks import Blocks, tool_arguments, tool_id

EPHEMERAL = msgspec.Raw(b'{"type":"ephemeral"}')


def written(*parts: hub.Part, maker: str = "anthropic") -> Any:
    return msgspec.json.decode(msgspec.json.encode(Blocks(maker).content(parts)))


def test_blank_text_is_left_out() -> None:
    """Converse refuses it, in results as well."""
    result = hub.ToolResult(call_id="c", parts=(hub.Text(text=""),))
    assert written(hub.Text(text=" \n"), result) == [{"toolResult": {"toolUseId": "c", "content": []}}]


def test_a_cache_marker_becomes_a_point() -> None:
    """It stands after what it marks; models without a cache are not told, and an unreadable marker is only a hint."""
    part = hub.Text(text="a", cache=EPHEMERAL)
    assert written(part) == [{"text": "a"}, {"cachePoint": {"type": "default"}}]
    hour = hub.Text(text="a", cache=msgspec.Raw(b'{"type":"ephemeral","ttl":"1h"}'))
    assert written(hour)[1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert written(part, maker="meta") == written(hub.Text(text="a", cache=msgspec.Raw(b"1"))) == [{"text": "a"}]


def test_thoughts_go_back_to_who_signed_them() -> None:
    """Claude's signatures are the same at Anthropic; others, and thoughts without any, are left out."""
    signed = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
    for origin in ("bedrock", "anthropic", ""):
        assert written(hub.Thinking(text="hm", signature="s", origin=origin)) == [signed]
    assert written(hub.Thinking(text="hm", signature="s", origin="gemini"), hub.Thinking(text="hm")) == []
    withheld = written(hub.Thinking(redacted="EuEC", origin="anthropic"))
    assert withheld == [{"reasoningContent": {"redactedContent": "RXVFQw=="}}]


def test_documents_have_names_of_their_own() -> None:
    """Converse demands a name, of few characters, and no two alike."""
    files = [
        hub.Media(kind="file", data="x", media_type="text/plain", name=name) for name in ("", "a_b.txt", "a_b.txt")
    ]
    assert [block["document"]["name"] for block in written(*files)] == ["document", "a-b-txt", "a-b-txt 2"]


def test_a_failed_tool_says_so_to_those_who_listen() -> None:
    """Claude and Nova take a status; for others it is reported."""
    result = hub.ToolResult(call_id="c", is_error=True)
    assert written(result) == [{"toolResult": {"toolUseId": "c", "content": [], "status": "error"}}]
    blocks = Blocks("mistral")
    assert blocks.content([result]) == [{"toolResult": {"toolUseId": "c", "content": []}}]
    assert list(blocks.dropped) == ["is_error"]


def test_what_is_foreign_is_reported() -> None:
    """Another protocol's content is left out by its kind, ours is put back."""
    blocks = Blocks("")
    raw = msgspec.Raw(b'{"guardContent":{}}')
    ours = hub.Foreign(protocol="bedrock", kind="guardContent", raw=raw)
    assert blocks.content([hub.Foreign(protocol="anthropic", kind="compaction", raw=raw), ours]) == [raw]
    assert list(blocks.dropped) == ["compaction"]


def test_citations_of_our_own_are_put_back() -> None:
    """Others are a hint that the model can do without."""
    raw = msgspec.Raw(b'{"title":"t"}')
    ours = hub.Citation(title="t", foreign=hub.Foreign(protocol="bedrock", kind="citation", raw=raw))
    cited = {"citationsContent": {"content": [{"text": "a"}], "citations": [{"title": "t"}]}}
    assert written(hub.Text(text="a", citations=(ours,))) == [cited]
    assert written(hub.Text(text="a", citations=(hub.Citation(title="t"),)), hub.Refusal(text="no")) == [
        {"text": "a"},
        {"text": "no"},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [("", {}), ("{}", {}), ('{"a":1}', {"a": 1}), ("[1]", {"input": "[1]"}), ('{"a"', {"input": '{"a"'})],
)
def test_arguments_are_an_object(text: str, said: object) -> None:
    """What is no object, a model's slip or a custom tool's text, stands under `input`."""
    assert msgspec.json.decode(msgspec.json.encode(tool_arguments(text))) == said


@given(st.text(max_size=80))
def test_ids_are_of_the_characters_allowed(call_id: str) -> None:
    """A good id stays; any other becomes a good one, the same for the call and its result."""
    made = tool_id(call_id)
    assert tool_id(call_id) == made == tool_id(made)
    assert 1 <= len(made) <= 64
