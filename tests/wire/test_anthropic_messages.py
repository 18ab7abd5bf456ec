"""Shapes of the Messages API, one folder each: what comes in, what is read, what goes out again.

`upstream.sse` and `upstream.json` are a provider's answers, `request.json` a caller's body; `said.json` (what was read)
and `client.sse`, `client.json`, `sent.json` (the same, written again) are golden. Adding a case is adding a folder.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest, UpstreamFault
from engine.values import Usage
from engine.wire.anthropic_messages.envelope import finish, read_envelope
from engine.wire.anthropic_messages.error import read_error, read_reply_error
from engine.wire.anthropic_messages.reply import decode_reply, encode_reply
from engine.wire.anthropic_messages.request import decode_request, encode_request
from engine.wire.anthropic_messages.stream import Decoder, Encoder
from engine.wire.fold import fold, spread
from tests.spelled import spelled

CASES = Path(__file__).parent / "anthropic_messages"
STREAMS = sorted(path.parent.name for path in CASES.glob("*/upstream.sse"))
WHOLE = sorted(path.parent.name for path in CASES.glob("*/upstream.json"))
REQUESTS = sorted(path.parent.name for path in CASES.glob("*/request.json"))
Golden = Callable[[Path, str], None]


def text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(spelled(value)), indent=2).decode() + "\n"


def told(event: hub.Event) -> dict[str, Any]:
    """An event by name, and what of it is not at its default."""
    fields = {field.name: field.default for field in msgspec.structs.fields(event)}
    values = {name: getattr(event, name) for name in fields}
    return {type(event).__name__: {name: value for name, value in values.items() if value != fields[name]}}


def decoded(pieces: list[bytes]) -> tuple[list[hub.Event], str | None]:
    """The events of a stream that comes in *pieces*, and the fault that its end raised."""
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    try:
        events += decoder.close()
    except UpstreamFault as fault:
        return events, f"{fault.kind}: {fault.detail}"
    return events, None


def encoded(events: list[hub.Event]) -> bytes:
    encoder = Encoder(model="asked-1", input_tokens=7)
    return b"".join([*map(encoder.encode, events), encoder.close()])


@pytest.mark.parametrize("case", STREAMS)
def test_streams_are_read_and_written(case: str, golden: Golden) -> None:
    """What is read of a stream, and what a caller gets of it, is what the files say."""
    events, raised = decoded([(CASES / case / "upstream.sse").read_bytes()])
    golden(CASES / case / "said.json", text({"events": [told(event) for event in events], "raised": raised}))
    golden(CASES / case / "client.sse", encoded(events).decode() if raised is None else "")


@pytest.mark.parametrize("case", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_cuts_do_not_matter(case: str, size: int) -> None:
    """However the answer is cut on its way, the same events are read."""
    data = (CASES / case / "upstream.sse").read_bytes()
    assert decoded([data[at : at + size] for at in range(0, len(data), size)]) == decoded([data])


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 4000), max_size=8))
@settings(max_examples=60)
def test_cuts_at_random(case: str, cuts: list[int]) -> None:
    """Whatever the cuts, the same events are read."""
    data = (CASES / case / "upstream.sse").read_bytes()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert decoded([data[a:b] for a, b in pairwise(edges)]) == decoded([data])


@pytest.mark.parametrize("case", STREAMS)
def test_what_is_written_keeps_the_grammar(case: str) -> None:
    """One block is open at a time, numbered in order, with one stop reason and one end; and it reads the same."""
    events, raised = decoded([(CASES / case / "upstream.sse").read_bytes()])
    if raised or any(isinstance(event, hub.Failed) for event in events):
        return
    sent = encoded(events)
    assert_grammar(sent)
    again, raised = decoded([sent])
    assert raised is None
    assert words(fold(again)) == words(fold(events))


def words(reply: hub.Reply) -> tuple[Any, ...]:
    """A reply without the spans of its citations, which widen where blocks are joined."""
    choice = reply.choices[0]
    parts = [
        msgspec.structs.replace(
            part, citations=tuple(msgspec.structs.replace(each, start=None, end=None) for each in part.citations)
        )
        if isinstance(part, hub.Text)
        else part
        for part in choice.parts
    ]
    return parts, choice.finish, choice.stop_sequence, reply.usage, reply.id, reply.model


def assert_grammar(sent: bytes) -> None:
    """`message_start (start delta* stop)* message_delta message_stop`, each event named as its type."""
    opened: int | None = None
    blocks, order = 0, []
    for block in sent.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        event = msgspec.json.decode(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        match event["type"]:
            case "content_block_start":
                assert opened is None
                assert event["index"] == blocks
                opened, blocks = blocks, blocks + 1
            case "content_block_delta":
                assert event["index"] == opened
            case "content_block_stop":
                assert event["index"] == opened
                opened = None
            case kind:
                assert opened is None
                order.append(kind)
    assert order == ["message_start", "message_delta", "message_stop"]


@pytest.mark.parametrize("case", WHOLE)
def test_whole_answers_are_read_and_written(case: str, golden: Golden) -> None:
    """What is read of a whole answer, and what a caller gets of it, is what the files say."""
    body = (CASES / case / "upstream.json").read_bytes()
    assert read_reply_error(body) is None
    try:
        reply = decode_reply(body)
    except UpstreamFault as fault:
        golden(CASES / case / "said.json", text({"raised": str(fault.kind)}))
        return
    golden(CASES / case / "said.json", text(reply))
    golden(CASES / case / "client.json", text(msgspec.Raw(encode_reply(reply))))
    assert decode_reply(encode_reply(reply)) == reply


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_are_read_and_written(case: str, golden: Golden) -> None:
    """What is read of a request, and what a provider of the same protocol gets, is what the files say."""
    request = decode_request(read_envelope((CASES / case / "request.json").read_bytes()).fields)
    sent = encode_request(request)
    body = finish(sent.fields, model="up-1", stream=request.stream)
    golden(CASES / case / "said.json", text(request))
    golden(CASES / case / "sent.json", text(msgspec.Raw(body)))
    assert sent.dropped == ()
    again = decode_request(read_envelope(body).fields)
    assert msgspec.structs.replace(again, model=request.model) == request


def test_every_case_says_why() -> None:
    """Each folder names the provider or the fact that it stands for."""
    assert all((case / "why.txt").read_text().strip() for case in CASES.iterdir())


# Laws. What this protocol can express comes back the same, whole and as a stream.

some_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
word = st.from_regex(r"[a-z0-9_-]{1,8}", fullmatch=True)
raws = st.sampled_from([b"{}", b'{"a":1}', b'{"a":[true,null]}']).map(msgspec.Raw)

texts = st.builds(hub.Text, text=some_text)
thoughts = st.builds(
    hub.Thinking,
    text=some_text,
    signature=word,
    origin=st.sampled_from(["anthropic", "gemini", "openai-responses"]),
)
withheld = st.builds(
    hub.Thinking, redacted=word, origin=st.just("openai-responses"), id=st.sampled_from(["rs_1", "rs_2"])
)
calls = st.builds(hub.ToolCall, id=word, name=word, arguments=st.sampled_from(["{}", '{"a":1}', '{"b":"\\n"}']))
foreign = st.builds(
    hub.Foreign,
    protocol=st.just("anthropic"),
    kind=st.just("server_tool_use"),
    raw=st.sampled_from([b'{"type":"server_tool_use","id":"s","name":"n","input":{"q":1}}']).map(msgspec.Raw),
)
finishes = st.sampled_from(
    [
        (hub.Finish.STOP, "end_turn", ""),
        (hub.Finish.STOP, "stop_sequence", "END"),
        (hub.Finish.LENGTH, "max_tokens", ""),
        (hub.Finish.LENGTH, "model_context_window_exceeded", ""),
        (hub.Finish.PAUSE, "pause_turn", ""),
        (hub.Finish.CONTENT_FILTER, "refusal", ""),
    ]
)
usages = st.builds(
    Usage,
    input=st.integers(0, 99),
    cached_input=st.integers(0, 99),
    cache_write=st.integers(0, 99),
    output=st.integers(0, 99),
    reasoning=st.integers(0, 99),
)


def with_spans(parts: list[hub.Part]) -> tuple[hub.Part, ...]:
    """The parts without neighbouring texts, which a stream cannot tell apart."""
    return tuple(
        part
        for before, part in zip([None, *parts], parts, strict=False)
        if not (isinstance(before, hub.Text) and isinstance(part, hub.Text))
    )


@st.composite
def replies(draw: st.DrawFn) -> hub.Reply:
    parts = with_spans(draw(st.lists(texts | thoughts | withheld | calls | foreign, max_size=5)))
    finish, raw, sequence = draw(finishes)
    if parts and isinstance(parts[-1], hub.ToolCall):
        finish, raw, sequence = hub.Finish.TOOL_CALLS, "tool_use", ""
    choice = hub.Choice(parts=parts, finish=finish, finish_raw=raw, stop_sequence=sequence)
    return hub.Reply(id="msg_1", model="m", choices=(choice,), usage=draw(usages))


@given(replies(), st.dictionaries(st.just("container"), raws))
@settings(max_examples=80)
def test_replies_come_back(reply: hub.Reply, extra: dict[str, hub.Json]) -> None:
    """A reply that is written and read is the same reply, with what only this protocol knows."""
    own = msgspec.structs.replace(reply, origin="anthropic", extra=extra, service_tier="default")
    assert decode_reply(encode_reply(own)) == own


@given(replies())
@settings(max_examples=80)
def test_streams_come_back(reply: hub.Reply) -> None:
    """A reply that is told as a stream and folded is the same reply."""
    sent = encoded(list(spread(reply)))
    assert_grammar(sent)
    events, raised = decoded([sent])
    assert raised is None
    assert fold(events) == reply


anything = (
    st.builds(hub.Opened, id=word)
    | st.builds(hub.TextDelta, text=some_text, choice=st.integers(0, 1))
    | st.builds(hub.ThinkingDelta, text=some_text)
    | st.builds(hub.ThinkingSigned, signature=word, redacted=st.sampled_from(["", "x"]), origin=word)
    | st.builds(hub.CallOpened, call=st.integers(0, 3), id=word, name=word, custom=st.booleans())
    | st.builds(hub.CallDelta, call=st.integers(0, 3), arguments=st.sampled_from(["", "{}", '{"a"', ":1}", "free"]))
    | st.builds(hub.RefusalDelta, text=some_text)
    | st.builds(hub.Cited, citation=st.builds(hub.Citation, url=word))
    | st.builds(hub.MediaArrived, media=st.builds(hub.Media, kind=st.just("image"), data=word))
    | st.builds(hub.LogProbs, logprobs=raws)
    | foreign
    | st.builds(hub.Finished, finish=st.sampled_from(list(hub.Finish)), finish_raw=word)
    | st.builds(hub.Metered, usage=usages)
)


@given(st.lists(anything, max_size=12))
@settings(max_examples=150)
def test_any_order_of_events_keeps_the_grammar(events: list[hub.Event]) -> None:
    """Whatever events come in whatever order, what goes out is a valid stream, and no answer's text is lost."""
    sent = encoded(events)
    assert_grammar(sent)
    again, raised = decoded([sent])
    assert raised is None
    said = "".join(event.text for event in events if isinstance(event, hub.TextDelta) and event.choice == 0)
    got = "".join(event.text for event in again if isinstance(event, hub.TextDelta))
    assert said in got or any(isinstance(event, hub.MediaArrived) for event in events)


@given(st.binary(max_size=60), st.sampled_from(STREAMS), st.integers(0, 2000), st.integers(1, 30))
@settings(max_examples=150)
def test_no_input_crashes_a_decoder(noise: bytes, case: str, at: int, cut: int) -> None:
    """Bytes of any kind are read, are a failure, or raise a fault; nothing else."""
    data = (CASES / case / "upstream.sse").read_bytes()
    for body in (noise, data[:at] + noise + data[at + cut :], b"data: " + noise + b"\n\n"):
        decoded([body])
        read_error(400, [], body)
        try:
            decode_reply(body)
        except UpstreamFault:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def mutations(value: Any) -> Iterator[Callable[[Any], Any]]:
    """Ways to put something else at each place of *value*."""
    yield lambda new: new
    if isinstance(value, dict):
        for key, each in value.items():
            yield from (lambda new, key=key, inner=inner: {**value, key: inner(new)} for inner in mutations(each))
    if isinstance(value, list):
        for at, each in enumerate(value):
            yield from (
                lambda new, at=at, inner=inner: [*value[:at], inner(new), *value[at + 1 :]] for inner in mutations(each)
            )


@given(st.data(), st.sampled_from([*WHOLE, *REQUESTS]), json_values)
@settings(max_examples=200)
def test_wrong_types_are_faults(data: st.DataObject, case: str, new: Any) -> None:
    """A value of the wrong type anywhere is passed on, or is the provider's or the caller's fault; nothing crashes."""
    path = CASES / case / ("request.json" if case in REQUESTS else "upstream.json")
    ways = list(mutations(msgspec.json.decode(path.read_bytes())))
    body = msgspec.json.encode(ways[data.draw(st.integers(0, len(ways) - 1))](new))
    try:
        if case in REQUESTS:
            encode_request(decode_request(read_envelope(body).fields))
        else:
            encode_reply(decode_reply(body))
    except (BadRequest, UpstreamFault):
        return


@given(st.data(), st.sampled_from(STREAMS), json_values)
@settings(max_examples=150)
def test_wrong_types_in_a_stream_are_faults(data: st.DataObject, case: str, new: Any) -> None:
    """A value of the wrong type in any event is passed over or is a failure; nothing crashes."""
    blocks = (CASES / case / "upstream.sse").read_text().replace("\r", "").split("\n\n")
    lines = [block.partition("data: ")[2] for block in blocks]
    at = data.draw(st.integers(0, len(lines) - 1))
    try:
        ways = list(mutations(msgspec.json.decode(lines[at])))
    except msgspec.DecodeError:
        return
    lines[at] = msgspec.json.encode(ways[data.draw(st.integers(0, len(ways) - 1))](new)).decode()
    events, _ = decoded(["".join(f"data: {line}\n\n" for line in lines).encode()])
    encoded(events)
