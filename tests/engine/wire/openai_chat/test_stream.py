import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import Usage
from engine.wire.fold import fold, spread
from engine.wire.openai_chat.stream import Decoder, Encoder

CASES = Path(__file__).parents[3] / "wire" / "openai_chat"
STREAMS = [path.read_bytes() for path in sorted(CASES.glob("*/upstream.sse"))]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
WORDS = st.sampled_from(["a", "é", "語", "b c", '"', "<think>"])

KEYS = ["choices", "delta", "index", "content", "tool_calls", "function", "name", "arguments", "usage", "error", "id"]

PARTS: st.SearchStrategy[hub.Part] = st.one_of(
    st.builds(hub.Text, text=TEXTS, signature=st.sampled_from(["", "sig"])),
    st.builds(hub.Thinking, text=TEXTS),
    st.builds(hub.Thinking, text=TEXTS, signature=TEXTS, origin=st.sampled_from(["anthropic", "openai-responses"])),
    st.builds(hub.Thinking, redacted=TEXTS, origin=st.just("anthropic"), id=st.sampled_from(["", "rs_1"])),
    st.builds(hub.Refusal, text=TEXTS),
    st.builds(hub.Media, kind=st.just("image"), data=st.just("QUJD"), media_type=st.just("image/png")),
    st.builds(hub.Media, kind=st.just("audio"), data=st.just("QUJD"), name=st.just("audio_1")),
)
CALLS = st.lists(
    st.builds(
        hub.ToolCall,
        id=TEXTS,
        name=TEXTS,
        arguments=st.sampled_from(["{}", '{"a": [1, "é"]}']),
        custom=st.booleans(),
        signature=st.sampled_from(["", "sig"]),
    ),
    max_size=3,
    unique_by=lambda call: call.id,
)


def sse(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"id": "r-1", "model": "m", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def piece(**said: Any) -> dict[str, Any]:
    return delta(tool_calls=[said])


def events_of(data: bytes) -> list[hub.Event]:
    decoder = Decoder()
    return decoder.feed(data) + decoder.close()


def calls_of(*chunks: dict[str, Any]) -> list[tuple[str, str, str]]:
    reply = fold(events_of(sse(*chunks, delta("tool_calls"))))
    return [(part.id, part.name, part.arguments) for part in reply.choices[0].parts if isinstance(part, hub.ToolCall)]


def written(reply: hub.Reply, **options: Any) -> bytes:
    encoder = Encoder(model="m", **options)
    return b"".join(map(encoder.encode, spread(reply))) + encoder.close()


@settings(max_examples=150)
@given(parts=st.lists(PARTS, max_size=5), calls=CALLS, finish=st.sampled_from(["stop", "length", "content_filter"]))
def test_what_is_written_is_read_again(parts: list[hub.Part], calls: list[hub.ToolCall], finish: str) -> None:
    """Decoding what was encoded gives the same answer, for all that the protocol can say."""
    wanted = hub.Finish.TOOL_CALLS if calls and finish == "stop" else hub.Finish(finish)
    choice = hub.Choice(parts=(*parts, *calls), finish=wanted, finish_raw=str(wanted), stop_sequence="END")
    reply = hub.Reply(id="r", model="m", created=7, choices=(choice,), usage=Usage(input=3, cached_input=2, output=1))
    reply = fold(spread(reply))

    assert fold(events_of(written(reply, ask_usage=True))) == reply


@settings(max_examples=60)
@given(data=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_cuts_do_not_matter(data: bytes, cuts: list[int]) -> None:
    """However the bytes are cut, line ends included, the events are the same."""
    data = data.replace(b"\n", b"\r\n")
    at = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    assert read(data[a:b] for a, b in pairwise(at)) == read([data])


def read(pieces: Any) -> tuple[list[hub.Event], str]:
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    try:
        return events + decoder.close(), ""
    except UpstreamFault as fault:
        return events, str(fault)


@settings(max_examples=200)
@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.builds(
            lambda data, at, noise: data[:at] + noise + data[at:],
            st.sampled_from(STREAMS),
            st.integers(0, 900),
            st.binary(max_size=6),
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(KEYS),
                    inner,
                    max_size=4,
                )
            ),
        ).map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
    )
)
def test_no_stream_is_too_strange(data: bytes) -> None:
    """Whatever comes is events, a failure told as the last of them, or a fault of the provider's; nothing else."""
    events, _ = read([data])
    assert not any(isinstance(event, hub.Failed) for event in events[:-1])


def test_nothing_counts_after_the_terminator() -> None:
    """`[DONE]`, with or without a blank after it, ends the answer."""
    decoder = Decoder()
    events = decoder.feed(sse(delta(content="a")) + b"data: [DONE] \n\n" + sse(delta(content="b")))
    assert decoder.done
    assert [event.text for event in events if isinstance(event, hub.TextDelta)] == ["a"]
    assert decoder.close() == []


def test_a_finish_is_told_once_and_usage_when_it_changes() -> None:
    """OpenRouter sends the finish twice, Groq usage three times."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    events = events_of(sse(delta(content="a"), delta("stop"), delta("stop") | {"usage": usage}, {"usage": usage}))
    assert [type(event) for event in events] == [hub.Opened, hub.TextDelta, hub.Finished, hub.Metered]


def test_the_opening_waits_for_a_chunk_that_says_something() -> None:
    """Azure's first chunk has neither id nor model."""
    events = events_of(sse({"id": "", "model": "", "created": 0, "choices": []}, delta("stop", content="a")))
    assert events[0] == hub.Opened(id="r-1", model="m")


@pytest.mark.parametrize(
    ("data", "raised"),
    [
        (b"", UpstreamReset),
        (b"<html>", UpstreamMalformed),
        (sse(delta(content="a")), UpstreamReset),
        (sse(delta(role="assistant", content="")) + b"data: [DONE]\n\n", UpstreamMalformed),
        (b'data: {"id":"r","choi', UpstreamReset),
    ],
)
def test_an_end_that_is_none_is_raised(data: bytes, raised: type[UpstreamFault]) -> None:
    """A body that ends before its answer, or that is none, is the provider's fault."""
    decoder = Decoder()
    decoder.feed(data)
    with pytest.raises(raised):
        decoder.close()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (
            b'event: error\ndata: {"error":{"message":"no","code":"tool_use_failed","status_code":400}}\n\n',
            "bad_request",
        ),
        (b'data: {"object":"error","message":"too slow","code":503}\n\n', "overloaded"),
        (b"data: {]\n\n", "malformed"),
        (b'data: {"choices":[{"delta":{"content":5}}]}\n\n', "malformed"),
        (b"data: " + b"[" * 5000 + b"\n\n", "malformed"),
    ],
)
def test_an_error_inside_is_the_last_event(data: bytes, kind: str) -> None:
    """Whatever its shape, it is classed, and nothing follows it."""
    decoder = Decoder()
    events = [*decoder.feed(data), *decoder.feed(sse(delta("stop", content="a"))), *decoder.close()]
    assert isinstance(events[-1], hub.Failed)
    assert events[-1].outcome.kind == OutcomeKind(kind)


def test_an_error_instead_of_a_stream_is_told_at_the_end() -> None:
    """Azure answers 200 and plain JSON."""
    decoder = Decoder()
    assert decoder.feed(b'{"error":\n\n{"message":"filtered","code":"content_filter"}}') == []
    (failed,) = decoder.close()
    assert isinstance(failed, hub.Failed)
    assert failed.outcome.kind is OutcomeKind.CONTENT_FILTER


def test_an_endless_event_fails() -> None:
    """Memory is bounded: what never ends is malformed."""
    decoder = Decoder()
    events = [event for _ in range(18) for event in decoder.feed(b"x" * (1 << 20))]
    assert [type(event) for event in events] == [hub.Failed]


@pytest.mark.parametrize(
    ("chunks", "calls"),
    [
        ([piece(id="a", function={"name": "f", "arguments": "{}"})], [("a", "f", "{}")]),
        ([piece(index=0, id="", function={"name": "f"})], [("call_r1_0", "f", "{}")]),
        ([piece(index=0, id="a", function={"name": "f", "arguments": {"x": 1}})], [("a", "f", '{"x":1}')]),
        (
            [
                piece(index=0, id="a", function={"arguments": "{"}),
                piece(index=0, function={"name": "f", "arguments": "}"}),
            ],
            [("a", "f", "{}")],
        ),
        (
            [piece(id="a", function={"name": "f", "arguments": "1"}), piece(function={"arguments": "2"})],
            [("a", "f", "12")],
        ),
        (
            [piece(index=0, id="a", function={"name": "f"}), piece(index=1, id="a", function={"name": "g"})],
            [("a", "f", "{}"), ("call_r1_1", "g", "{}")],
        ),
        ([piece(index=0, id="a", custom={"name": "f", "input": "x"})], [("a", "f", "x")]),
        ([delta(function_call={"name": "f", "arguments": "1"})], [("call_r1_0", "f", "1")]),
        (
            [
                piece(index=0, id="chatcmpl-tool-1", function={"name": "f"}),
                piece(index=0, id="chatcmpl-tool-2", function={"arguments": "1"}),
            ],
            [("chatcmpl-tool-1", "f", "1")],
        ),
    ],
)
def test_calls_are_told_apart(chunks: list[dict[str, Any]], calls: list[tuple[str, str, str]]) -> None:
    """By index, or by id, or by a name that begins another; ids that are missing or taken are made up."""
    assert calls_of(*chunks) == calls


def test_stop_after_calls_is_what_it_stopped_for() -> None:
    """OpenAI says `stop` when one tool was demanded, others do always."""
    chunks = sse(piece(index=0, id="a", function={"name": "f", "arguments": "{}"}), delta("stop"))
    assert fold(events_of(chunks)).choices[0].finish is hub.Finish.TOOL_CALLS


def test_details_that_no_call_claims_are_withheld_reasoning() -> None:
    """A signature whose call never comes is not lost."""
    details = [{"type": "reasoning.encrypted", "data": "Z2Vt", "format": "google-gemini-v1", "id": "t_1"}]
    reply = fold(events_of(sse(delta(reasoning_details=details), delta("stop", content="a"))))
    assert reply.choices[0].parts == (hub.Text(text="a"), hub.Thinking(redacted="Z2Vt", origin="gemini", id="t_1"))


def test_perplexity_cites_at_the_top_of_every_chunk() -> None:
    """The addresses are told once."""
    cited = {"citations": ["https://a.example", "https://b.example"]}
    events = events_of(sse(delta(content="a") | cited, delta("stop", content="b") | cited))
    assert [event.citation.url for event in events if isinstance(event, hub.Cited)] == cited["citations"]


def test_log_probabilities_come_with_their_delta() -> None:
    """As raw as they came."""
    chunk = delta("stop", content="a")
    chunk["choices"][0]["logprobs"] = {"content": []}
    events = events_of(sse(chunk))
    assert hub.LogProbs(logprobs=msgspec.Raw(b'{"content": []}')) in events
