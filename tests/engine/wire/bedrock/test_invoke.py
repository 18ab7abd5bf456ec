import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.wire.bedrock.encoder import frame
from engine.wire.bedrock.invoke import Decoder, Encoder, Stream, finish
from engine.wire.fold import fold

METRICS = {"inputTokenCount": 99, "outputTokenCount": 99, "invocationLatency": 5, "firstByteLatency": 3}
USAGE = {"input_tokens": 5, "output_tokens": 1}
MESSAGE = {"id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
EVENTS = [
    {"type": "message_start", "message": MESSAGE | {"stop_reason": None, "stop_sequence": None, "usage": USAGE}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a\nb"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 2},
    },
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS},
]


def chunk(event: bytes) -> bytes:
    return frame("chunk", {"bytes": base64.b64encode(event).decode(), "p": "abcdef"})


def chunks(*events: object) -> bytes:
    return b"".join(chunk(msgspec.json.encode(event)) for event in events)


def test_claudes_events_are_unwrapped() -> None:
    """They say what they say at Anthropic; Bedrock's metrics in the last one are not usage."""
    decoder = Decoder()
    data = chunks(*EVENTS)
    reply = fold([event for byte in data for event in decoder.feed(bytes([byte]))] + decoder.close())
    assert decoder.done
    assert (reply.id, reply.model) == ("msg_bdrk_1", "claude-x")
    assert reply.choices[0].parts == (hub.Text(text="a\nb"),)
    assert reply.choices[0].finish is hub.Finish.STOP
    assert reply.usage
    assert (reply.usage.input, reply.usage.output) == (5, 2)


def test_json_over_several_lines_is_one_event() -> None:
    """Line ends between tokens mean nothing in JSON and much in server-sent events."""
    decoder = Decoder()
    events = decoder.feed(chunks(EVENTS[0]) + chunk(msgspec.json.format(msgspec.json.encode(EVENTS[2]), indent=1)))
    assert events[-1] == hub.TextDelta(text="a\nb")


def test_an_exception_ends_the_stream() -> None:
    """Bedrock's own word for it, in the middle of Claude's events."""
    decoder = Decoder()
    said = frame("modelStreamErrorException", {"message": "broke"}, message_type="exception")
    events = decoder.feed(chunks(*EVENTS[:3]) + said + chunks(*EVENTS[3:]))
    assert isinstance(events[-1], hub.Failed)
    assert events[-1].outcome.kind is OutcomeKind.SERVER_ERROR
    assert decoder.done
    assert decoder.feed(chunks(EVENTS[3])) == decoder.close() == []


@pytest.mark.parametrize("bad", [b"{}", frame("chunk", {"bytes": "?"}), frame("chunk", []), chunk(b"[")])
def test_what_is_not_of_the_protocol_fails(bad: bytes) -> None:
    """Frames, base64 and JSON inside of it may all be wrong."""
    decoder = Decoder()
    events = decoder.feed(bad + b" " * 16)
    assert isinstance(events[-1], hub.Failed)
    assert events[-1].outcome.kind is OutcomeKind.MALFORMED


def test_an_early_end_is_a_reset() -> None:
    """Between two events, or inside of one."""
    data = chunks(*EVENTS[:3])
    for cut in (data, data[:-5]):
        decoder = Decoder()
        decoder.feed(cut)
        with pytest.raises(UpstreamReset):
            decoder.close()


def sse(*events: object) -> bytes:
    """The same as Anthropic sends it."""
    names = [msgspec.json.decode(msgspec.json.encode(event))["type"] for event in events]
    said = zip(names, events, strict=True)
    return b"".join(f"event: {name}\ndata: {msgspec.json.encode(event).decode()}\n\n".encode() for name, event in said)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_caller_of_the_messages_api_gets_its_events(size: int) -> None:
    """Out of their wrapping, each named, and else as they are; the end waits until the body has ended."""
    stream, data = Stream(), chunks(*EVENTS)
    out = b"".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert out == sse(*EVENTS[:-1])
    assert stream.done
    assert stream.close() == sse(EVENTS[-1])
    assert stream.usage
    assert (stream.usage.input, stream.usage.output, stream.finish_reason) == (5, 2, "end_turn")


def test_an_exception_before_the_answer_lets_nothing_out() -> None:
    """So that another target may take over."""
    stream = Stream()
    said = frame("throttlingException", {"message": "slow"}, message_type="exception")
    assert stream.feed(chunks(*EVENTS[:2]) + said) == b""
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.RATE_LIMITED
    assert not stream.started


def test_an_exception_inside_the_answer_follows_whole_events() -> None:
    """What came before it goes out, nothing after it."""
    stream = Stream()
    said = frame("modelStreamErrorException", {"message": "broke"}, message_type="exception")
    assert stream.feed(chunks(*EVENTS[:3]) + said + chunks(*EVENTS[3:])) == sse(*EVENTS[:3])
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.SERVER_ERROR
    assert stream.feed(chunks(*EVENTS[3:])) == b""


def test_an_error_of_the_models_is_told_apart_from_bedrocks() -> None:
    """Anthropic's own error event, in Bedrock's wrapping."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    stream, decoder = Stream(), Decoder()
    assert stream.feed(chunks(*EVENTS[:3], error)) == sse(*EVENTS[:3])
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.OVERLOADED
    [*_, failed] = decoder.feed(chunks(*EVENTS[:3], error))
    assert isinstance(failed, hub.Failed)
    assert failed.outcome.kind is OutcomeKind.OVERLOADED


def test_an_early_end_is_a_reset_for_the_caller_too() -> None:
    """Between two events, or inside of one."""
    data = chunks(*EVENTS[:3])
    for cut in (data, data[:-5]):
        stream = Stream()
        stream.feed(cut)
        with pytest.raises(UpstreamReset):
            stream.close()


def test_what_is_no_event_stream_is_malformed() -> None:
    """A body of another kind, whole."""
    stream = Stream()
    assert stream.feed(b'{"message": "not a stream at all"}') == b""
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.MALFORMED


def test_what_is_written_is_read() -> None:
    """A stand-in's stream is one that Bedrock could have sent."""
    encoder, decoder = Encoder(model="claude-x"), Decoder()
    told: list[hub.Event] = [hub.Opened(id="msg_1"), hub.TextDelta(text="hi"), hub.Finished(finish=hub.Finish.STOP)]
    data = b"".join([*map(encoder.encode, told), encoder.close()])
    reply = fold([*decoder.feed(data), *decoder.close()])
    assert (reply.id, reply.model, reply.choices[0].parts) == ("msg_1", "claude-x", (hub.Text(text="hi"),))


def test_the_body_names_the_version_and_nothing_of_the_path() -> None:
    """Bedrock takes one version, and refuses `model` and `stream` in the body."""
    fields = {
        "model": msgspec.Raw(b'"claude"'),
        "stream": msgspec.Raw(b"true"),
        "anthropic_version": msgspec.Raw(b'"2023-06-01"'),
        "max_tokens": msgspec.Raw(b"5"),
    }
    assert msgspec.json.decode(finish(fields, model="m", stream=True)) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 5,
    }


@given(st.lists(st.sampled_from(EVENTS), max_size=5), st.binary(max_size=20), st.booleans())
@settings(max_examples=80)
def test_no_chunk_crashes_it(events: list[object], stray: bytes, framed: bool) -> None:
    """Whatever comes in, in frames or without, events come out and one of the two faults at most."""
    decoder = Decoder()
    for event in decoder.feed(chunks(*events) + (chunk(stray) if framed else stray)):
        assert isinstance(event, hub.Event)
    try:
        decoder.close()
    except (UpstreamReset, UpstreamMalformed):
        return
