from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import Outcome, Usage
from engine.wire import sse
from engine.wire.cohere.stream import Decoder, Encoder
from engine.wire.fold import fold, spread

CASES = Path(__file__).parents[3] / "wire" / "cohere"
STREAMS = [path.read_bytes() for path in sorted(CASES.glob("*/upstream.sse"))]
START = b'data: {"type":"message-start","id":"r-1234567890"}\n\n'


def events(data: bytes) -> list[hub.Event]:
    decoder = Decoder()
    return decoder.feed(data) + decoder.close()


def test_the_end_is_message_end() -> None:
    """What comes after it does not count, be it `[DONE]` or more."""
    decoder = Decoder()
    assert not decoder.done
    end = b'data: {"type":"message-end","delta":{"finish_reason":"COMPLETE"}}\n\n'
    assert decoder.feed(START + end) == [
        hub.Opened(id="r-1234567890"),
        hub.Finished(finish=hub.Finish.STOP, finish_raw="COMPLETE"),
    ]
    assert decoder.done
    assert decoder.feed(end + b"data: [DONE]\n\n") == []
    assert decoder.close() == []


def test_a_call_without_id_gets_one() -> None:
    """Made up from the answer's id and the call's number."""
    call = (
        b'data: {"type":"tool-call-start","index":3,"delta":{"message":{"tool_calls":{"function":{"name":"f"}}}}}\n\n'
    )
    assert Decoder().feed(START + call)[1] == hub.CallOpened(call=0, id="call_34567890_0", name="f")


def test_a_call_that_comes_whole() -> None:
    """Arguments may stand in the event that opens the call."""
    whole = (
        b'data: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"a","function":'
        b'{"name":"f","arguments":"{}"}}}}}\n\n'
    )
    assert Decoder().feed(START + whole)[1:] == [
        hub.CallOpened(call=0, id="a", name="f"),
        hub.CallDelta(call=0, arguments="{}"),
    ]


def test_a_call_that_takes_nothing() -> None:
    """`null` for arguments is none, and becomes an object at the end."""
    started = (
        b'data: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"a","function":'
        b'{"name":"f","arguments":""}}}}}\n\n'
        b'data: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":'
        b'{"arguments":"null"}}}}}\n\n'
    )
    end = b'data: {"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}\n\n'
    deltas = [event for event in Decoder().feed(START + started + end) if isinstance(event, hub.CallDelta)]
    assert deltas == [hub.CallDelta(call=0, arguments="{}")]


def test_unknown_events_and_keys_do_not_matter() -> None:
    """What is new is passed over."""
    debug = b'data: {"type":"debug","prompt":"..."}\n\n'
    delta = b'data: {"type":"content-delta","new":1,"delta":{"message":{"content":{"text":"Hi","x":2}}}}\n\n'
    new = debug + delta
    assert Decoder().feed(START + new)[1:] == [hub.TextDelta(text="Hi")]


def test_an_event_without_type_is_an_error() -> None:
    """An error body as an event is told as such."""
    assert isinstance(Decoder().feed(b'data: {"id":"1","message":"internal server error"}\n\n')[-1], hub.Failed)


def test_bodies_that_are_no_answer() -> None:
    """Nothing at all, and half an answer, are resets; something else is malformed."""
    with pytest.raises(UpstreamReset):
        events(b"")
    with pytest.raises(UpstreamReset):
        events(START)
    with pytest.raises(UpstreamMalformed):
        events(b"<html>\n\n</html>\n\n")


def test_an_endless_event_fails() -> None:
    """Memory is bounded, and the failure is the last event."""
    decoder = Decoder()
    told = [event for _ in range(18) for event in decoder.feed(b"x" * (1 << 20))]
    assert [type(event) for event in told] == [hub.Failed]
    assert decoder.feed(START) == []


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
    decoder = Decoder()
    told = decoder.feed(b"data: " + noise + b"\n\n")
    assert all(isinstance(event, hub.Failed | hub.Opened | hub.Finished) for event in told)


EVENTS: st.SearchStrategy[hub.Event] = st.one_of(
    st.builds(hub.Opened, id=st.just("r")),
    st.builds(hub.TextDelta, text=st.text(min_size=1), choice=st.sampled_from([0, 0, 1])),
    st.builds(hub.ThinkingDelta, text=st.text(min_size=1)),
    st.builds(hub.ThinkingSigned, signature=st.text()),
    st.builds(hub.RefusalDelta, text=st.text(min_size=1)),
    st.builds(hub.Cited, citation=st.builds(hub.Citation, url=st.just("https://example.com"), start=st.none())),
    st.builds(hub.MediaArrived, media=st.just(hub.Media(kind="image", data="QUJD"))),
    st.builds(hub.LogProbs, logprobs=st.just(hub.Json(b'{"content":[]}'))),
    st.just(hub.Foreign(protocol="anthropic", kind="ping", raw=hub.Json(b"{}"))),
    st.builds(hub.Metered, usage=st.just(Usage(input=3, output=4))),
    st.builds(hub.Finished, finish=st.sampled_from(hub.Finish)),
)


def kinds(written: bytes) -> list[str]:
    data = [sse.data_of(event) for event in sse.events(written)]
    return [msgspec.json.decode(each)["type"] for each in data if each != b"[DONE]"]


@given(told=st.lists(EVENTS, max_size=12))
def test_whatever_comes_is_written_in_order(told: list[hub.Event]) -> None:
    """One start, blocks that open and close, one end, `[DONE]`; and it reads as what was told."""
    encoder = Encoder(model="m")
    written = b"".join(encoder.encode(event) for event in told) + encoder.close()
    assert written.endswith(b"data: [DONE]\n\n")
    assert written.count(b"[DONE]") == 1
    seen = kinds(written)
    assert (seen[0], seen[-1]) == ("message-start", "message-end")
    assert seen.count("message-start") == seen.count("message-end") == 1
    depth = 0
    for kind in seen:
        depth += {"content-start": 1, "content-end": -1}.get(kind, 0)
        assert depth == (1 if kind in {"content-start", "content-delta", "citation-start", "citation-end"} else 0)
    words = "".join(
        event.text for event in told if isinstance(event, hub.TextDelta | hub.RefusalDelta) and not event.choice
    )
    parts = fold(events(written)).choices[0].parts
    assert "".join(part.text for part in parts if isinstance(part, hub.Text)) == words


def test_calls_side_by_side_are_written_by_number() -> None:
    """Deltas of two calls may alternate."""
    told: list[hub.Event] = [
        hub.Opened(id="r"),
        hub.CallOpened(call=0, id="a", name="f"),
        hub.CallOpened(call=1, id="b", name="g"),
        hub.CallDelta(call=0, arguments="{"),
        hub.CallDelta(call=1, arguments="{}"),
        hub.CallDelta(call=0, arguments="}"),
        hub.Finished(finish=hub.Finish.TOOL_CALLS, finish_raw="tool_use"),
    ]
    encoder = Encoder(model="m")
    again = fold(events(b"".join(encoder.encode(event) for event in told) + encoder.close()))
    assert again.choices[0].parts == fold(told).choices[0].parts
    assert again.choices[0].finish is hub.Finish.TOOL_CALLS


def test_a_failure_ends_the_stream() -> None:
    """It stands in `message-end`, and nothing follows."""
    encoder = Encoder(model="m")
    failed = hub.Failed(outcome=Outcome(kind=OutcomeKind.SERVER_ERROR, message="broken"))
    written = encoder.encode(hub.TextDelta(text="Hi")) + encoder.encode(failed)
    assert kinds(written)[-1] == "message-end"
    assert encoder.encode(hub.TextDelta(text="more")) + encoder.close() == b""
    assert isinstance(events(written)[-1], hub.Failed)


def test_a_whole_answer_may_be_told_as_a_stream() -> None:
    """Spread, written and read again it is the same."""
    parts = (hub.Thinking(text="Hm"), hub.Text(text="Hi"), hub.ToolCall(id="a", name="f", arguments='{"x":1}'))
    choice = hub.Choice(parts=parts, finish=hub.Finish.TOOL_CALLS, finish_raw="TOOL_CALL")
    reply = hub.Reply(id="r", choices=(choice,), usage=Usage(input=1, cached_input=2, output=3, reasoning=4))
    encoder = Encoder(model="m")
    assert fold(events(b"".join(encoder.encode(event) for event in spread(reply)) + encoder.close())) == reply
