import base64
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.values import Usage
from engine.wire.bedrock.encoder import frame
from engine.wire.bedrock.stream import Decoder, Encoder
from engine.wire.fold import fold, spread

START = frame("messageStart", {"role": "assistant", "p": "abcd"})
USAGE = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7, "cacheReadInputTokens": 2}
METADATA = frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 9}, "p": "abc"})


def delta(index: int, said: dict[str, Any]) -> bytes:
    return frame("contentBlockDelta", {"contentBlockIndex": index, "delta": said, "p": "abcdefgh"})


def start(index: int, said: dict[str, Any]) -> bytes:
    return frame("contentBlockStart", {"contentBlockIndex": index, "start": said, "p": "ab"})


def stop(index: int) -> bytes:
    return frame("contentBlockStop", {"contentBlockIndex": index, "p": "abc"})


def ended(reason: str) -> bytes:
    return frame("messageStop", {"stopReason": reason, "p": "a"})


def read(*frames: bytes) -> list[hub.Event]:
    """The events, which are the same in whatever pieces the bytes come."""
    data = b"".join(frames)
    whole, pieces = Decoder(), Decoder()
    events = whole.feed(data)
    assert [event for byte in data for event in pieces.feed(bytes([byte]))] == events
    assert pieces.done is whole.done
    return events


def test_text_has_no_start_and_usage_comes_last() -> None:
    """Text begins with its first piece; the stream is over when the usage has come, after the stop."""
    decoder = Decoder()
    events = decoder.feed(START + delta(0, {"text": "Hel"}) + delta(0, {"text": "lo"}) + stop(0) + ended("end_turn"))
    assert not decoder.done
    assert decoder.feed(METADATA) == [hub.Metered(usage=Usage(input=3, cached_input=2, output=4))]
    assert decoder.done
    assert decoder.close() == []
    assert events == [
        hub.Opened(),
        hub.TextDelta(text="Hel"),
        hub.TextDelta(text="lo"),
        hub.Finished(finish=hub.Finish.STOP, finish_raw="end_turn"),
    ]


def test_calls_are_numbered_and_whole() -> None:
    """Pieces of arguments go on as they come; a call that takes none has `{}`."""
    events = read(
        START,
        start(0, {"toolUse": {"toolUseId": "a", "name": "f"}}),
        delta(0, {"toolUse": {"input": ""}}),
        delta(0, {"toolUse": {"input": '{"x"'}}),
        delta(0, {"toolUse": {"input": ":1}"}}),
        stop(0),
        start(1, {"toolUse": {"toolUseId": "b", "name": "g", "type": "tool_use"}}),
        delta(1, {"toolUse": {"input": ""}}),
        stop(1),
        ended("tool_use"),
    )
    assert events[1:] == [
        hub.CallOpened(call=0, id="a", name="f"),
        hub.CallDelta(call=0, arguments='{"x"'),
        hub.CallDelta(call=0, arguments=":1}"),
        hub.CallOpened(call=1, id="b", name="g"),
        hub.CallDelta(call=1, arguments="{}"),
        hub.Finished(finish=hub.Finish.TOOL_CALLS, finish_raw="tool_use"),
    ]


def test_bedrocks_own_tools_are_no_calls_of_the_callers() -> None:
    """What Bedrock runs itself, and what came of it, is foreign and whole."""
    events = read(
        start(0, {"toolUse": {"toolUseId": "a", "name": "nova_grounding", "type": "server_tool_use"}}),
        delta(0, {"toolUse": {"input": '{"q":'}}),
        delta(0, {"toolUse": {"input": "1}"}}),
        stop(0),
        start(1, {"toolResult": {"toolUseId": "a", "type": "nova_grounding_result", "status": "success"}}),
        delta(1, {"toolResult": [{"json": {"n": 1}}]}),
        delta(1, {"toolResult": [{"text": "t"}]}),
        stop(1),
        ended("end_turn"),
    )
    assert [(event.kind, msgspec.json.decode(event.raw)) for event in events if isinstance(event, hub.Foreign)] == [
        (
            "server_tool_use",
            {"toolUse": {"toolUseId": "a", "name": "nova_grounding", "type": "server_tool_use", "input": {"q": 1}}},
        ),
        (
            "toolResult",
            {
                "toolResult": {
                    "toolUseId": "a",
                    "type": "nova_grounding_result",
                    "status": "success",
                    "content": [{"json": {"n": 1}}, {"text": "t"}],
                }
            },
        ),
    ]
    assert events[-1] == hub.Finished(finish=hub.Finish.STOP, finish_raw="end_turn")


def test_signatures_and_what_is_withheld_are_whole() -> None:
    """However they are cut, since they are good for nothing in pieces."""
    blob = [base64.b64encode(piece).decode() for piece in (b"Eu", b"EC")]
    events = read(
        delta(0, {"reasoningContent": {"text": "hm"}}),
        delta(0, {"reasoningContent": {"signature": "s1"}}),
        delta(0, {"reasoningContent": {"signature": "s2"}}),
        stop(0),
        delta(1, {"reasoningContent": {"redactedContent": blob[0]}}),
        delta(1, {"reasoningContent": {"redactedContent": blob[1]}}),
        ended("end_turn"),
    )
    assert events[1:-1] == [
        hub.ThinkingDelta(text="hm"),
        hub.ThinkingSigned(signature="s1s2", origin="bedrock"),
        hub.ThinkingSigned(redacted="EuEC", origin="bedrock"),
    ]


def test_pictures_and_citations_arrive() -> None:
    """A picture once it is whole, a citation at once."""
    events = read(
        start(0, {"image": {"format": "png"}}),
        delta(0, {"image": {"source": {"bytes": base64.b64encode(b"ab").decode()}}}),
        delta(0, {"image": {"source": {"bytes": base64.b64encode(b"c").decode()}}}),
        stop(0),
        delta(1, {"citation": {"title": "t", "location": {"web": {"url": "u"}}}}),
    )
    media = hub.Media(kind="image", data=base64.b64encode(b"abc").decode(), media_type="image/png")
    assert events[1] == hub.MediaArrived(media=media)
    assert isinstance(events[2], hub.Cited)
    assert (events[2].citation.title, events[2].citation.url) == ("t", "u")


def test_guardrails_and_stop_sequences_are_told() -> None:
    """A guardrail that steps in is a filter; the stop sequence comes where it was asked for."""
    assert read(START, ended("guardrail_intervened"))[-1] == hub.Finished(
        finish=hub.Finish.CONTENT_FILTER, finish_raw="guardrail_intervened"
    )
    said = {"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "x"}}
    assert read(frame("messageStop", said))[-1] == hub.Finished(
        finish=hub.Finish.STOP, finish_raw="stop_sequence", stop_sequence="x"
    )


@pytest.mark.parametrize("message_type", ["exception", "error"])
def test_an_exception_ends_the_stream(message_type: str) -> None:
    """Nothing that comes after it counts, and its end is no second fault."""
    said = frame("throttlingException", {"message": "slow"}, message_type=message_type)
    decoder = Decoder()
    events = decoder.feed(START + delta(0, {"text": "a"}) + said + delta(0, {"text": "b"}))
    assert events[1] == hub.TextDelta(text="a")
    assert isinstance(events[2], hub.Failed)
    assert len(events) == 3
    if message_type == "exception":
        assert events[2].outcome.kind is OutcomeKind.RATE_LIMITED
    assert decoder.feed(METADATA) == decoder.close() == []


@pytest.mark.parametrize(
    "bad",
    [
        b'{"message":"this is no event stream"}',
        frame("contentBlockDelta", {"delta": {"text": 1}}),
        frame("contentBlockDelta", []),
        frame("metadata", {"usage": "none"}),
        b"".join(delta(index, {"toolUse": {"input": "x"}}) for index in range(1001)),
    ],
)
def test_what_is_not_of_the_protocol_fails(bad: bytes) -> None:
    """What came before it still counts."""
    events = Decoder().feed(delta(0, {"text": "a"}) + bad)
    assert events[:2] == [hub.Opened(), hub.TextDelta(text="a")]
    assert isinstance(events[-1], hub.Failed) or isinstance(Decoder().feed(bad)[-1], hub.Failed)


def test_an_early_end_is_a_reset() -> None:
    """Before the stop nothing is whole, be it between two messages or inside of one."""
    for cut in (START, START[:-1], START + delta(0, {"text": "a"}), b""):
        decoder = Decoder()
        decoder.feed(cut)
        with pytest.raises(UpstreamReset):
            decoder.close()


def test_an_end_without_usage_is_an_end() -> None:
    """The answer is whole, though what it cost was never said."""
    decoder = Decoder()
    decoder.feed(START + ended("end_turn"))
    assert decoder.close() == []


def test_events_that_are_not_known_are_passed_over() -> None:
    """New kinds of event and of delta are no fault."""
    assert read(frame("somethingNew", {"a": 1}), START, delta(0, {"new": {}}), ended("end_turn"), ended("x")) == [
        hub.Opened(),
        hub.Finished(finish=hub.Finish.STOP, finish_raw="end_turn"),
    ]


WORDS = st.text(min_size=1, max_size=6)
PARTS = st.lists(
    st.one_of(
        st.builds(hub.Text, text=WORDS),
        st.builds(hub.Thinking, text=WORDS, signature=WORDS, origin=st.just("bedrock")),
        st.builds(hub.ToolCall, id=st.just("a"), name=st.just("f"), arguments=st.sampled_from(["{}", '{"a":1}'])),
        st.just(hub.Media(kind="image", data="aGk=", media_type="image/png")),
    ),
    max_size=5,
)


@given(PARTS, st.lists(st.integers(0, 3000), max_size=6))
@settings(max_examples=80)
def test_streams_are_read_as_they_were_written(parts: list[hub.Part], cuts: list[int]) -> None:
    """What Converse can say survives the way there and back, wherever the bytes are cut."""
    calls = any(isinstance(part, hub.ToolCall) for part in parts)
    finish = hub.Finish.TOOL_CALLS if calls else hub.Finish.STOP
    choice = hub.Choice(parts=tuple(parts), finish=finish, finish_raw="tool_use" if calls else "end_turn")
    reply = fold(spread(hub.Reply(choices=(choice,), usage=Usage(input=1, output=2))))
    encoder, decoder = Encoder(), Decoder()
    data = b"".join(map(encoder.encode, spread(reply))) + encoder.close()
    marks = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    events = [event for begin, end in pairwise(marks) for event in decoder.feed(data[begin:end])]
    assert fold([*events, *decoder.close()]) == reply
    assert decoder.done


@given(st.data())
@settings(max_examples=60)
def test_no_byte_crashes_it(data: st.DataObject) -> None:
    """A changed or missing byte anywhere in a good stream is a failure, or an early end, and no other fault."""
    good = bytearray(START + delta(0, {"text": "a"}) + stop(0) + ended("end_turn") + METADATA)
    at = data.draw(st.integers(0, len(good) - 1))
    good[at : at + 1] = data.draw(st.sampled_from([b"", b"xy"])) or bytes([good[at] ^ 1])
    decoder = Decoder()
    events = decoder.feed(bytes(good))
    try:
        decoder.close()
    except (UpstreamReset, UpstreamMalformed):
        return
    assert isinstance(events[-1], hub.Failed) or hub.Finished in map(type, events)


@given(st.data())
@settings(max_examples=50)
def test_no_payload_crashes_it(data: st.DataObject) -> None:
    """Whatever stands in well-framed messages, events come out and one of the two faults at most."""
    names = st.sampled_from(["contentBlockDelta", "contentBlockStart", "contentBlockStop", "messageStop", "metadata"])
    keys = st.sampled_from(
        [
            "delta",
            "start",
            "toolUse",
            "text",
            "image",
            "source",
            "bytes",
            "contentBlockIndex",
            "usage",
            "citation",
            "toolResult",
            "reasoningContent",
            "redactedContent",
            "stopReason",
            "location",
            "input",
        ]
    )
    values = st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.dictionaries(keys, inner, max_size=4) | st.lists(inner, max_size=2),
        max_leaves=8,
    )
    decoder = Decoder()
    for _ in range(3):
        for event in decoder.feed(frame(data.draw(names), data.draw(values))):
            assert isinstance(event, hub.Event)
    try:
        decoder.close()
    except (UpstreamReset, UpstreamMalformed):
        return
