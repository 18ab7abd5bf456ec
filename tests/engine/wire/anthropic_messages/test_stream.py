from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.values import Outcome, Usage
from engine.wire.anthropic_messages import stream_read
from engine.wire.anthropic_messages.stream import Decoder, Encoder


def event(kind: str, **fields: Any) -> bytes:
    return b"data: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


def start(index: int = 0, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int = 0, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1})
STOP = event("message_stop")


def read(*events: bytes) -> list[hub.Event]:
    decoder = Decoder()
    return [*decoder.feed(b"".join(events)), *decoder.close()]


def sent(*events: hub.Event, **options: Any) -> list[dict[str, Any]]:
    """The data of each event that goes out for *events*."""
    encoder = Encoder(model="m", **options)
    out = b"".join([*map(encoder.encode, events), encoder.close()])
    return [msgspec.json.decode(block.partition(b"data: ")[2]) for block in out.split(b"\n\n")[:-1]]


def deltas(*events: hub.Event) -> list[dict[str, Any]]:
    return [each["delta"] for each in sent(*events) if each["type"] == "content_block_delta"]


def blocks(*events: hub.Event) -> list[dict[str, Any]]:
    return [each["content_block"] for each in sent(*events) if each["type"] == "content_block_start"]


# Reading.


def test_calls_without_an_id_get_one() -> None:
    """An id is made of the message's and the call's number, the same each time."""
    begun = event("message_start", message={"id": "msg_0123456789", "model": "m"})
    events = read(begun, start(type="tool_use", name="f"), start(1, type="tool_use", name="g"), END)
    assert [each.id for each in events if isinstance(each, hub.CallOpened)] == ["call_23456789_0", "call_23456789_1"]


def test_what_look_alikes_put_into_starts() -> None:
    """Text, thoughts and citations that stand in a block's start are read like deltas."""
    events = read(
        start(type="thinking", thinking="Hm.", signature="s"),
        event("content_block_stop", index=0),
        start(1, type="text", text="So", citations=[{"type": "x", "cited_text": "q"}]),
        END,
        STOP,
    )
    assert events[:3] == [
        hub.ThinkingDelta(text="Hm."),
        hub.ThinkingSigned(signature="s", origin="anthropic"),
        hub.TextDelta(text="So"),
    ]
    assert isinstance(events[3], hub.Cited)
    assert (events[3].citation.start, events[3].citation.end) == (0, 2)


def test_a_block_that_never_began_is_told_by_its_deltas() -> None:
    """Words and thoughts are not lost for want of a start; arguments without a call are."""
    events = read(
        delta(text="a"), delta(1, thinking="b"), delta(1, signature="s"), delta(2, partial_json="{}"), END, STOP
    )
    assert events[:3] == [
        hub.TextDelta(text="a"),
        hub.ThinkingDelta(text="b"),
        hub.ThinkingSigned(signature="s", origin="anthropic"),
    ]
    assert not any(isinstance(each, hub.CallDelta) for each in events)


def test_foreign_blocks_come_whole() -> None:
    """Pieces of a block that is not read are put together, its input as JSON, or as text where it broke off."""
    whole = read(
        start(type="mcp_tool_use", id="a", input={}),
        delta(type="input_json_delta", partial_json='{"q":'),
        delta(type="input_json_delta", partial_json="1}"),
        event("content_block_stop", index=0),
        start(1, type="odd", note="a"),
        delta(1, type="odd_delta", note="b", n=[1]),
        start(2, type="mcp_tool_use", id="b", input={}),
        delta(2, type="input_json_delta", partial_json='{"q":'),
        END,
        STOP,
    )
    found = [msgspec.json.decode(each.raw) for each in whole if isinstance(each, hub.Foreign)]
    assert found == [
        {"type": "mcp_tool_use", "id": "a", "input": {"q": 1}},
        {"type": "odd", "note": "ab", "n": [1]},
        {"type": "mcp_tool_use", "id": "b", "input": '{"q":'},
    ]


def test_an_answer_ends_once() -> None:
    """A second stop reason, and all that comes after the end, count for nothing."""
    decoder = Decoder()
    events = decoder.feed(END + END + STOP + delta(text="late") + END)
    assert [type(each) for each in events] == [hub.Finished, hub.Metered, hub.Metered]
    assert decoder.done
    assert decoder.feed(delta(text="late")) == decoder.close() == []


def test_a_failure_is_the_last_event() -> None:
    """After an error inside the stream nothing is read, and the end raises nothing."""
    decoder = Decoder()
    failed = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    events = decoder.feed(start(type="tool_use", name="f") + failed + END + STOP)
    assert isinstance(events[-1], hub.Failed)
    assert events[-1].outcome.kind is OutcomeKind.OVERLOADED
    assert decoder.close() == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", UpstreamReset),
        (b": ping\n\n", UpstreamReset),
        (b"\n\n", UpstreamReset),
        (event("ping"), UpstreamReset),
        (delta(text="a"), UpstreamReset),
        (END[:-5], UpstreamReset),
        (b'{"content": []}', UpstreamMalformed),
        (b"<html>", UpstreamMalformed),
    ],
)
def test_bodies_that_end_too_early(body: bytes, fault: type[Exception]) -> None:
    """A body that ends before the answer is a reset; one that was no stream is malformed."""
    decoder = Decoder()
    decoder.feed(body)
    with pytest.raises(fault):
        decoder.close()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that are handed on whole are held only so far; closed ones are forgotten."""
    monkeypatch.setattr(stream_read, "MOST_HELD_BYTES", 1000)
    decoder = Decoder()
    for _ in range(20):
        block = start(type="odd", x="a" * 200) + event("content_block_stop", index=0)
        assert [type(each) for each in decoder.feed(block)] == [hub.Foreign]
    events = [each for _ in range(20) for each in decoder.feed(start(type="odd") + delta(x="a" * 90))]
    assert isinstance(events[-1], hub.Failed)
    assert events[-1].outcome.kind is OutcomeKind.MALFORMED


# Writing.


def test_the_least_stream() -> None:
    """An answer of which nothing came is still a stream with a start, a reason and an end."""
    said = sent(input_tokens=9)
    assert [each["type"] for each in said] == ["message_start", "message_delta", "message_stop"]
    assert said[0]["message"]["model"] == "m"
    assert said[0]["message"]["usage"]["input_tokens"] == 9
    assert said[1]["delta"]["stop_reason"] == "end_turn"


def test_the_first_finish_and_the_last_count() -> None:
    """Some providers finish twice and count after the finish: one reason goes out, with the last counts."""
    said = sent(
        hub.Metered(usage=Usage(input=1)),
        hub.Finished(finish=hub.Finish.LENGTH),
        hub.Finished(finish=hub.Finish.STOP),
        hub.Metered(usage=Usage(input=5, cached_input=2, output=3, reasoning=4)),
    )
    assert said[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 2,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 4},
        },
    }


def test_nothing_goes_out_after_a_failure() -> None:
    """Whoever sees the failure writes the error; no clean end follows it."""
    encoder = Encoder(model="m")
    assert encoder.encode(hub.TextDelta(text="a"))
    failed = hub.Failed(outcome=Outcome(kind=OutcomeKind.RESET))
    late = hub.TextDelta(text="b")
    assert encoder.encode(failed) == encoder.encode(late) == encoder.close() == b""


def test_calls_at_once_wait_for_each_other() -> None:
    """A call's arguments stay in one block though another's come between them, and what follows keeps its order."""
    said = deltas(
        hub.CallOpened(call=0, id="a", name="f"),
        hub.CallDelta(call=0, arguments='{"x":'),
        hub.CallOpened(call=1, id="b", name="g"),
        hub.CallDelta(call=1, arguments='{"y":'),
        hub.TextDelta(text="t"),
        hub.CallDelta(call=0, arguments="1}"),
        hub.CallDelta(call=1, arguments="2}"),
    )
    assert [next(iter(list(each.values())[1:])) for each in said] == ['{"x":', "1}", '{"y":', "2}", "t"]


def test_calls_that_are_never_whole_are_told_at_the_end() -> None:
    """A call that was cut off does not keep what comes after it from going out."""
    events = (
        hub.CallOpened(call=0, id="a", name="f"),
        hub.CallDelta(call=0, arguments='{"x":'),
        hub.CallOpened(call=1, id="b", name="g"),
        hub.TextDelta(text="t"),
    )
    assert [block["type"] for block in blocks(*events)] == ["tool_use", "tool_use", "text"]


def test_free_text_travels_in_an_object() -> None:
    """A custom tool's text is told whole, as the input of the tool that stands for it."""
    said = deltas(
        hub.CallOpened(call=0, id="a", name="f", custom=True),
        hub.CallDelta(call=0, arguments="say "),
        hub.CallDelta(call=0, arguments='"hi"'),
        hub.TextDelta(text="t"),
    )
    assert msgspec.json.decode(said[0]["partial_json"]) == {"input": 'say "hi"'}


def test_signatures_end_their_block() -> None:
    """Thoughts after a signature are another block; withheld ones are told whole."""
    said = blocks(
        hub.ThinkingDelta(text="a"),
        hub.ThinkingSigned(signature="s", origin="gemini"),
        hub.ThinkingDelta(text="b"),
        hub.ThinkingSigned(redacted="r", origin="anthropic"),
        hub.ThinkingSigned(signature="t", origin="anthropic"),
    )
    assert [block["type"] for block in said] == ["thinking", "thinking", "redacted_thinking", "thinking"]
    assert said[2]["data"] == "r"


def test_foreign_blocks_keep_to_one_line() -> None:
    """Raw JSON with line breaks does not break an event in two; what is not Anthropic's is left out."""
    raw = msgspec.Raw(b'{"type":"odd",\n"text":"a\\nb"}')
    said = blocks(
        hub.Foreign(protocol="anthropic", kind="odd", raw=raw),
        hub.Foreign(protocol="gemini", kind="executableCode", raw=raw),
    )
    assert said == [{"type": "odd", "text": "a\nb"}]


def test_refusals_and_media() -> None:
    """A refusal is explained at the end, a picture told in Markdown, other answers than the first left out."""
    said = sent(
        hub.MediaArrived(media=hub.Media(kind="image", url="https://a.example/i.png")),
        hub.TextDelta(text="other", choice=1),
        hub.RefusalDelta(text="No"),
        hub.RefusalDelta(text="."),
        hub.Finished(finish=hub.Finish.LENGTH, choice=1),
        hub.Finished(finish=hub.Finish.STOP),
    )
    assert said[2]["delta"]["text"] == "![image](https://a.example/i.png)"
    assert said[-2]["delta"]["stop_reason"] == "refusal"
    assert said[-2]["delta"]["stop_details"]["explanation"] == "No."
    assert "other" not in str(said)
