"""Recorded shapes of OpenAI's chat and its look-alikes, one folder each: what comes in, what goes out, what was read.

`client.json` is the caller's body, `upstream.sse` or `upstream.json` the provider's answer; `request.json`,
`client.sse` and `said.json` are golden. Adding a case is adding a folder.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import UpstreamFault
from engine.values import Outcome, Usage
from engine.wire.openai_chat.envelope import finish, read_envelope, read_reply
from engine.wire.openai_chat.relay import ChatStream

CASES = Path(__file__).parent / "openai_chat"
STREAMS = sorted(path.parent.name for path in CASES.glob("*/upstream.sse"))
WHOLE = sorted(path.parent.name for path in CASES.glob("*/upstream.json"))
Golden = Callable[[Path, str], None]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def counts(usage: Usage | None) -> dict[str, Any] | None:
    return {name: count for name, count in msgspec.structs.asdict(usage).items() if count} if usage else None


def relayed(case: str, size: int) -> tuple[bytes, dict[str, Any]]:
    """What a caller gets when the answer comes in pieces of *size* bytes, and what was read on the way."""
    asks_usage = read_envelope((CASES / case / "client.json").read_bytes()).asks_usage
    stream = ChatStream(strip_usage=not asks_usage)
    raised = None
    out = b"".join(stream.feed(piece) for piece in pieces((CASES / case / "upstream.sse").read_bytes(), size))
    try:
        out += stream.close()
    except UpstreamFault as fault:
        raised = f"{fault.kind}: {fault.detail}"
    said = {
        "id": stream.reply_id,
        "model": stream.reply_model,
        "started": stream.started,
        "content_events": stream.content_events,
        "finish_reason": stream.finish_reason,
        "usage": counts(stream.usage),
        "error": stream.error,
        "raised": raised,
    }
    return out, said


def text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


@pytest.mark.parametrize("case", STREAMS)
def test_streams_are_relayed_as_written(case: str, golden: Golden) -> None:
    """What the caller gets of a recorded shape, and what the journal learns, is what the files say."""
    out, said = relayed(case, 1 << 20)
    golden(CASES / case / "client.sse", out.decode())
    golden(CASES / case / "said.json", text(said))


@pytest.mark.parametrize("case", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_cuts_do_not_matter(case: str, size: int) -> None:
    """However the answer is cut on its way, the caller gets the same bytes and the journal the same facts."""
    assert relayed(case, size) == relayed(case, 1 << 20)


@pytest.mark.parametrize("case", WHOLE)
def test_whole_answers_are_read(case: str, golden: Golden) -> None:
    """What the journal learns of a whole answer is what the file says."""
    body = (CASES / case / "upstream.json").read_bytes()
    said: dict[str, Any] = {"error": None}
    try:
        reply = read_reply(body)
        if isinstance(reply, Outcome):
            said["error"] = reply
        else:
            said |= {"id": reply.id, "model": reply.model, "finish_reason": reply.finish_reason}
            said["usage"] = counts(reply.usage)
    except UpstreamFault as fault:
        said["raised"] = str(fault.kind)
    golden(CASES / case / "said.json", text(said))


@pytest.mark.parametrize("case", WHOLE)
def test_requests_are_rewritten_around_their_bytes(case: str, golden: Golden) -> None:
    """What goes upstream is the caller's body with the provider's name for the model, nested bytes untouched."""
    request = read_envelope((CASES / case / "client.json").read_bytes())
    golden(CASES / case / "request.json", finish(request.fields, model="up-1", stream=False).decode() + "\n")


@pytest.mark.parametrize("case", STREAMS)
def test_streams_are_asked_for_usage(case: str, golden: Golden) -> None:
    """Every streamed request asks the provider for usage, whether the caller did or not."""
    request = read_envelope((CASES / case / "client.json").read_bytes())
    golden(CASES / case / "request.json", finish(request.fields, model="up-1", stream=True).decode() + "\n")


def test_every_case_says_why() -> None:
    """Each folder names the provider or the fact that it stands for."""
    assert all((case / "why.txt").read_text().strip() for case in CASES.iterdir())
