from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import Outcome, Usage
from engine.wire.fold import fold, spread
from engine.wire.ollama.stream import Decoder, Encoder

CASES = Path(__file__).parents[3] / "wire" / "ollama"
STREAMS = [path.read_bytes() for path in sorted(CASES.glob("*/upstream.ndjson"))]
HEAD = b'{"model":"m","created_at":"2026-03-01T10:00:00.5Z",'
LINE = HEAD + b'"message":{"role":"assistant","content":"Hi"},"done":false}\n'
LAST = HEAD + b'"message":{"content":""},"done":true,"done_reason":"stop"}\n'


def events(data: bytes) -> list[hub.Event]:
    decoder = Decoder()
    return decoder.feed(data) + decoder.close()


def test_the_end_is_the_line_that_says_done() -> None:
    """What comes after it does not count."""
    decoder = Decoder()
    told = decoder.feed(LINE + LAST)
    assert told == [
        hub.Opened(model="m", created=1_772_359_200),
        hub.TextDelta(text="Hi"),
        hub.Finished(finish=hub.Finish.STOP, finish_raw="stop"),
    ]
    assert decoder.done
    assert decoder.feed(LINE) == decoder.close() == []


def test_line_ends_may_be_crlf() -> None:
    """Proxies change them, and leave empty lines."""
    assert events(LINE.replace(b"\n", b"\r\n\r\n") + LAST) == events(LINE + LAST)


def test_bodies_that_are_no_answer() -> None:
    """Nothing at all, and half an answer, are resets; something else is malformed."""
    with pytest.raises(UpstreamReset):
        events(b"")
    with pytest.raises(UpstreamReset):
        events(LINE + b'{"model"')
    with pytest.raises(UpstreamMalformed):
        events(b"<html>")
    with pytest.raises(UpstreamMalformed):
        events(b'{"models":[]}')


def test_an_endless_line_fails() -> None:
    """Memory is bounded, and the failure is the last event."""
    decoder = Decoder()
    told = [event for _ in range(18) for event in decoder.feed(b"x" * (1 << 20))]
    assert [type(event) for event in told] == [hub.Failed]
    assert decoder.feed(LINE) == []


@given(data=st.data())
def test_no_bytes_crash_it(data: st.DataObject) -> None:
    """Streams with bytes changed, cut anywhere, give events or a fault of the provider's, and the same however cut."""
    body = bytearray(data.draw(st.sampled_from(STREAMS)))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), max_size=4)):
        body[at] = byte
    cut = data.draw(st.integers(0, len(body)))
    decoder = Decoder()
    told = decoder.feed(bytes(body[:cut])) + decoder.feed(bytes(body[cut:]))
    assert told == Decoder().feed(bytes(body))
    try:
        told += decoder.close()
    except UpstreamFault:
        return
    assert not any(isinstance(event, hub.Failed) for event in told[:-1])


@given(noise=st.binary(max_size=80))
def test_noise_does_not_crash_it(noise: bytes) -> None:
    """Random bytes are a fault of the provider's."""
    assert all(isinstance(event, hub.Failed) for event in Decoder().feed(noise + b"\n"))


EVENTS: st.SearchStrategy[hub.Event] = st.one_of(
    st.builds(hub.Opened, id=st.just("r"), model=st.just("up"), created=st.just(5)),
    st.builds(hub.TextDelta, text=st.text(min_size=1), choice=st.sampled_from([0, 0, 1])),
    st.builds(hub.ThinkingDelta, text=st.text(min_size=1)),
    st.builds(hub.ThinkingSigned, signature=st.text()),
    st.builds(hub.RefusalDelta, text=st.text(min_size=1)),
    st.builds(hub.Cited, citation=st.just(hub.Citation(url="https://example.com"))),
    st.builds(hub.MediaArrived, media=st.just(hub.Media(kind="image", data="QUJD"))),
    st.builds(hub.LogProbs, logprobs=st.sampled_from([hub.Json(b'{"content":[{"token":"a"}]}'), hub.Json(b"null")])),
    st.just(hub.Foreign(protocol="anthropic", kind="ping", raw=hub.Json(b"{}"))),
    st.builds(hub.Metered, usage=st.just(Usage(input=3, output=4))),
    st.builds(hub.Finished, finish=st.sampled_from(hub.Finish)),
)


@given(told=st.lists(EVENTS, max_size=12))
def test_whatever_comes_is_written_in_lines(told: list[hub.Event]) -> None:
    """Each line is an answer of the caller's model, only the last is done; and it reads as what was told."""
    encoder = Encoder(model="best")
    written = b"".join(encoder.encode(event) for event in told) + encoder.close()
    lines = [msgspec.json.decode(line) for line in written.splitlines()]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert {line["model"] for line in lines} == {"best"}
    assert all(line["message"]["role"] == "assistant" for line in lines)
    words = "".join(
        event.text for event in told if isinstance(event, hub.TextDelta | hub.RefusalDelta) and not event.choice
    )
    parts = fold(events(written)).choices[0].parts
    assert "".join(part.text for part in parts if isinstance(part, hub.Text)) == words


def test_calls_go_out_whole() -> None:
    """Deltas of two calls may alternate, on several lines; free text is an entry of its own."""
    told: list[hub.Event] = [
        hub.CallOpened(call=0, id="a", name="f"),
        hub.CallOpened(call=1, id="b", name="sh", custom=True),
        hub.CallDelta(call=0, arguments='{\n"x":'),
        hub.CallDelta(call=1, arguments="ls\n"),
        hub.CallDelta(call=0, arguments="1}"),
        hub.CallOpened(call=2, id="c", name="g"),
    ]
    encoder = Encoder(model="m")
    again = fold(events(b"".join(encoder.encode(event) for event in told) + encoder.close())).choices[0]
    assert again.finish is hub.Finish.TOOL_CALLS
    assert [part for part in again.parts if isinstance(part, hub.ToolCall)] == [
        hub.ToolCall(id="a", name="f", arguments='{ "x":1}'),
        hub.ToolCall(id="b", name="sh", arguments='{"input":"ls\\n"}'),
        hub.ToolCall(id="c", name="g", arguments="{}"),
    ]


def test_a_failure_ends_the_stream() -> None:
    """It is a line of its own, and nothing follows."""
    encoder = Encoder(model="m")
    failed = hub.Failed(outcome=Outcome(kind=OutcomeKind.SERVER_ERROR, message="broken"))
    written = encoder.encode(hub.TextDelta(text="Hi")) + encoder.encode(failed)
    assert written.endswith(b'{"error":"broken"}\n')
    assert encoder.encode(hub.TextDelta(text="more")) + encoder.close() == b""
    assert isinstance(events(written)[-1], hub.Failed)


def test_a_whole_answer_may_be_told_as_a_stream() -> None:
    """Spread, written and read again it is the same."""
    parts = (hub.Thinking(text="Hm"), hub.Text(text="Hi"), hub.ToolCall(id="a", name="f", arguments='{"x":1}'))
    choice = hub.Choice(parts=parts, finish=hub.Finish.TOOL_CALLS, finish_raw="stop")
    reply = hub.Reply(model="m", created=9, choices=(choice,), usage=Usage(input=1, output=3))
    encoder = Encoder(model="m")
    assert fold(events(b"".join(encoder.encode(event) for event in spread(reply)) + encoder.close())) == reply
