"""Recorded provider traffic, where it lies beside the repository: everything is read, and usage as the truth has it."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import OutcomeKind
from engine.values import Outcome, Usage
from engine.wire.openai_chat.envelope import read_envelope, read_reply
from engine.wire.openai_chat.error import read_error
from engine.wire.openai_chat.relay import ChatStream

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*/chat.jsonl.xz"))

EXCLUDED_FROM_TRUTH = {"gemini", "vercel-gateway", "openrouter"}
"""Their completion tokens may leave reasoning out, which the extracted truth does not correct."""

pytestmark = pytest.mark.skipif(not FILES, reason=f"no recorded traffic at {CORPUS}")


def records(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def said(record: dict[str, Any]) -> Usage | None:
    """The usage of an answer, read whole; a stream's bytes must come out as they went in."""
    if "sse_text" not in record:
        reply = read_reply(record["response_body"].encode())
        return None if isinstance(reply, Outcome) else reply.usage
    sent = record["sse_text"].encode()
    stream = ChatStream(strip_usage=False)
    got = stream.feed(sent) + stream.close()
    if stream.error is None:
        assert got.split() == sent.split(), record["id"]
    return stream.usage


def expected(truth: dict[str, Any], usage: Usage) -> bool:
    """Whether input, and output with or without reasoning, are as the truth has them."""
    output = {usage.total_output, usage.total_output - usage.reasoning}
    return usage.total_input == truth["in"] and truth["out"] in output


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_recorded_answers_are_read(path: Path) -> None:
    """Every recorded answer with status 200 is understood, streamed bytes pass unchanged, and usage is right."""
    for record in records(path):
        truth = (record.get("truth") or {}).get("usage") or {}
        if record["status"] != 200 or not ("sse_text" in record or "response_body" in record):
            continue
        usage = said(record)
        if usage and truth.get("in") is not None and path.parent.name not in EXCLUDED_FROM_TRUTH:
            assert expected(truth, usage), (record["id"], truth, usage)
        assert usage or truth.get("in") is None, record["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_recorded_requests_are_read(path: Path) -> None:
    """Every recorded request is understood."""
    for record in records(path):
        if isinstance(record.get("request_body"), dict):
            request = read_envelope(json.dumps(record["request_body"]).encode())
            assert request.model == record["request_body"]["model"]


def test_recorded_errors_are_classed() -> None:
    """No recorded error is taken for a success or for no answer, and each has a message."""
    for path in FILES:
        for record in records(path):
            if record["status"] != 200:
                outcome = read_error(record["status"], [], record["response_body"].encode())
                assert outcome.kind not in {OutcomeKind.OK, OutcomeKind.MALFORMED}
                assert outcome.message
