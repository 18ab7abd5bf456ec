"""The recorded shapes of `openai_chat`, read to the hub and written again.

`events.json` and `reply.json` are what the hub holds of an answer, `again.sse` and `again.json` what a caller of this
protocol would be sent of it, `asked.json` what a provider of it would be asked. All are golden.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import UpstreamFault
from engine.wire.fold import fold
from engine.wire.openai_chat import envelope
from engine.wire.openai_chat.error import read_reply_error
from engine.wire.openai_chat.reply import decode_reply, encode_reply
from engine.wire.openai_chat.request import decode_request, encode_request
from engine.wire.openai_chat.stream import Decoder, Encoder

CASES = Path(__file__).parent / "openai_chat"
STREAMS = sorted(path.parent.name for path in CASES.glob("*/upstream.sse"))
WHOLE = sorted(path.parent.name for path in CASES.glob("*/upstream.json"))
Golden = Callable[[Path, str], None]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def decoded(data: bytes, size: int = 1 << 20) -> tuple[list[hub.Event], str]:
    """The events of a stream that comes in pieces of *size* bytes, and how it broke off, if it did."""
    decoder = Decoder()
    events = [event for piece in pieces(data, size) for event in decoder.feed(piece)]
    try:
        return events + decoder.close(), ""
    except UpstreamFault as fault:
        return events, f"{fault.kind}: {fault.detail}"


def encoded(events: list[hub.Event], *, ask_usage: bool) -> bytes:
    encoder = Encoder(model="org/model", ask_usage=ask_usage)
    return b"".join(map(encoder.encode, events)) + encoder.close()


def plain(value: Any) -> Any:
    """*value* as JSON, without what is not said; an event has its name."""
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    if isinstance(value, msgspec.Struct):
        unset = {field.name: field.default for field in msgspec.structs.fields(value)}
        said = {name: plain(given) for name, given in msgspec.structs.asdict(value).items() if given != unset[name]}
        return {type(value).__name__: said}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return {name: plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(plain(value)), indent=2).decode() + "\n"


@pytest.mark.parametrize("case", STREAMS)
def test_streams_are_read_to_events(case: str, golden: Golden) -> None:
    """What the hub learns of a recorded shape is what the file says."""
    events, broke = decoded((CASES / case / "upstream.sse").read_bytes())
    golden(CASES / case / "events.json", text([*events, broke] if broke else events))


@pytest.mark.parametrize("case", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_cuts_do_not_matter(case: str, size: int) -> None:
    """However the answer is cut on its way, the events are the same."""
    data = (CASES / case / "upstream.sse").read_bytes()
    assert decoded(data, size) == decoded(data)


def answered(case: str) -> bool:
    """Whether the recorded shape is of an answer; one that failed is not written."""
    events, broke = decoded((CASES / case / "upstream.sse").read_bytes())
    return not broke and not isinstance(events[-1], hub.Failed)


@pytest.mark.parametrize("case", [case for case in STREAMS if answered(case)])
def test_streams_are_written_again(case: str, golden: Golden) -> None:
    """A caller of the protocol gets OpenAI's own shape, whatever the look-alike's was, and the same answer."""
    events, _ = decoded((CASES / case / "upstream.sse").read_bytes())
    asks = envelope.read_envelope((CASES / case / "client.json").read_bytes()).asks_usage
    again = encoded(events, ask_usage=asks)
    golden(CASES / case / "again.sse", again.decode())
    assert words(fold(decoded(again)[0])) == words(fold(events))


def words(reply: hub.Reply) -> list[tuple[int, list[hub.Part], hub.Finish]]:
    """What was said, by choice, in an order of kinds. A finish that is missing is made up by the format."""
    return [
        (
            choice.index,
            sorted(choice.parts, key=lambda part: type(part).__name__),
            choice.finish or made_up(choice.parts),
        )
        for choice in reply.choices
    ]


def made_up(parts: tuple[hub.Part, ...]) -> hub.Finish:
    has_calls = any(isinstance(part, hub.ToolCall) for part in parts)
    return hub.Finish.TOOL_CALLS if has_calls else hub.Finish.STOP


@pytest.mark.parametrize("case", WHOLE)
def test_whole_answers_are_read_and_written_again(case: str, golden: Golden) -> None:
    """What the hub holds of a whole answer, and what a caller of the protocol gets of it, is what the files say."""
    body = (CASES / case / "upstream.json").read_bytes()
    try:
        reply = None if read_reply_error(body) else decode_reply(body)
    except UpstreamFault as fault:
        golden(CASES / case / "reply.json", text([f"{fault.kind}: {fault.detail}"]))
        return
    if reply is not None:
        golden(CASES / case / "reply.json", text(reply))
        again = encode_reply(reply)
        golden(CASES / case / "again.json", msgspec.json.format(again, indent=2).decode() + "\n")
        assert words(decode_reply(again)) == words(reply)


@pytest.mark.parametrize("case", sorted({*STREAMS, *WHOLE}))
def test_requests_are_read_and_written_again(case: str, golden: Golden) -> None:
    """What a provider is asked, when the request has been to the hub, is what the file says; nothing is lost."""
    fields = envelope.read_envelope((CASES / case / "client.json").read_bytes()).fields
    request = decode_request(fields)
    again, dropped = encode_request(request)
    golden(CASES / case / "asked.json", msgspec.json.format(msgspec.json.encode(again), indent=2).decode() + "\n")
    assert decode_request(again | {name: fields[name] for name in ("model", "stream") if name in fields}) == request
    assert not dropped
