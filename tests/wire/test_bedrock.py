"""Bedrock's shapes, one folder each: what comes in, and what was read of it or written to it.

`upstream.json` is a whole answer, `upstream.jsonl` the events of a stream, one a line, which are put into frames here;
`said.json` is golden. `client.json` is a caller's body in Anthropic's protocol, `request.json`, golden, what goes to
Converse for it. Adding a case is adding a folder.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import UpstreamFault
from engine.wire.anthropic_messages.request import decode_request
from engine.wire.bedrock.encoder import frame
from engine.wire.bedrock.reply import decode_reply
from engine.wire.bedrock.request import encode_request, finish
from engine.wire.bedrock.stream import Decoder
from engine.wire.fold import fold
from tests.spelled import spelled

CASES = Path(__file__).parent / "bedrock"
STREAMS = sorted(path.parent.name for path in CASES.glob("*/upstream.jsonl"))
WHOLE = sorted(path.parent.name for path in CASES.glob("*/upstream.json"))
REQUESTS = sorted(path.parent.name for path in CASES.glob("*/client.json"))
Golden = Callable[[Path, str], None]


def frames(case: str) -> bytes:
    """The stream; a line is `{event: payload}`, or `{"exception:name": payload}`."""
    out = b""
    for line in (CASES / case / "upstream.jsonl").read_text().splitlines():
        for name, payload in msgspec.json.decode(line).items():
            kind, _, event = name.rpartition(":")
            out += frame(event, payload, message_type=kind or "event")
    return out


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def told(value: Any) -> Any:
    """The value without what was not said."""
    if isinstance(value, dict):
        kept = {name: told(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, "", [], {}, 0, False)}
    return [told(each) for each in value] if isinstance(value, list) else value


def text(value: object) -> str:
    plain = told(msgspec.json.decode(msgspec.json.encode(spelled(value), enc_hook=dict)))
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n"


def said(case: str, size: int) -> str:
    """What was read of a stream in pieces of *size* bytes."""
    decoder = Decoder()
    events = [event for piece in pieces(frames(case), size) for event in decoder.feed(piece)]
    raised = None
    try:
        events += decoder.close()
    except UpstreamFault as fault:
        raised = f"{fault.kind}: {fault.detail}"
    failed = [event.outcome for event in events if isinstance(event, hub.Failed)]
    return text({"reply": fold(events), "failed": failed, "raised": raised, "done": decoder.done})


@pytest.mark.parametrize("case", STREAMS)
def test_streams_are_read_as_written(case: str, golden: Golden) -> None:
    """What is read of a stream is what the file says."""
    golden(CASES / case / "said.json", said(case, 1 << 20))


@pytest.mark.parametrize("case", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_cuts_do_not_matter(case: str, size: int) -> None:
    """However the stream is cut on its way, the same is read."""
    assert said(case, size) == said(case, 1 << 20)


@pytest.mark.parametrize("case", WHOLE)
def test_whole_answers_are_read(case: str, golden: Golden) -> None:
    """What is read of a whole answer is what the file says."""
    try:
        read = text({"reply": decode_reply((CASES / case / "upstream.json").read_bytes())})
    except UpstreamFault as fault:
        read = text({"raised": f"{fault.kind}: {fault.detail}"})
    golden(CASES / case / "said.json", read)


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_are_written_in_converses_words(case: str, golden: Golden) -> None:
    """What goes to Converse for a caller of Anthropic's protocol, and what is reported as left out."""
    fields = msgspec.json.decode((CASES / case / "client.json").read_bytes(), type=dict[str, msgspec.Raw])
    request = msgspec.structs.replace(decode_request(fields), model="us.anthropic.claude-sonnet-4-20250514-v1:0")
    written, dropped = encode_request(request)
    body = msgspec.json.decode(finish(written, model="m", stream=request.stream))
    shown = msgspec.json.encode({"body": body, "dropped": dropped})
    golden(CASES / case / "request.json", msgspec.json.format(shown, indent=2).decode() + "\n")


def test_every_case_says_why() -> None:
    """Each folder names the fact that it stands for."""
    assert all((case / "why.txt").read_text().strip() for case in CASES.iterdir())
