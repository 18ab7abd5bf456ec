"""Recorded shapes of Ollama's chat, one folder each: what comes in, what was read, what is written of it.

`upstream.ndjson` or `upstream.json` is the provider's answer, `request.json` a request of
the protocol's own; `said.json` and what is named `again` or `sent` are golden. Adding a case is
adding a folder.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import UpstreamFault
from engine.wire.fold import fold, spread
from engine.wire.json_edit import Fields
from engine.wire.ollama.reply import decode_reply, encode_reply
from engine.wire.ollama.request import decode_request, encode_request, finish
from engine.wire.ollama.stream import Decoder, Encoder
from tests.spelled import spelled

CASES = Path(__file__).parent / "ollama"
STREAMS = sorted(path.parent.name for path in CASES.glob("*/upstream.ndjson"))
WHOLE = sorted(path.parent.name for path in CASES.glob("*/upstream.json"))
REQUESTS = sorted(path.parent.name for path in CASES.glob("*/request.json"))
Golden = Callable[[Path, str], None]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def lean(value: Any) -> Any:
    """*value* without what says nothing."""
    if isinstance(value, list):
        return [lean(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: lean(each) for name, each in value.items() if each not in (None, "", [], {}, 0, False)}


def shown(value: object) -> Any:
    return lean(msgspec.json.decode(msgspec.json.encode(spelled(value), enc_hook=dict)))


def read(cuts: Iterator[bytes]) -> tuple[list[hub.Event], str]:
    """The events of an answer that comes in *cuts*, and what was raised at its end."""
    decoder = Decoder()
    events = [event for cut in cuts for event in decoder.feed(cut)]
    try:
        events += decoder.close()
    except UpstreamFault as fault:
        return events, f"{fault.kind}: {fault.detail}"
    return events, ""


def upstream(case: str) -> bytes:
    return (CASES / case / "upstream.ndjson").read_bytes()


def written(case: str, events: list[hub.Event]) -> bytes:
    """What goes out for *events*; a clean end only where nothing failed."""
    encoder = Encoder(model="qwen3:8b")
    out = b"".join(encoder.encode(event) for event in events)
    return out if any(isinstance(event, hub.Failed) for event in events) else out + encoder.close()


@pytest.mark.parametrize("case", STREAMS)
def test_streams_are_read_and_written(case: str, golden: Golden) -> None:
    """The events of a recorded shape, and what is written of them, are what the files say."""
    events, raised = read(iter([upstream(case)]))
    said = [{"event": type(event).__name__, **shown(event)} for event in events]
    lines = [msgspec.json.encode(line).decode() for line in [*said, {"raised": raised}]]
    golden(CASES / case / "said.json", "[\n" + ",\n".join(lines) + "\n]\n")
    if not raised:
        golden(CASES / case / "again.ndjson", written(case, events).decode())


@pytest.mark.parametrize("case", STREAMS)
def test_cuts_do_not_matter(case: str) -> None:
    """However an answer is cut on its way, its events are the same, down to single bytes."""
    data, random = upstream(case), Random(case)
    whole = read(iter([data]))
    for size in (1, 7, 64):
        assert read(pieces(data, size)) == whole
    for _ in range(20):
        at = random.randrange(len(data))
        assert read(iter([data[:at], data[at:]])) == whole


@pytest.mark.parametrize("case", STREAMS)
def test_what_is_written_reads_the_same(case: str) -> None:
    """A stream that went out and comes in again tells the same answer."""
    events, raised = read(iter([upstream(case)]))
    if raised or any(isinstance(event, hub.Failed) for event in events):
        return
    again, _ = read(iter([written(case, events)]))
    assert fold(again) == fold(events)


@pytest.mark.parametrize("case", WHOLE)
def test_whole_answers_are_read_and_written(case: str, golden: Golden) -> None:
    """What a whole answer says, and how it is written again, is what the files say."""
    try:
        reply = decode_reply((CASES / case / "upstream.json").read_bytes())
    except UpstreamFault as fault:
        golden(CASES / case / "said.json", msgspec.json.encode({"raised": fault.detail}).decode() + "\n")
        return
    golden(CASES / case / "said.json", msgspec.json.format(msgspec.json.encode(shown(reply))).decode() + "\n")
    body = encode_reply(reply)
    golden(CASES / case / "again.json", msgspec.json.format(body).decode() + "\n")
    assert shown(decode_reply(body).choices) == shown(reply.choices)
    encoder = Encoder(model=reply.model)
    told = b"".join(encoder.encode(event) for event in spread(reply)) + encoder.close()
    events, raised = read(iter([told]))
    assert not raised
    assert fold(events).usage == reply.usage


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_come_back_whole(case: str, golden: Golden) -> None:
    """A request of the protocol's own is read, written and read again without losing anything."""
    request = decode_request(msgspec.json.decode((CASES / case / "request.json").read_bytes(), type=Fields))
    encoded = encode_request(request)
    assert encoded.dropped == ()
    body = finish(encoded.fields, model=request.model, stream=request.stream)
    golden(CASES / case / "sent.json", msgspec.json.format(body).decode() + "\n")
    assert decode_request(msgspec.json.decode(body, type=Fields)) == request


def test_every_case_says_why() -> None:
    """Each folder names the provider or the fact that it stands for."""
    assert all((case / "why.txt").read_text().strip() for case in CASES.iterdir())
