import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamReset
from engine.values import Usage
from engine.wire.fold import spread
from engine.wire.stream import Decoder as AnyDecoder
from engine.wire.template.stream import Decoder, Encoder, WholeDecoder, WholeEncoder
from engine.wire.template.values import Chat, Template

CHAT = """
chat:
  path: /talk
  body: {{prompt: "{{{{ request.prompt }}}}"}}
  answer: {{text: /text, finish: /why, finishes: {{cut: length}}, usage: {{input: /used/in, output: /used/out}}}}
  error: {{message: /error}}
  stream: {{text: /piece, {more}}}
"""
PIECES = [{"piece": "Hel"}, {"piece": "lö"}, {"beat": 1}, {"piece": "", "used": {"in": 3, "out": 2}}, {"why": "cut"}]
EVENTS = [
    hub.Opened(),
    hub.TextDelta(text="Hel"),
    hub.TextDelta(text="lö"),
    hub.Metered(usage=Usage(input=3, output=2)),
    hub.Finished(finish=hub.Finish.LENGTH, finish_raw="cut"),
]
Made = Callable[[str], Chat]


@pytest.fixture(scope="module")
def chat(template: Callable[[str], Template]) -> Made:
    known: dict[str, Chat] = {}

    def made(more: str) -> Chat:
        if more not in known:
            found = template(CHAT.format(more=more)).chat
            assert found is not None
            known[more] = found
        return known[more]

    return made


def decoder(chat: Chat) -> Decoder:
    assert chat.stream is not None
    return Decoder(chat, chat.stream)


def sse(*pieces: object, end: bytes = b"") -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(piece).encode() for piece in pieces) + end


def lines(*pieces: object, end: bytes = b"") -> bytes:
    return b"".join(json.dumps(piece).encode() + b"\n" for piece in pieces) + end


def events(reader: AnyDecoder, data: bytes, size: int = 1 << 20) -> list[hub.Event]:
    told: list[hub.Event] = []
    for at in range(0, len(data), size):
        told += reader.feed(data[at : at + size])
    return told + reader.close()


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_pieces_are_read_however_they_are_cut(chat: Made, size: int) -> None:
    """As server-sent events with an end of their own, and as lines that end with the body."""
    done = chat("end: '[DONE]'")
    bare = chat("framing: lines")
    assert events(decoder(done), sse(*PIECES, end=b": beat\n\ndata: [DONE]\n\n"), size) == EVENTS
    assert events(decoder(bare), lines(*PIECES), size) == EVENTS
    assert events(decoder(bare), lines(*PIECES).rstrip(b"\n"), size) == EVENTS


def test_the_end_is_told_once(chat: Made) -> None:
    """By the piece that has it, else by the last one; what comes after it does not count."""
    reader = decoder(chat("end: '[DONE]'"))
    told = reader.feed(sse({"piece": "x"}, end=b"data: [DONE]\n\n" + sse({"piece": "y"})))
    assert told == [hub.Opened(), hub.TextDelta(text="x"), hub.Finished(finish=hub.Finish.STOP)]
    assert reader.done
    assert reader.feed(sse({"piece": "z"})) == reader.close() == []


@pytest.mark.parametrize("more", ["end: '[DONE]'", "framing: sse"])
def test_a_stream_that_breaks_is_no_answer(chat: Made, more: str) -> None:
    """Neither the piece that ends it has come, nor the reason why it ended."""
    reader = decoder(chat(more))
    reader.feed(sse({"piece": "x"}))
    with pytest.raises(UpstreamReset):
        reader.close()


def test_failures_inside_a_stream(chat: Made) -> None:
    """What stands where errors stand, and what is no JSON; nothing follows it."""
    [opened, text, failed] = decoder(chat("framing: sse")).feed(sse({"piece": "x"}, {"error": "full"}, {"piece": "y"}))
    assert (opened, text) == (hub.Opened(), hub.TextDelta(text="x"))
    assert isinstance(failed, hub.Failed)
    assert failed.outcome.message == "full"
    [broken] = decoder(chat("framing: sse")).feed(b"data: {\n\n")
    assert isinstance(broken, hub.Failed)
    assert broken.outcome.kind is OutcomeKind.MALFORMED


@given(data=st.binary(max_size=80), size=st.integers(1, 9))
def test_no_bytes_crash_a_reader(chat: Made, data: bytes, size: int) -> None:
    """Malformed is an outcome."""
    for reader in (decoder(chat("framing: sse")), decoder(chat("framing: lines")), WholeDecoder(chat("framing: sse"))):
        with suppress(UpstreamFault):
            assert all(isinstance(event, hub.Event) for event in events(reader, data, size))


REPLY = hub.Reply(
    choices=(hub.Choice(parts=(hub.Text(text="Hello"),), finish=hub.Finish.LENGTH, finish_raw="cut"),),
    usage=Usage(input=3, output=2),
)


@pytest.mark.parametrize("more", ["framing: sse", "framing: lines", "end: '[DONE]'"])
def test_streams_both_ways(chat: Made, more: str) -> None:
    """What a stand-in of the provider streams means what it was to say."""
    made = chat(more)
    assert made.stream is not None
    encoder, told = Encoder(made, made.stream), list(spread(REPLY))
    data = b"".join([*map(encoder.encode, told), encoder.close()])
    assert sorted(events(decoder(made), data), key=repr) == sorted(told, key=repr)


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_whole_answer_is_told_as_a_stream(chat: Made, size: int) -> None:
    """In one piece, when all of it has come."""
    made = chat("framing: sse")
    encoder = WholeEncoder(made)
    assert b"".join(map(encoder.encode, spread(REPLY))) == b""
    body = encoder.close()
    reader = WholeDecoder(made)
    assert all(reader.feed(body[at : at + size]) == [] for at in range(0, len(body), size))
    assert reader.close() == list(spread(REPLY))


def test_a_whole_answer_that_fails(chat: Made) -> None:
    """Before anything went out, so that another target may answer."""
    [failed] = events(WholeDecoder(chat("framing: sse")), b'{"error":"full"}')
    assert isinstance(failed, hub.Failed)
