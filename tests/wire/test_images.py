"""Shapes of pictures, one folder each: what comes in, what goes to the provider, what is read of the answer.

`client.json` or `client.form` (with LF for CRLF) is the caller's body, `upstream.json` or `upstream.sse` the provider's
answer; `request.json` or `request.form`, `client.sse` and `said.json` are golden. Adding a case is adding a folder.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import UpstreamFault
from engine.wire.images.envelope import finish, finish_form, read_envelope
from engine.wire.images.openai import decode_reply
from engine.wire.images.stream import ImageStream
from engine.wire.upload import Upload
from tests.forms import whole

CASES = Path(__file__).parent / "images"
NAMES = sorted(path.name for path in CASES.iterdir())
FORM = "multipart/form-data; boundary=b"
Golden = Callable[[Path, str], None]


def text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def counts(counted: msgspec.Struct | None) -> dict[str, Any] | None:
    """What is counted of anything, so that a new kind of count changes no file."""
    return {name: count for name, count in msgspec.structs.asdict(counted).items() if count} if counted else None


def relayed(body: bytes, size: int) -> tuple[bytes, dict[str, Any]]:
    """What a caller gets when the answer comes in pieces of *size* bytes, and what was read on the way."""
    stream = ImageStream()
    out = b"".join(stream.feed(body[at : at + size]) for at in range(0, len(body), size))
    raised = None
    try:
        out += stream.close()
    except UpstreamFault as fault:
        raised = f"{fault.kind}: {fault.detail}"
    said = {
        "usage": counts(stream.usage),
        "measures": counts(stream.measures),
        "pieces": stream.content_events,
        "error": stream.error,
    }
    return out, {**said, "raised": raised}


@pytest.mark.parametrize("case", NAMES)
def test_pictures(case: str, golden: Golden) -> None:
    """What goes to a provider, what the caller gets and what is counted is what the files say."""
    folder = CASES / case
    said: dict[str, Any] = {}
    if (folder / "client.form").exists():
        body = (folder / "client.form").read_bytes().replace(b"\n", b"\r\n")
        request = read_envelope(body, FORM, surface="edits")
        assert isinstance(request, Upload)
        sent = whole(finish_form(request, request.fields, model="up-1")).decode()
        golden(folder / "request.form", sent.replace("\r\n", "\n"))
    else:
        request = read_envelope((folder / "client.json").read_bytes())
        golden(folder / "request.json", finish(request.fields, model="up-1").decode() + "\n")
    said |= {"model": request.model, "stream": request.stream, "input_tokens": request.input_tokens}
    if (folder / "upstream.sse").exists():
        out, read = relayed((folder / "upstream.sse").read_bytes(), 1 << 20)
        golden(folder / "client.sse", out.decode())
        said |= read
    if (folder / "upstream.json").exists():
        try:
            reply = decode_reply((folder / "upstream.json").read_bytes())
            said |= {"images": reply.images, "usage": counts(reply.usage), "measures": counts(reply.measures)}
        except UpstreamFault as fault:
            said["raised"] = f"{fault.kind}: {fault.detail}"
    golden(folder / "said.json", text(said))


@pytest.mark.parametrize("case", [name for name in NAMES if (CASES / name / "upstream.sse").exists()])
@pytest.mark.parametrize("size", [1, 7])
def test_cuts_do_not_matter(case: str, size: int) -> None:
    """However the answer is cut on its way, the caller gets the same bytes and the same is counted."""
    body = (CASES / case / "upstream.sse").read_bytes()
    assert relayed(body, size) == relayed(body, 1 << 20)


def test_every_case_says_why() -> None:
    """Each folder names the provider or the fact that it stands for."""
    assert all((CASES / name / "why.txt").read_text().strip() for name in NAMES)
