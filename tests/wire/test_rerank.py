"""Shapes of reranking, one folder each: what comes in, what goes to the provider, what the caller gets.

`client.json` is the caller's body, `speaks.txt` the provider's protocol and name for the model, `upstream.json` its
answer; `request.json`, `answer.json` and `said.json` are golden. Adding a case is adding a folder.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import BadRequest, UpstreamMalformed
from engine.wire.rerank import cohere, voyage
from engine.wire.rerank.envelope import finish, read_envelope

CASES = Path(__file__).parent / "rerank"
NAMES = sorted(path.name for path in CASES.iterdir())
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
    if protocol == "cohere":
        return finish(fields, model=model), ()
    encoded = voyage.encode_request(cohere.decode_request(fields))
    return voyage.finish(encoded.fields, model=model), encoded.dropped


@pytest.mark.parametrize("case", NAMES)
def test_rankings(case: str, golden: Golden) -> None:
    """What goes to a provider, what the caller gets and what is counted is what the files say."""
    said: dict[str, Any] = {}
    try:
        request, said["dropped"] = sent(case)
        golden(CASES / case / "request.json", request.decode() + "\n")
        body = (CASES / case / "upstream.json").read_bytes()
        reply = (voyage if speaks(case)[0] == "voyage" else cohere).decode_reply(body)
        golden(CASES / case / "answer.json", cohere.encode_reply(reply).decode() + "\n")
        said |= {"model": reply.model, "usage": counts(reply.usage), "measures": counts(reply.measures)}
    except BadRequest as refused:
        said["refused"] = f"{refused.reason} at {refused.param}: {refused.message}"
    except UpstreamMalformed as fault:
        said["raised"] = fault.detail
    golden(CASES / case / "said.json", text(said))


def test_every_case_says_why() -> None:
    """Each folder names the provider or the fact that it stands for."""
    assert all((CASES / name / "why.txt").read_text().strip() for name in NAMES)
