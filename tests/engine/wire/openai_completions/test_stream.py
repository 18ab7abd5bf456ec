from pathlib import Path

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import Outcome, Usage
from engine.wire import sse
from engine.wire.fold import fold, spread
from engine.wire.openai_completions.stream import Decoder, Encoder

CASES = Path(__file__).parents[3] / "wire" / "openai_completions"
STREAMS = [path.read_bytes() for path in sorted(CASES.glob("*/upstream.sse"))]
CHUNK = b'data: {"id":"c","created":5,"model":"m","choices":[{"text":"Hi","index":0,"finish_reason":null}]}\n\n'
END = b'data: {"id":"c","choices":[{"text":"","index":0,"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def events(data: bytes) -> list[hub.Event]:
    decoder = Decoder()
    return decoder.feed(data) + decoder.close()


def test_the_end_is_done_or_a_finish() -> None:
    """What comes after `[DONE]` does not count; without it a finish is enough."""
    decoder = Decoder()
    told = decoder.feed(CHUNK + END)
    assert told == [
        hub.Opened(id="c", model="m", created=5),
        hub.TextDelta(text="Hi"),
        hub.Finished(finish=hub.Finish.STOP, finish_raw="stop"),
    ]
    assert not decoder.done
    assert decoder.feed(DONE + CHUNK) == []
    assert decoder.done
    assert events(CHUNK + END) == told


def test_bodies_that_are_no_answer() -> None:
    """Nothing at all, and half an answer, are resets; something else is malformed."""
    with pytest.raises(UpstreamReset):
        events(b"")
    with pytest.raises(UpstreamReset):
        events(CHUNK)
    with pytest.raises(UpstreamMalformed):
        events(b"<html>\n\n</html>\n\n")


def test_an_endless_event_fails() -> None:
    """Memory is bounded, and the failure is the last event."""
    decoder = Decoder()
    told = [event for _ in range(18) for event in decoder.feed(b"x" * (1 << 20))]
    assert [type(event) for event in told] == [hub.Failed]
    assert decoder.feed(CHUNK) == []


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
    told = Decoder().feed(b"data: " + noise + b"\n\n")
    assert all(isinstance(event, hub.Failed | hub.Opened) for event in told)


EVENTS: st.SearchStrategy[hub.Event] = st.one_of(
    st.builds(hub.Opened, id=st.just("r"), model=st.just("up"), created=st.just(5)),
    st.builds(hub.TextDelta, text=st.text(min_size=1), choice=st.sampled_from([0, 0, 1])),
    st.builds(hub.ThinkingDelta, text=st.text(min_size=1)),
    st.builds(hub.RefusalDelta, text=st.text(min_size=1)),
    st.builds(hub.CallOpened, call=st.just(0), id=st.just("a"), name=st.just("f")),
    st.builds(
        hub.LogProbs,
        logprobs=st.sampled_from([hub.Json(b'{"content":[{"token":"a","logprob":-1}]}'), hub.Json(b"null")]),
    ),
    st.just(hub.Foreign(protocol="anthropic", kind="ping", raw=hub.Json(b"{}"))),
    st.builds(hub.Metered, usage=st.just(Usage(input=3, output=4))),
    st.builds(hub.Finished, finish=st.sampled_from(hub.Finish), choice=st.sampled_from([0, 0, 1])),
)


@given(told=st.lists(EVENTS, max_size=12), ask_usage=st.booleans())
def test_whatever_comes_is_written_in_order(told: list[hub.Event], ask_usage: bool) -> None:
    """Chunks that OpenAI's own type takes, one finish for each answer, usage last and only when asked, `[DONE]`."""
    encoder = Encoder(model="best", ask_usage=ask_usage)
    written = b"".join(encoder.encode(event) for event in told) + encoder.close()
    *data, done = [sse.data_of(event) for event in sse.events(written)]
    assert done == b"[DONE]"
    chunks = [msgspec.json.decode(chunk) for chunk in data]
    assert {chunk["model"] for chunk in chunks} <= {"best", "up"}
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    ends = [choice["index"] for choice in choices if choice["finish_reason"]]
    spoken = {choice["index"] for choice in choices}
    assert sorted(ends) == sorted(spoken)
    metered = int(ask_usage and any(isinstance(event, hub.Metered) for event in told))
    counted = [bool(chunk.get("usage")) for chunk in chunks]
    assert counted == [False] * (len(chunks) - metered) + [True] * metered
    for index in spoken:
        texts = [choice["text"] for choice in choices if choice["index"] == index]
        words = [event for event in told if isinstance(event, hub.TextDelta | hub.RefusalDelta)]
        assert "".join(texts) == "".join(event.text for event in words if event.choice == index)


@pytest.mark.parametrize("path", sorted(CASES.glob("*/client.sse")), ids=lambda path: str(path.parent.name))
def test_openais_own_client_reads_what_is_written(path: Path) -> None:
    """Its streams end, and hold the texts that were sent."""
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=path.read_bytes())
    )
    with OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)) as client:
        chunks = list(client.completions.create(model="m", prompt="Hi", stream=True))
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    told = events(path.with_name("upstream.sse").read_bytes())
    assert text == "".join(event.text for event in told if isinstance(event, hub.TextDelta))


def test_a_failure_leaves_the_end_to_the_error() -> None:
    """What tells the caller of it is an event of `error`."""
    failed = hub.Failed(outcome=Outcome(kind=OutcomeKind.SERVER_ERROR, message="broken"))
    assert Encoder(model="m").encode(failed) == b""


def test_a_whole_answer_may_be_told_as_a_stream() -> None:
    """Spread, written and read again it is the same."""
    logprobs = hub.Json(b'{"content":[{"token":"Hi","logprob":-1.0,"bytes":[72,105],"top_logprobs":[]}]}')
    choice = hub.Choice(parts=(hub.Text(text="Hi"),), finish=hub.Finish.LENGTH, finish_raw="length", logprobs=logprobs)
    reply = hub.Reply(id="r", model="m", created=9, choices=(choice,), usage=Usage(input=1, output=3))
    encoder = Encoder(model="m", ask_usage=True)
    assert fold(events(b"".join(encoder.encode(event) for event in spread(reply)) + encoder.close())) == reply
