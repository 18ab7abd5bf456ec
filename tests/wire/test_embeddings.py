"""Shapes of embeddings, one folder each: what comes in, what goes to the provider, what the caller gets.

`client.json` is the caller's body, `speaks.txt` the provider's protocol and name for the model, `upstream.json` its
answer; `request.json`, `answer.json` and `said.json` are golden. Adding a case is adding a folder.
"""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from engine.errors import BadRequest, UpstreamMalformed
from engine.wire.embeddings import bedrock, cohere, gemini, ollama, openai, vertex
from engine.wire.embeddings.envelope import read_envelope, wants_base64
from engine.wire.embeddings.values import EmbedReply

CASES = Path(__file__).parent / "embeddings"
NAMES = sorted(path.name for path in CASES.iterdir())
PROTOCOLS: dict[str, ModuleType] = {
    "openai": openai,
    "cohere": cohere,
    "gemini": gemini,
    "ollama": ollama,
    "bedrock": bedrock,
    "vertex": vertex,
}
Golden = Callable[[Path, str], None]


def text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def counts(counted: msgspec.Struct | None) -> dict[str, Any] | None:
    """What is counted of anything, so that a new kind of count changes no file."""
    return {name: count for name, count in msgspec.structs.asdict(counted).items() if count} if counted else None


def speaks(case: str) -> tuple[str, str]:
    protocol, _, model = (CASES / case / "speaks.txt").read_text().strip().partition(" ")
    return protocol, model


def sent(case: str) -> tuple[bytes, tuple[str, ...]]:
    """What goes to the provider, and what is dropped on the way."""
    protocol, model = speaks(case)
    fields = read_envelope((CASES / case / "client.json").read_bytes()).fields
    if protocol == "openai":
        return openai.finish(fields, model=model), ()
    asked = msgspec.structs.replace(openai.decode_request(fields), model=model)
    encoded = PROTOCOLS[protocol].encode_request(asked)
    return PROTOCOLS[protocol].finish(encoded.fields, model=model), encoded.dropped


def answered(case: str) -> tuple[EmbedReply, bytes]:
    """The provider's answer as read, and what the caller gets."""
    protocol, _ = speaks(case)
    body = (CASES / case / "upstream.json").read_bytes().rstrip(b"\n")
    as_base64 = wants_base64(read_envelope((CASES / case / "client.json").read_bytes()).fields)
    if protocol == "openai":
        return openai.relay(body, as_base64=as_base64)
    reply: EmbedReply = PROTOCOLS[protocol].decode_reply(body)
    return reply, openai.encode_reply(reply, as_base64=as_base64)


@pytest.mark.parametrize("case", NAMES)
def test_embeddings(case: str, golden: Golden) -> None:
    """What goes to a provider, what the caller gets and what is counted is what the files say."""
    said: dict[str, Any] = {}
    try:
        request, said["dropped"] = sent(case)
        golden(CASES / case / "request.json", request.decode() + "\n")
        reply, answer = answered(case)
        golden(CASES / case / "answer.json", answer.decode() + "\n")
        said |= {"model": reply.model, "vectors": len(reply.vectors), "usage": counts(reply.usage)}
    except BadRequest as refused:
        said["refused"] = f"{refused.reason} at {refused.param}: {refused.message}"
    except UpstreamMalformed as fault:
        said["raised"] = fault.detail
    golden(CASES / case / "said.json", text(said))


def test_every_case_says_why() -> None:
    """Each folder names the provider or the fact that it stands for."""
    assert all((CASES / name / "why.txt").read_text().strip() for name in NAMES)
