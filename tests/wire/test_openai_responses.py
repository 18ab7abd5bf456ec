"""Shapes of OpenAI's Responses API, one folder each: what comes in, what it means, what goes out again.

`client.json` is a caller's body, `upstream.sse` or `upstream.json` a provider's answer; `hub.json` is what was
understood, `request.json`, `client.sse` and `reply.json` what is written of it, `relayed.json` what a provider of the
same protocol gets: golden. Adding a case is adding a folder.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent

from engine import hub
from engine.errors import UpstreamFault
from engine.wire import sse
from engine.wire.fold import fold
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.envelope import finish, read_envelope
from engine.wire.openai_responses.error import read_reply_error
from engine.wire.openai_responses.reply import decode_reply, encode_reply
from engine.wire.openai_responses.request import decode_request, encode_request
from engine.wire.openai_responses.response import echoed
from engine.wire.openai_responses.stream import Decoder, Encoder

CASES = Path(__file__).parent / "openai_responses"
STREAMS = sorted(path.parent.name for path in CASES.glob("*/upstream.sse"))
WHOLE = sorted(path.parent.name for path in CASES.glob("*/upstream.json"))
REQUESTS = sorted(path.parent.name for path in CASES.glob("*/client.json"))
TYPES = {get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(get_args(ResponseStreamEvent)[0])}
"""openai-python's types of events, by `type`."""
Golden = Callable[[Path, str], None]


def shown(value: object) -> Any:
    """*value* for reading: what it is, and the fields that say something."""
    if isinstance(value, msgspec.Struct):
        fields = {field.name: (getattr(value, field.name), field) for field in msgspec.structs.fields(value)}
        told = {name: shown(each) for name, (each, field) in fields.items() if each != field.default}
        return {"is": type(value).__name__, **told}
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    if isinstance(value, Mapping):
        return {name: shown(each) for name, each in value.items()}
    return [shown(each) for each in value] if isinstance(value, list | tuple) else value


def text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def decoded(data: bytes, size: int) -> tuple[list[hub.Event], str]:
    """The events of a stream that comes in pieces of *size* bytes, and the fault it ends with."""
    decoder = Decoder()
    events = [event for piece in pieces(data, size) for event in decoder.feed(piece)]
    try:
        return events + decoder.close(), ""
    except UpstreamFault as fault:
        return events, f"{fault.kind}: {fault.detail}"


@pytest.mark.parametrize("case", STREAMS)
def test_streams_are_read_and_written_again(case: str, golden: Golden) -> None:
    """A stream means what the golden file says, however it is cut, and goes out in OpenAI's order and types."""
    data = (CASES / case / "upstream.sse").read_bytes()
    events, raised = decoded(data, len(data))
    encoder = Encoder(model="demo")
    out = b"".join(map(encoder.encode, events)) + (b"" if raised else encoder.close())

    golden(CASES / case / "hub.json", text({"events": shown(events), "raised": raised}))
    golden(CASES / case / "client.sse", out.decode())
    for size in (1, 7, 64):
        assert decoded(data, size) == (events, raised)
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for number, event in enumerate(sse.events(out)):
        said = msgspec.json.decode(sse.data_of(event))
        assert event.startswith(f"event: {said['type']}\n".encode())
        read = TYPES[said["type"]].model_validate(said)
        assert read.sequence_number == number
        state.handle_event(read)


@pytest.mark.parametrize("case", [case for case in STREAMS if (CASES / case / "client.sse").exists()])
def test_streams_that_are_written_mean_the_same(case: str) -> None:
    """Read once more, what goes out to a caller tells the same answer."""
    data = (CASES / case / "upstream.sse").read_bytes()
    events, raised = decoded(data, len(data))
    if raised or any(isinstance(event, hub.Failed) for event in events):
        return
    sent = (CASES / case / "client.sse").read_bytes()
    again, _ = decoded(sent, len(sent))
    assert unnamed(fold(again)) == unnamed(fold(events))


def unnamed(reply: hub.Reply) -> hub.Reply:
    """*reply* without the ids of thoughts: that of an item whose seal comes last is sent before it is known."""
    choices = tuple(
        msgspec.structs.replace(
            choice,
            parts=tuple(
                msgspec.structs.replace(part, id="") if isinstance(part, hub.Thinking) else part
                for part in choice.parts
            ),
        )
        for choice in reply.choices
    )
    return msgspec.structs.replace(reply, choices=choices)


@pytest.mark.parametrize("case", WHOLE)
def test_whole_answers_are_read_and_written_again(case: str, golden: Golden) -> None:
    """A whole answer means what the golden file says, is written valid for openai-python, and then means the same."""
    body = (CASES / case / "upstream.json").read_bytes()
    error = read_reply_error(body)
    try:
        reply = decode_reply(body)
    except UpstreamFault as fault:
        golden(CASES / case / "hub.json", text({"raised": f"{fault.kind}: {fault.detail}"}))
        return
    golden(CASES / case / "hub.json", text({"reply": shown(reply), "error": shown(error)}))
    again = encode_reply(reply)
    golden(CASES / case / "reply.json", msgspec.json.format(again, indent=2).decode() + "\n")
    Response.model_validate_json(again)
    assert decode_reply(again) == reply


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_are_read_and_written_again(case: str, golden: Golden) -> None:
    """A request means what the golden file says, and the same when it was written once more."""
    envelope = read_envelope((CASES / case / "client.json").read_bytes())
    request = decode_request(envelope.fields)
    encoded = encode_request(request)
    body = finish(encoded.fields, model="up-1", stream=request.stream)

    seen = {name: value for name, value in shown(envelope).items() if name != "fields"}
    golden(CASES / case / "hub.json", text({"request": shown(request), "envelope": seen, "dropped": encoded.dropped}))
    golden(CASES / case / "request.json", msgspec.json.format(body, indent=2).decode() + "\n")
    golden(
        CASES / case / "relayed.json",
        msgspec.json.format(finish(envelope.fields, model="up-1", stream=envelope.stream), indent=2).decode() + "\n",
    )
    again = decode_request(encoded.fields)
    assert msgspec.structs.replace(again, model=request.model, stream=request.stream) == pristine(request)


def pristine(request: hub.Request) -> hub.Request:
    """*request* without what is ours and not for a provider: our wishes are not part of the protocol."""
    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(part for part in message.parts if not sealed(part)))
        for message in request.messages
    )
    bare = tuple(
        msgspec.structs.replace(
            message,
            parts=tuple(
                msgspec.structs.replace(part, signature="") if isinstance(part, hub.ToolCall) else part
                for part in message.parts
            ),
        )
        for message in messages
    )
    return msgspec.structs.replace(request, messages=bare)


def sealed(part: hub.Part) -> bool:
    return isinstance(part, hub.Thinking) and part.origin != PROTOCOL


@pytest.mark.parametrize("case", WHOLE)
def test_answers_repeat_their_request(case: str) -> None:
    """An answer with what a request said is valid for openai-python, and repeats it."""
    envelope = read_envelope((CASES / "request-everything" / "client.json").read_bytes())
    try:
        reply = decode_reply((CASES / case / "upstream.json").read_bytes())
    except UpstreamFault:
        return
    answer = Response.model_validate_json(encode_reply(reply, echo=echoed(envelope.fields)))
    assert answer.instructions == "Be brief."
    assert answer.max_output_tokens == 100
    assert len(answer.tools) == 3
