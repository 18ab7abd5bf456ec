from typing import Any

import msgspec
import pytest

from engine.errors import UpstreamMalformed
from engine.hub import Choice, Citation, Finish, Foreign, Media, Part, Refusal, Reply, Text, Thinking, ToolCall
from engine.values import Usage
from engine.wire.anthropic_messages.reply import decode_reply, encode_reply


def sent(*parts: Part, finish: Finish | None = Finish.STOP, **reply: Any) -> dict[str, Any]:
    choice = Choice(parts=parts, finish=finish, finish_raw="stop")
    said: dict[str, Any] = msgspec.json.decode(encode_reply(Reply(choices=(choice,), **reply)))
    return said


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"content": "hi"}',
        b'{"content": [7]}',
        b'{"content": [{"type": "text"}]}',
        b'{"content": [{"type": "text", "text": "a", "citations": [7]}]}',
        b'{"content": [{"type": "odd", "x": "\xff"}]}',
        b'{"content": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_message(body: bytes) -> None:
    """An answer that cannot be read is malformed, and has been received."""
    with pytest.raises(UpstreamMalformed) as fault:
        decode_reply(body)
    assert fault.value.received


def test_only_the_content_is_needed() -> None:
    """A look-alike may leave everything else out, or fill it with what it likes."""
    assert decode_reply(b'{"content": [], "id": 7, "model": null, "stop_reason": 3, "usage": []}') == Reply(
        choices=(Choice(),), origin="anthropic"
    )


def test_another_protocols_answer() -> None:
    """An answer of OpenAI's is a message as the SDKs know it, its counts in this protocol's shape."""
    said = sent(
        Thinking(text="Hm."),
        Text(text="See:"),
        ToolCall(id="call_1", name="f", arguments='{"a":1}'),
        finish=Finish.TOOL_CALLS,
        id="chatcmpl-1",
        model="gpt",
        usage=Usage(input=3, cached_input=2, output=4, reasoning=5),
        service_tier="default",
    )
    assert said == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "text", "text": "See:"},
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 2,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 5},
            "service_tier": "standard",
        },
    }


def test_refusals_are_explained() -> None:
    """A refusal in words ends the answer as one, with the words where this protocol has them."""
    said = sent(Refusal(text="No."))
    assert said["content"] == []
    assert said["stop_reason"] == "refusal"
    assert said["stop_details"] == {"type": "refusal", "category": None, "explanation": "No."}


def test_nothing_known_is_still_a_message() -> None:
    """The SDKs' types want an id and counts; callers go by the reason, so it follows from the content."""
    said = sent(finish=None)
    assert said["id"]
    assert said["stop_reason"] == "end_turn"
    assert sent(ToolCall(id="call_1", name="f", arguments="{}"), finish=None)["stop_reason"] == "tool_use"
    assert said["usage"]["input_tokens"] == 0
    assert msgspec.json.decode(encode_reply(Reply()))["content"] == []


def test_cited_spans_become_blocks() -> None:
    """Spans inside a text are cut out of it, since a block's citations are of the whole block."""
    cited = (
        Citation(url="https://a.example", title="A", quote="q", start=2, end=4),
        Citation(url="https://b.example", start=2, end=4),
        Citation(url="https://c.example", start=6, end=7),
    )
    said = sent(Text(text="x"), Text(text="☀bcdefg", citations=cited))
    texts = [(block["text"], [each["url"] for each in block.get("citations", ())]) for block in said["content"]]
    assert texts == [
        ("x", []),
        ("☀", []),
        ("bc", ["https://a.example", "https://b.example"]),
        ("de", []),
        ("f", ["https://c.example"]),
        ("g", []),
    ]
    assert said["content"][2]["citations"][0] == {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "q",
        "encrypted_index": "",
    }


@pytest.mark.parametrize(
    "spans",
    [[(None, None)], [(0, 2), (1, 3)], [(0, 9)], [(2, 1)], [(0, 1), (None, None)]],
)
def test_spans_that_do_not_fit_leave_the_text_whole(spans: list[tuple[int | None, int | None]]) -> None:
    """What is not said, overlaps or lies outside is cited of the whole text."""
    citations = tuple(Citation(url="https://a.example", start=start, end=end) for start, end in spans)
    (block,) = sent(Text(text="abc", citations=citations))["content"]
    assert block["text"] == "abc"
    assert len(block["citations"]) == len(spans)


def test_what_has_no_block() -> None:
    """Media are told in Markdown; what only another protocol knows, and citations without address, are left out."""
    said = sent(
        Media(kind="image", data="AAAA", media_type="image/png"),
        Media(kind="audio", url="https://a.example/a.mp3", name="song"),
        Foreign(protocol="gemini", kind="executableCode", raw=msgspec.Raw(b"{}")),
        Text(text="x", citations=(Citation(title="A"),)),
    )
    assert [block["text"] for block in said["content"]] == [
        "![image](data:image/png;base64,AAAA)",
        "[song](https://a.example/a.mp3)",
        "x",
    ]
    assert "citations" not in said["content"][2]


def test_others_thoughts_are_sealed() -> None:
    """Signatures of others carry their origin, and what is withheld has a block of its own."""
    said = sent(
        Thinking(text="a", signature="s", origin="gemini"),
        Thinking(text="b", redacted="r", origin="openai-responses", id="rs_1"),
    )
    assert said["content"] == [
        {"type": "thinking", "thinking": "a", "signature": "gemini::s"},
        {"type": "thinking", "thinking": "b", "signature": ""},
        {"type": "redacted_thinking", "data": "openai-responses:rs_1:r"},
    ]


def test_of_several_answers_the_first() -> None:
    """A message is one answer."""
    reply = Reply(choices=(Choice(parts=(Text(text="a"),)), Choice(index=1, parts=(Text(text="b"),))))
    assert msgspec.json.decode(encode_reply(reply))["content"] == [{"type": "text", "text": "a"}]
