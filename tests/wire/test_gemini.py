"""Recorded shapes of Gemini and Vertex, one folder each: what comes in, what it means, what goes out again.

`upstream.sse` or `upstream.json` is a provider's answer, `request.json` a caller's body. `said.json` is what the hub
makes of it, and `client.sse`, `client.json` or `sent.json` that, written again: all golden. Adding a case is adding a
folder. Line ends of `client.sse` are CRLF on the wire and LF in the file.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import UpstreamFault
from engine.wire.gemini.envelope import finish, read_envelope
from engine.wire.gemini.error import read_reply_error
from engine.wire.gemini.reply import decode_reply, encode_reply
from engine.wire.gemini.request import decode_request, encode_request
from engine.wire.gemini.stream import Decoder, Encoder

CASES = Path(__file__).parent / "gemini"
STREAMS = sorted(path.parent.name for path in CASES.glob("*/upstream.sse"))
WHOLE = sorted(path.parent.name for path in CASES.glob("*/upstream.json"))
REQUESTS = sorted(path.parent.name for path in CASES.glob("*/request.json"))
Golden = Callable[[Path, str], None]


def plain(value: Any) -> Any:
    """A hub value as JSON: what it is, and whatever of it is not the default."""
    if isinstance(value, msgspec.Struct):
        fields = {field.name: field for field in msgspec.structs.fields(value)}
        told = {name: getattr(value, name) for name in fields}
        return {"is": type(value).__name__} | {
            name: plain(each) for name, each in told.items() if each != fields[name].default and each not in ((), {})
        }
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return {name: plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def text(value: object) -> str:
    return json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n"


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def decoded(case: str, size: int) -> tuple[list[hub.Event], str | None]:
    """The events of a case that comes in pieces of *size* bytes, and how it broke off."""
    decoder = Decoder()
    events = [
        event for piece in pieces((CASES / case / "upstream.sse").read_bytes(), size) for event in decoder.feed(piece)
    ]
    try:
        return events + decoder.close(), None
    except UpstreamFault as fault:
        return events, f"{fault.kind}: {fault.detail}"


@pytest.mark.parametrize("case", STREAMS)
def test_streams_mean_what_is_written(case: str, golden: Golden) -> None:
    """What a recorded shape of stream says, and what a caller of Gemini's own protocol gets of it."""
    events, raised = decoded(case, 1 << 20)
    golden(CASES / case / "said.json", text({"events": events, "raised": raised}))
    encoder = Encoder(model="caller-model")
    out = b"".join(encoder.encode(event) for event in events)
    if raised is None and not isinstance(events[-1], hub.Failed):
        out += encoder.close()
    golden(CASES / case / "client.sse", out.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("case", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_cuts_do_not_matter(case: str, size: int) -> None:
    """However a stream is cut on its way, it says the same."""
    assert decoded(case, size) == decoded(case, 1 << 20)


@pytest.mark.parametrize("case", WHOLE)
def test_whole_answers_mean_what_is_written(case: str, golden: Golden) -> None:
    """What a recorded shape of answer says, and what a caller of Gemini's own protocol gets of it."""
    body = (CASES / case / "upstream.json").read_bytes()
    if error := read_reply_error(body):
        golden(CASES / case / "said.json", text(error))
        return
    reply = decode_reply(body)
    golden(CASES / case / "said.json", text(reply))
    golden(CASES / case / "client.json", text(json.loads(encode_reply(reply))))


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_mean_what_is_written(case: str, golden: Golden) -> None:
    """What a caller asks, and what is sent to a provider when it is written again."""
    envelope = read_envelope((CASES / case / "request.json").read_bytes(), model="gemini-2.5-flash", stream=False)
    request = decode_request(envelope.fields)
    golden(CASES / case / "said.json", text(request))
    fields, dropped = encode_request(request)
    assert dropped == ()
    golden(CASES / case / "sent.json", text(json.loads(finish(fields, model=envelope.model, stream=False))))


def test_every_case_says_why() -> None:
    """Each folder names the fact that it stands for."""
    assert all((case / "why.txt").read_text().strip() for case in CASES.iterdir())
