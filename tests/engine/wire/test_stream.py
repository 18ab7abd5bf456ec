"""An answer on its way, relayed or translated: what goes out when it fails."""

from collections.abc import Callable

import pytest

from engine import hub
from engine.errors import OutcomeKind, UpstreamReset
from engine.wire.anthropic_messages.stream import Decoder
from engine.wire.openai_chat.stream import Encoder
from engine.wire.stream import AnswerStream, Relay, Translation

BEGIN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
    b"event: content_block_start\n"
    b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
)
WORD = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}\n\n'
)
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
END = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":1}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
)


def relay() -> AnswerStream:
    return Relay(Decoder())


def translation() -> AnswerStream:
    return Translation(Decoder(), Encoder(model="m", ask_usage=False), hub.Opened(id="i", model="m", created=1))


def fed(stream: AnswerStream, data: bytes, size: int) -> bytes:
    out = b""
    for at in range(0, len(data), size):
        out += stream.feed(data[at : at + size])
        if stream.error is not None:
            break
    return out


@pytest.mark.parametrize("size", [1, 60, 1 << 20])
@pytest.mark.parametrize("make", [relay, translation])
def test_what_came_before_a_failure_goes_out(make: Callable[[], AnswerStream], size: int) -> None:
    """However a stream is cut, a failure inside it takes nothing of what came before, and brings nothing of itself."""
    stream = make()
    out = fed(stream, BEGIN + WORD + ERROR, size)

    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.OVERLOADED
    assert b"Hel" in out
    assert b"rror" not in out
    assert out.endswith(b"\n\n")


@pytest.mark.parametrize("size", [1, 60, 1 << 20])
@pytest.mark.parametrize("make", [relay, translation])
def test_nothing_goes_out_of_a_failure_at_once(make: Callable[[], AnswerStream], size: int) -> None:
    """Before the first content a failure leaves the stream unbegun, so that another target can take over."""
    stream = make()

    assert fed(stream, BEGIN + ERROR, size) == b""
    assert stream.error is not None
    assert not stream.started


@pytest.mark.parametrize("size", [1, 60, 1 << 20])
def test_a_relay_gives_what_it_got(size: int) -> None:
    """The provider's events go out as they are, the last ones with `close`."""
    stream = relay()
    out = fed(stream, BEGIN + WORD + END, size)

    assert b"message_stop" not in out
    assert out + stream.close() == BEGIN + WORD + END


def test_a_relay_ends_an_event_that_was_not_ended() -> None:
    """A last event that lacks its empty line gets it."""
    stream = relay()
    out = stream.feed((BEGIN + WORD + END).rstrip(b"\n"))

    assert out + stream.close() == BEGIN + WORD + END


def test_half_an_event_is_not_relayed() -> None:
    """A stream that breaks off inside an event leaves the caller with whole ones."""
    stream = relay()
    out = stream.feed(BEGIN + WORD + WORD[:40])

    assert out == BEGIN + WORD
    with pytest.raises(UpstreamReset):
        stream.close()
