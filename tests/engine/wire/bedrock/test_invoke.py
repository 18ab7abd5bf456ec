import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.wire.bedrock.encoder import frame
from engine.wire.bedrock.invoke import InvokeDecoder, finish_invoke
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
    decoder = InvokeDecoder()
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
    decoder = InvokeDecoder()
    events = decoder.feed(chunks(EVENTS[0]) + chunk(msgspec.json.format(msgspec.json.encode(EVENTS[2]), indent=1)))
    assert events[-1] == hub.TextDelta(text="a\nb")


def test_an_exception_ends_the_stream() -> None:
    """Bedrock's own word for it, in the middle of Claude's events."""
    decoder = InvokeDecoder()
    said = frame("modelStreamErrorException", {"message": "broke"}, message_type="exception")
    events = decoder.feed(chunks(*EVENTS[:3]) + said + chunks(*EVENTS[3:]))
    assert isinstance(events[-1], hub.Failed)
    assert events[-1].outcome.kind is OutcomeKind.SERVER_ERROR
    assert decoder.done
    assert decoder.feed(chunks(EVENTS[3])) == decoder.close() == []


@pytest.mark.parametrize("bad", [b"{}", frame("chunk", {"bytes": "?"}), frame("chunk", []), chunk(b"[")])
def test_what_is_not_of_the_protocol_fails(bad: bytes) -> None:
    """Frames, base64 and JSON inside of it may all be wrong."""
    decoder = InvokeDecoder()
    events = decoder.feed(bad + b" " * 16)
    assert isinstance(events[-1], hub.Failed)
    assert events[-1].outcome.kind is OutcomeKind.MALFORMED


def test_an_early_end_is_a_reset() -> None:
    """Between two events, or inside of one."""
    data = chunks(*EVENTS[:3])
    for cut in (data, data[:-5]):
        decoder = InvokeDecoder()
        decoder.feed(cut)
        with pytest.raises(UpstreamReset):
            decoder.close()


def test_the_body_names_the_version_and_nothing_of_the_path() -> None:
    """Bedrock takes one version, and refuses `model` and `stream` in the body."""
    fields = {
        "model": msgspec.Raw(b'"claude"'),
        "stream": msgspec.Raw(b"true"),
        "anthropic_version": msgspec.Raw(b'"2023-06-01"'),
        "max_tokens": msgspec.Raw(b"5"),
    }
    assert msgspec.json.decode(finish_invoke(fields, stream=True)) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 5,
    }


@given(st.lists(st.sampled_from(EVENTS), max_size=5), st.binary(max_size=20), st.booleans())
@settings(max_examples=80, deadline=None)
def test_no_chunk_crashes_it(events: list[object], stray: bytes, framed: bool) -> None:
    """Whatever comes in, in frames or without, events come out and one of the two faults at most."""
    decoder = InvokeDecoder()
    for event in decoder.feed(chunks(*events) + (chunk(stray) if framed else stray)):
        assert isinstance(event, hub.Event)
    try:
        decoder.close()
    except (UpstreamReset, UpstreamMalformed):
        return
