"""Recorded text completions, where they lie beside the repository: everything is read, and loses nothing."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest, OutcomeKind
from engine.wire.fold import fold
from engine.wire.json_edit import Fields
from engine.wire.openai_completions.envelope import finish, read_envelope
from engine.wire.openai_completions.error import read_error
from engine.wire.openai_completions.reply import decode_reply, encode_reply
from engine.wire.openai_completions.request import decode_request, encode_request
from engine.wire.openai_completions.stream import Decoder, Encoder

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*/completions.jsonl.xz"))

pytestmark = pytest.mark.skipif(not FILES, reason=f"no recorded traffic at {CORPUS}")

OTHER_FORMAT = {
    "openai-3e2ee09dd07a": "a page of the organization's usage statistics, no completion",
    "writer-f8be921451ac": "Writer's own stream: events of one key, `value`, without finish, usage and terminator",
}

NOT_TRANSLATABLE = {"prompt", "suffix", "echo", "best_of"}
"""Parameters that requests to another protocol are refused for."""


def records() -> Iterator[dict[str, Any]]:
    for path in FILES:
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            yield from (record for record in map(json.loads, lines) if record["id"] not in OTHER_FORMAT)


def answered() -> list[dict[str, Any]]:
    return [record for record in records() if record["status"] == 200]


def chunks_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    lines = record["sse_text"].splitlines() if "sse_text" in record else ["data: " + record["response_body"]]
    bodies = (line[6:] for line in lines if line.startswith("data: ") and "[DONE]" not in line)
    return [json.loads(body) for body in bodies]


def said(record: dict[str, Any]) -> hub.Reply:
    if "sse_text" not in record:
        return decode_reply(record["response_body"].encode())
    decoder = Decoder()
    events = decoder.feed(record["sse_text"].encode()) + decoder.close()
    assert decoder.done
    return fold(events)


@pytest.mark.parametrize("record", answered(), ids=lambda record: str(record["id"]))
def test_recorded_answers_are_read(record: dict[str, Any]) -> None:
    """Text, finish and usage of every recorded answer are what its bytes say."""
    reply, chunks = said(record), chunks_of(record)
    found = [choice for chunk in chunks for choice in chunk["choices"]]
    assert len(reply.choices) == len({choice.get("index", 0) for choice in found})
    for choice in reply.choices:
        own = [each for each in found if each.get("index", 0) == choice.index]
        text = "".join(part.text for part in choice.parts if isinstance(part, hub.Text))
        assert text == "".join(each["text"] for each in own)
        finish_reason = next((each["finish_reason"] for each in own if each.get("finish_reason")), "")
        assert choice.finish_raw == finish_reason
        assert (choice.logprobs is not None) == any(each.get("logprobs") for each in own)
    usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    assert (reply.usage is None) == (usage is None)
    if usage and reply.usage:
        assert (reply.usage.input, reply.usage.output) == (usage["prompt_tokens"], usage.get("completion_tokens", 0))


@pytest.mark.parametrize("record", answered(), ids=lambda record: str(record["id"]))
def test_recorded_answers_survive_both_ways(record: dict[str, Any]) -> None:
    """An answer that is written again and read again is the same answer, whole and as a stream."""
    reply = said(record)
    if "sse_text" not in record:
        again = decode_reply(encode_reply(reply))
        assert again.usage == reply.usage
        assert [choice.parts for choice in again.choices] == [choice.parts for choice in reply.choices]
        assert [choice.logprobs for choice in again.choices] == [choice.logprobs for choice in reply.choices]
        return
    decoder, encoder, other = Decoder(), Encoder(model=reply.model, ask_usage=True), Decoder()
    events = decoder.feed(record["sse_text"].encode())
    written = b"".join(encoder.encode(event) for event in events) + encoder.close()
    assert fold(other.feed(written) + other.close()) == reply


def test_recorded_requests_survive_both_ways() -> None:
    """Every recorded request is read by routing, and is the same when written again, or cannot be translated."""
    refused = []
    for record in records():
        body = record.get("request_body")
        if not isinstance(body, dict) or body.get("max_tokens") == -1:
            continue
        envelope = read_envelope(json.dumps(body).encode())
        assert envelope.model == body["model"]
        try:
            request = decode_request(envelope.fields)
        except BadRequest as fault:
            refused.append(fault.param)
            continue
        encoded = encode_request(request)
        assert encoded.dropped == (), record["id"]
        sent = finish(encoded.fields, model=request.model, stream=request.stream)
        again = decode_request(msgspec.json.decode(sent, type=Fields))
        assert msgspec.structs.replace(again, stream=request.stream) == request, record["id"]
    assert set(refused) <= NOT_TRANSLATABLE


def test_recorded_errors_are_classed() -> None:
    """No recorded error is taken for a success or for no answer."""
    errors = [record for record in records() if record["status"] != 200]
    kinds = {read_error(record["status"], [], record["response_body"].encode()).kind for record in errors}
    assert kinds == {OutcomeKind.BAD_REQUEST, OutcomeKind.PROVIDER_AUTH}
