from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent

from engine import hub
from engine.errors import OutcomeKind
from engine.values import Outcome, Usage
from engine.wire import sse
from engine.wire.fold import fold, spread
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.stream import Decoder, Encoder

TYPES = {get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(get_args(ResponseStreamEvent)[0])}
"""openai-python's types of events, by `type`."""


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def written(events: list[hub.Event], model: str = "m") -> bytes:
    encoder = Encoder(model=model)
    return b"".join(map(encoder.encode, events)) + encoder.close()


def said(sent: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(sse.data_of(event)) for event in sse.events(sent)]


def read(sent: bytes) -> hub.Reply:
    decoder = Decoder()
    return fold([*decoder.feed(sent), *decoder.close()])


def accumulated(sent: bytes) -> Any:
    """The answer as openai-python puts it together from the events, each of which has to be of its type."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in said(sent):
        state.handle_event(TYPES[event["type"]].model_validate(event))
    return state._completed_response


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)
SEARCH = raw(
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "a"}}
)
ORIGINS = st.sampled_from([PROTOCOL, "anthropic"])
CALL = st.integers(0, 2)
ANY: st.SearchStrategy[hub.Event] = st.one_of(
    st.builds(hub.TextDelta, text=st.just("") | TEXTS),
    st.builds(hub.TextDelta, text=TEXTS, choice=st.just(1)),
    st.builds(hub.ThinkingDelta, text=st.just("") | TEXTS),
    st.builds(hub.ThinkingSigned, signature=TEXTS, origin=ORIGINS),
    st.builds(hub.ThinkingSigned, redacted=TEXTS, origin=ORIGINS, id=st.just("rs_1")),
    st.builds(hub.CallOpened, call=CALL, id=TEXTS, name=TEXTS, custom=st.booleans(), signature=st.just("") | TEXTS),
    st.builds(hub.CallDelta, call=CALL, arguments=TEXTS),
    st.builds(hub.RefusalDelta, text=TEXTS),
    st.builds(hub.Cited, citation=st.sampled_from([hub.Citation(url="https://a.example"), hub.Citation(quote="q")])),
    st.builds(hub.MediaArrived, media=st.sampled_from([hub.Media(kind="image", data="QUJD"), hub.Media(kind="audio")])),
    st.just(
        hub.LogProbs(logprobs=raw({"content": [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]}))
    ),
    st.just(hub.Foreign(protocol=PROTOCOL, kind="web_search_call", raw=SEARCH)),
    st.just(hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=raw({}))),
    st.builds(hub.Finished, finish=st.sampled_from([hub.Finish.STOP, hub.Finish.TOOL_CALLS, hub.Finish.PAUSE])),
    st.just(hub.Metered(usage=Usage(input=1, output=2))),
    st.just(hub.Opened(id="resp_a1", model="up", created=7)),
)


def same_item(event: hub.Event) -> object:
    """What no two events of a stream have in common, where they bring an item with an id of its own."""
    match event:
        case hub.ThinkingSigned(redacted=redacted) if redacted:
            return "rs_1"
        case hub.Foreign(protocol=protocol):
            return protocol
    return id(event)


@settings(max_examples=60)
@given(events=st.lists(ANY, max_size=8, unique_by=same_item))
def test_any_order_of_events_is_a_stream_the_sdk_reads(events: list[hub.Event]) -> None:
    """Items open before their words and close after them, numbers follow one another, and there is one end."""
    sent = written(events)
    told = said(sent)
    answer = accumulated(sent)

    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    kinds = [event["type"] for event in told]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds.count("response.completed") == 1
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done")
    assert kinds.count("response.content_part.added") == kinds.count("response.content_part.done")
    words = "".join(event.text for event in events if isinstance(event, hub.TextDelta) and not event.choice)
    assert answer.output_text == words
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert sorted(map(str, done)) == sorted(map(str, told[-1]["response"]["output"]))


PARTS: st.SearchStrategy[hub.Part] = st.one_of(
    st.builds(hub.Text, text=TEXTS),
    st.builds(hub.Thinking, text=TEXTS, signature=TEXTS, origin=ORIGINS),
    st.builds(hub.Thinking, redacted=TEXTS, origin=ORIGINS, id=st.just("rs_1")),
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=st.just('{"a":1}'), signature=st.just("") | TEXTS),
    st.builds(hub.Refusal, text=TEXTS),
    st.just(hub.Foreign(protocol=PROTOCOL, kind="web_search_call", raw=SEARCH)),
)


@settings(max_examples=100)
@given(parts=st.lists(PARTS, min_size=1, max_size=4))
def test_a_stream_that_is_written_reads_the_same(parts: list[hub.Part]) -> None:
    """Events written and read tell the same answer, whoever signed the thoughts."""
    calls = any(isinstance(part, hub.ToolCall) for part in parts)
    finish = hub.Finish.TOOL_CALLS if calls else hub.Finish.STOP
    choice = hub.Choice(parts=tuple(parts), finish=finish, finish_raw="completed")
    reply = hub.Reply(id="resp_a1", model="m", created=7, choices=(choice,), usage=Usage(input=1, output=2))

    told = fold(spread(reply))
    assert read(written(list(spread(reply)))) == told


def test_calls_whose_arguments_come_in_turns() -> None:
    """They stay open to the end; a call that is told twice is one, and an unknown one is none."""
    events: list[hub.Event] = [
        hub.CallOpened(call=0, id="a", name="f"),
        hub.CallOpened(call=1, id="b", name="g"),
        hub.CallDelta(call=0, arguments='{"x"'),
        hub.CallOpened(call=0, id="a", name="f"),
        hub.CallDelta(call=1, arguments="{}"),
        hub.CallDelta(call=0, arguments=":1}"),
        hub.CallDelta(call=7, arguments="?"),
        hub.CallOpened(call=2, id="c", name="h"),
    ]
    calls = [part for part in read(written(events)).choices[0].parts if isinstance(part, hub.ToolCall)]
    assert [(call.id, call.arguments) for call in calls] == [("a", '{"x":1}'), ("b", "{}"), ("c", "{}")]


def test_the_end_says_why() -> None:
    """An answer that was cut is incomplete, and usage comes with the end, whether it came before or after."""
    usage = hub.Metered(usage=Usage(input=1, output=2))
    finished = hub.Finished(finish=hub.Finish.LENGTH)
    orders: list[list[hub.Event]] = [[usage, finished], [finished, usage]]
    for order in orders:
        last = said(written([hub.TextDelta(text="a"), *order]))[-1]
        assert last["type"] == "response.incomplete"
        assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
        assert last["response"]["usage"]["total_tokens"] == 3


def test_a_failure_is_the_end() -> None:
    """An error event, then the answer as far as it came, failed; nothing follows."""
    encoder = Encoder(model="m")
    outcome = Outcome(kind=OutcomeKind.RATE_LIMITED, message="Slow down.", code="tokens")
    sent = encoder.encode(hub.TextDelta(text="a")) + encoder.encode(hub.Failed(outcome=outcome))

    assert encoder.encode(hub.TextDelta(text="b")) == encoder.close() == b""
    error, failed = said(sent)[-2:]
    assert error["error"] == {"type": "rate_limit_exceeded", "code": "tokens", "message": "Slow down.", "param": None}
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "Slow down."}
    assert failed["sequence_number"] == encoder.sent - 1
    for event in (error, failed):
        TYPES[event["type"]].model_validate(event)


def test_what_an_answer_is_called() -> None:
    """The provider's name for the model and ids made from its own, or ours where it has none."""
    opened = said(written([hub.Opened(id="chatcmpl-9", model="up", created=7), hub.TextDelta(text="a")], model="demo"))
    encoder = Encoder(model="demo", reply_id="resp_ours", created=9)
    unnamed = said(encoder.encode(hub.Opened()) + encoder.close())

    first = opened[0]["response"]
    assert (first["id"], first["model"], first["created_at"]) == ("resp_chatcmpl-9", "up", 7)
    assert opened[2]["item"]["id"] == "msg_chatcmpl-9_0"
    first = unnamed[0]["response"]
    assert (first["id"], first["model"], first["created_at"]) == ("resp_ours", "demo", 9)
