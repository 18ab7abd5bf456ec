"""Shapes of sound, one folder each: what comes in, what goes to the provider, what is read of the answer.

`client.form` (with LF for CRLF) is an upload and `client.json` a text to be spoken; `upstream.json`, `upstream.txt` or
`upstream.sse` is the provider's answer; `request.form` or `request.json`, `client.sse` and `said.json` are golden.
Adding a case is adding a folder.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import UpstreamFault
from engine.wire.audio import speech
from engine.wire.audio.envelope import finish, read_envelope
from engine.wire.audio.stream import SpeechStream, TranscriptStream
from engine.wire.audio.transcript import decode_reply
from tests.forms import whole

CASES = Path(__file__).parent / "audio"
NAMES = sorted(path.name for path in CASES.iterdir())
FORM = "multipart/form-data; boundary=b"
ANSWERS = {"upstream.json": "application/json", "upstream.txt": "text/plain"}
Golden = Callable[[Path, str], None]


def text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def counts(counted: msgspec.Struct | None) -> dict[str, Any] | None:
    """What is counted of anything, so that a new kind of count changes no file."""
    return {name: count for name, count in msgspec.structs.asdict(counted).items() if count} if counted else None


def relayed(case: str, size: int) -> tuple[bytes, dict[str, Any]]:
    """What a caller gets when the answer comes in pieces of *size* bytes, and what was read on the way."""
    body = (CASES / case / "upstream.sse").read_bytes()
    stream = TranscriptStream() if (CASES / case / "client.form").exists() else SpeechStream()
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


def asked(case: str, golden: Golden) -> dict[str, Any]:
    """What routing sees; what goes to the provider is compared."""
    folder = CASES / case
    if (folder / "client.json").exists():
        spoken = speech.read_envelope((folder / "client.json").read_bytes())
        golden(folder / "request.json", speech.finish(spoken.fields, model="up-1").decode() + "\n")
        return {"model": spoken.model, "stream": spoken.stream, "asked": counts(spoken.measures)}
    upload = read_envelope((folder / "client.form").read_bytes().replace(b"\n", b"\r\n"), FORM)
    golden(folder / "request.form", whole(finish(upload, upload.fields, model="up-1")).decode().replace("\r\n", "\n"))
    return {"model": upload.model, "stream": upload.stream, "response_format": upload.response_format}


@pytest.mark.parametrize("case", NAMES)
def test_sound(case: str, golden: Golden) -> None:
    """What goes to a provider, what the caller gets and what is counted is what the files say."""
    said = asked(case, golden)
    for name, content_type in ANSWERS.items():
        if (CASES / case / name).exists():
            heard = decode_reply((CASES / case / name).read_bytes(), content_type)
            said |= {"text": heard.text, "language": heard.language}
            said |= {"usage": counts(heard.usage), "measures": counts(heard.measures)}
    if (CASES / case / "upstream.sse").exists():
        out, read = relayed(case, 1 << 20)
        golden(CASES / case / "client.sse", out.decode())
        said |= read
    golden(CASES / case / "said.json", text(said))


@pytest.mark.parametrize("case", [name for name in NAMES if (CASES / name / "upstream.sse").exists()])
@pytest.mark.parametrize("size", [1, 7])
def test_cuts_do_not_matter(case: str, size: int) -> None:
    """However the answer is cut on its way, the caller gets the same bytes and the same is counted."""
    assert relayed(case, size) == relayed(case, 1 << 20)


def test_every_case_says_why() -> None:
    """Each folder names the provider or the fact that it stands for."""
    assert all((CASES / name / "why.txt").read_text().strip() for name in NAMES)
