import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.values import Usage
from engine.wire import sse
from engine.wire.fold import fold, spread
from engine.wire.gemini.stream import Decoder
from engine.wire.gemini.writer import Encoder


def written(*events: hub.Event, array: bool = False, model: str = "m") -> bytes:
    encoder = Encoder(model=model, array=array)
    return b"".join(encoder.encode(event) for event in events) + encoder.close()


def chunks(*events: hub.Event) -> list[dict[str, Any]]:
    out = written(*events).replace(b"\r\n", b"\n")
    return [json.loads(sse.data_of(event)) for event in sse.events(out)]


def parts(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for each in told for one in each["candidates"] for part in one.get("content", {}).get("parts", ())]


def read(body: bytes) -> hub.Reply:
    decoder = Decoder()
    return fold(decoder.feed(body) + decoder.close())


ANSWER: list[hub.Event] = [
    hub.Opened(id="r", model="upstream"),
    hub.ThinkingDelta(text="hmm"),
    hub.ThinkingSigned(signature="s", origin="anthropic"),
    hub.TextDelta(text="a"),
    hub.Finished(finish=hub.Finish.STOP, finish_raw="end_turn"),
    hub.Metered(usage=Usage(input=1, output=2)),
]


def test_the_last_chunk_says_why_and_how_much() -> None:
    """One finish and one count, both at the end, and the provider's name for the model in each chunk."""
    told = chunks(*ANSWER)
    assert [("finishReason" in each["candidates"][0], "usageMetadata" in each) for each in told] == [
        (False, False),
        (False, False),
        (False, False),
        (True, True),
    ]
    assert {(each["modelVersion"], each["responseId"]) for each in told} == {("upstream", "r")}
    assert told[-1]["candidates"][0]["finishReason"] == "STOP"


def test_an_array_is_one_value() -> None:
    """For callers who did not ask for `alt=sse`."""
    assert json.loads(written(*ANSWER, array=True)) == chunks(*ANSWER)
    assert json.loads(written(array=True)) == chunks()


def test_a_call_goes_out_whole() -> None:
    """When its arguments are; calls whose pieces come mixed stay apart."""
    encoder = Encoder(model="m")
    assert encoder.encode(hub.CallOpened(call=0, id="x", name="f", signature="s")) == b""
    assert encoder.encode(hub.CallDelta(call=0, arguments='{"a":')) == b""
    assert encoder.encode(hub.CallOpened(call=1, id="y", name="g")) == b""
    assert encoder.encode(hub.CallDelta(call=1, arguments="{}")) == b""
    assert encoder.encode(hub.CallDelta(call=9, arguments="never opened")) == b""
    assert encoder.encode(hub.CallDelta(call=0, arguments="1}")) == b""
    assert b'"args":{"a":1}' in encoder.encode(hub.TextDelta(text="after"))
    assert encoder.close().count(b"functionCall") == 0


def test_calls_that_are_never_whole_end_all_the_same() -> None:
    """Arguments that were cut off, and none at all."""
    told = parts(
        chunks(
            hub.CallOpened(call=0, id="x", name="f"),
            hub.CallDelta(call=0, arguments='{"a":'),
            hub.CallOpened(call=1, id="y", name="g"),
            hub.Finished(finish=hub.Finish.LENGTH),
        )
    )
    assert [part["functionCall"]["args"] for part in told] == [{"input": '{"a":'}, {}]


def test_events_hold_no_line_ends() -> None:
    """Not even where arguments, or what Gemini said, were indented."""
    out = written(
        hub.CallOpened(call=0, id="x", name="f"),
        hub.CallDelta(call=0, arguments='{\n  "a": 1\n}'),
        hub.Foreign(protocol="gemini", kind="executableCode", raw=msgspec.Raw(b'{\n"executableCode": {}\r\n}')),
        hub.Foreign(protocol="gemini", kind="groundingMetadata", raw=msgspec.Raw(b'{"groundingMetadata": {\n}}')),
        hub.Finished(finish=hub.Finish.TOOL_CALLS),
    )
    assert all(line.startswith(b"data: ") and line.endswith(b"}") for line in out.split(b"\r\n") if line)


def test_an_answer_without_an_end_gets_one() -> None:
    """Nobody said why it ended, and it ended cleanly: Gemini's word for that is STOP, calls or not."""
    call = hub.CallOpened(call=0, id="x", name="f")
    assert chunks(hub.TextDelta(text="a"))[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks(hub.Opened())[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks(call, hub.CallDelta(call=0, arguments="{}"))[-1]["candidates"][0]["finishReason"] == "STOP"


def test_citations_are_told_at_the_end() -> None:
    """In bytes of the text; where Gemini's own words came, those are enough."""
    cited = hub.Cited(citation=hub.Citation(url="https://a", start=0, end=1))
    end = hub.Finished(finish=hub.Finish.STOP)
    [candidate] = chunks(hub.TextDelta(text="éb"), cited, end)[-1]["candidates"]
    assert candidate["groundingMetadata"]["groundingSupports"][0]["segment"]["endIndex"] == 2
    own = hub.Foreign(protocol="gemini", kind="groundingMetadata", raw=msgspec.Raw(b'{"groundingMetadata":{}}'))
    [candidate] = chunks(hub.TextDelta(text="éb"), cited, own, end)[-1]["candidates"]
    assert "groundingMetadata" not in candidate


def test_what_has_no_place_says_nothing() -> None:
    """Other protocols' content, empty words, and log-probabilities that cannot be read."""
    foreign = hub.Foreign(protocol="anthropic", kind="ping", raw=msgspec.Raw(b"{}"))
    silent: list[hub.Event] = [foreign, hub.TextDelta(text=""), hub.ThinkingDelta(text=""), hub.RefusalDelta(text="")]
    assert len(chunks(*silent, hub.LogProbs(logprobs=msgspec.Raw(b"[]")), hub.Finished(finish=hub.Finish.STOP))) == 1


TEXTS = st.text(min_size=1, max_size=5)
EVENTS: st.SearchStrategy[hub.Event] = st.one_of(
    st.builds(hub.Opened, id=TEXTS),
    st.builds(hub.TextDelta, text=TEXTS, choice=st.integers(0, 1)),
    st.builds(hub.ThinkingDelta, text=TEXTS),
    st.builds(hub.ThinkingSigned, signature=TEXTS, origin=st.just("anthropic")),
    st.builds(hub.CallOpened, call=st.integers(0, 2), id=TEXTS, name=TEXTS, choice=st.integers(0, 1)),
    st.builds(hub.CallDelta, call=st.integers(0, 2), arguments=st.sampled_from(["{}", '{"a"', ":1}"])),
    st.builds(hub.RefusalDelta, text=TEXTS),
    st.builds(hub.Cited, citation=st.builds(hub.Citation, url=TEXTS, end=st.none() | st.integers(0, 9))),
    st.builds(hub.MediaArrived, media=st.just(hub.Media(kind="image", data="QQ=="))),
    st.builds(hub.Finished, finish=st.sampled_from(hub.Finish), choice=st.integers(0, 1)),
    st.builds(hub.Metered, usage=st.builds(Usage, output=st.integers(0, 9))),
)


@settings(max_examples=100)
@given(events=st.lists(EVENTS, max_size=8), array=st.booleans())
def test_any_order_of_events_is_a_stream(events: list[hub.Event], array: bool) -> None:
    """It can be read to its end, with one finish for each answer."""
    decoder = Decoder()
    out = written(*events, array=array)
    got = decoder.feed(out) + decoder.close()
    assert not any(isinstance(event, hub.Failed) for event in got)
    finished = [event.choice for event in got if isinstance(event, hub.Finished)]
    assert len(finished) == len(set(finished)) >= 1


PARTS: st.SearchStrategy[hub.Part] = st.one_of(
    st.builds(hub.Text, text=TEXTS, signature=st.sampled_from(["", "s"])),
    st.builds(hub.Thinking, text=TEXTS, signature=TEXTS, origin=st.sampled_from(["gemini", "anthropic"])),
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=st.sampled_from(["{}", '{"a": [1]}'])),
    st.just(hub.Media(kind="image", data="QUJD", media_type="image/png")),
)


def apart(some: list[hub.Part]) -> bool:
    """Whether no two neighbours would be told as one."""
    return all(type(a) is not type(b) or not isinstance(a, hub.Text) for a, b in pairwise(some))


@settings(max_examples=100)
@given(some=st.lists(PARTS, min_size=1, max_size=4).filter(apart), array=st.booleans())
def test_streams_come_back(some: list[hub.Part], array: bool) -> None:
    """A stream that is written and read tells the same answer, in the same order."""
    calls = any(isinstance(part, hub.ToolCall) for part in some)
    finish = hub.Finish.TOOL_CALLS if calls else hub.Finish.STOP
    choice = hub.Choice(parts=tuple(some), finish=finish, finish_raw="STOP")
    reply = hub.Reply(id="r", model="m", choices=(choice,), usage=Usage(input=1, output=2))
    assert read(written(*spread(reply), array=array)) == reply


@pytest.mark.parametrize(
    "media", [hub.Media(kind="audio", url="https://a/b.mp3"), hub.Media(kind="file", file_id="f-1")]
)
def test_media_of_any_kind_go_out(media: hub.Media) -> None:
    """By reference where there is no content."""
    assert parts(chunks(hub.MediaArrived(media=media)))[0]["fileData"]["fileUri"] == media.url or media.file_id
