"""Recorded traffic of AI Studio and Vertex, where it lies beside the repository: every answer as the truth has it."""

import json
import lzma
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest, OutcomeKind
from engine.wire.fold import fold
from engine.wire.gemini.count import read_count, read_count_reply
from engine.wire.gemini.envelope import read_envelope
from engine.wire.gemini.error import read_error
from engine.wire.gemini.reply import decode_reply, encode_reply
from engine.wire.gemini.request import decode_request, encode_request
from engine.wire.gemini.stream import Decoder, Encoder

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
ENDPOINTS = ("gemini/generate", "gemini/stream_generate", "vertex/generate", "vertex/stream_generate")
PRESENT = [endpoint for endpoint in ENDPOINTS if (CORPUS / f"{endpoint}.jsonl.xz").exists()]

REFUSED_REQUESTS = {"vertex-b2d2a4b44509"}
"""Has a role that Gemini does not know, and was answered with 400."""

FINISH_NUMBERS = (1, 2)
"""Some were recorded with numbers for enumerations, which the truth has kept."""

STREAMED = [endpoint for endpoint in PRESENT if endpoint.endswith("stream_generate")]
LONGEST_CUT_BYTES = 2_000

pytestmark = pytest.mark.skipif(not PRESENT, reason=f"no recorded traffic at {CORPUS}")


def records(endpoint: str) -> Iterator[dict[str, Any]]:
    with lzma.open(CORPUS / f"{endpoint}.jsonl.xz", "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def body_of(record: dict[str, Any]) -> bytes:
    return str(record["sse_text"] if "sse_text" in record else record["response_body"]).encode()


def answers(endpoint: str) -> Iterator[dict[str, Any]]:
    return (record for record in records(endpoint) if record["status"] == 200 and record.get("truth"))


def streamed(body: bytes) -> hub.Reply:
    decoder = Decoder()
    events = decoder.feed(body) + decoder.close()
    assert not any(isinstance(event, hub.Failed) for event in events), events[-1]
    return fold(events)


def read(endpoint: str, record: dict[str, Any]) -> hub.Reply:
    return streamed(body_of(record)) if endpoint.endswith("stream_generate") else decode_reply(body_of(record))


def told(reply: hub.Reply) -> dict[str, Any]:
    """What of an answer the truth knows as well."""
    choice, usage = reply.choices[0], reply.usage
    calls = [part for part in choice.parts if isinstance(part, hub.ToolCall)]
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, hub.Text)),
        "reasoning": "".join(part.text for part in choice.parts if isinstance(part, hub.Thinking)),
        "calls": [(call.name, json.loads(call.arguments)) for call in calls],
        "usage": usage and (usage.total_input, usage.total_output, usage.cached_input, usage.reasoning),
    }


def expected(record: dict[str, Any]) -> dict[str, Any]:
    truth = record["truth"]
    return {
        "text": truth["text"],
        "reasoning": truth["reasoning"],
        "calls": [(call["name"], call["args"] or {}) for call in truth["tool_calls"]],
        "usage": expected_counts(record),
    }


def expected_counts(record: dict[str, Any]) -> tuple[int, ...] | None:
    """The truth's counts, with what tools put into the prompt, which the truth leaves out of the input."""
    usage = record["truth"]["usage"]
    if usage is None or (usage["in"] is None and not usage["out"]):
        return None
    by_tools = re.findall(rb'"toolUsePromptTokenCount": ?(\d+)', body_of(record))
    prompt = (usage["in"] or 0) + int(by_tools[-1] if by_tools else 0)
    return prompt, usage["out"], usage["cache_read"] or 0, usage["reasoning"] or 0


@pytest.mark.parametrize("endpoint", PRESENT)
def test_recorded_answers_are_as_the_truth_has_them(endpoint: str) -> None:
    """Text, thoughts, calls, finish and usage of every recorded answer are what the provider said."""
    for record in answers(endpoint):
        reply, truth = read(endpoint, record), record["truth"]
        choice = reply.choices[0]
        assert told(reply) == expected(record), record["id"]
        assert truth["finish"] in {choice.finish, choice.finish_raw or None, *FINISH_NUMBERS}, record["id"]
        ids = [part.id for part in choice.parts if isinstance(part, hub.ToolCall)]
        given = [call["id"] for call in truth["tool_calls"]]
        assert all(mine == theirs for mine, theirs in zip(ids, given, strict=True) if theirs), record["id"]
        assert len(set(ids)) == len(ids), record["id"]


@pytest.mark.parametrize("endpoint", PRESENT)
def test_recorded_answers_are_written_as_they_were_read(endpoint: str) -> None:
    """An answer that is written and read again is the same answer; none is told less by being told whole."""
    for record in answers(endpoint):
        if not endpoint.endswith("stream_generate"):
            reply = decode_reply(body_of(record))
            assert decode_reply(encode_reply(reply)) == reply, record["id"]


@pytest.mark.parametrize("endpoint", STREAMED)
@pytest.mark.parametrize("array", [False, True])
def test_recorded_streams_are_written_as_they_were_read(endpoint: str, array: bool) -> None:
    """A stream that is written and read again tells the same answer, as events or as an array."""
    for record in records(endpoint):
        if record["status"] == 200:
            decoder, encoder = Decoder(), Encoder(model="", array=array)
            events = decoder.feed(body_of(record)) + decoder.close()
            out = b"".join(encoder.encode(event) for event in events) + encoder.close()
            assert streamed(out) == fold(events), record["id"]


@pytest.mark.parametrize("endpoint", STREAMED)
def test_recorded_streams_may_be_cut_anywhere(endpoint: str) -> None:
    """Byte by byte, the shorter of them say the same."""
    for record in records(endpoint):
        body = body_of(record)
        if record["status"] == 200 and len(body) < LONGEST_CUT_BYTES:
            decoder = Decoder()
            events = [event for at in range(len(body)) for event in decoder.feed(body[at : at + 1])]
            whole = Decoder()
            assert events + decoder.close() == whole.feed(body) + whole.close(), record["id"]


@pytest.mark.parametrize("endpoint", PRESENT)
def test_recorded_requests_keep_their_meaning(endpoint: str) -> None:
    """Every recorded request is understood, and means the same after it was written again."""
    for record in records(endpoint):
        if not isinstance(record.get("request_body"), dict):
            continue
        envelope = read_envelope(json.dumps(record["request_body"]).encode(), model="m", stream=False)
        if record["id"] in REFUSED_REQUESTS:
            with pytest.raises(BadRequest):
                decode_request(envelope.fields)
            continue
        request = decode_request(envelope.fields)
        encoded = encode_request(request)
        assert encoded.dropped == (), record["id"]
        assert decode_request(encoded.fields) == msgspec.structs.replace(request, model=""), record["id"]


@pytest.mark.parametrize("endpoint", PRESENT)
def test_recorded_errors_are_classed(endpoint: str) -> None:
    """No recorded error is taken for a success or for no answer; a bad key, a quota and an unknown model are told."""
    kinds = {
        400: {OutcomeKind.PROVIDER_AUTH, OutcomeKind.BAD_REQUEST},
        403: {OutcomeKind.PROVIDER_AUTH},
        404: {OutcomeKind.MODEL_NOT_FOUND},
        429: {OutcomeKind.RATE_LIMITED},
    }
    for record in records(endpoint):
        if record["status"] != 200:
            outcome = read_error(record["status"], [], body_of(record))
            assert outcome.kind in kinds[record["status"]], (record["id"], outcome)
            assert outcome.message


@pytest.mark.parametrize("provider", ["gemini", "vertex"])
def test_recorded_counts_are_read(provider: str) -> None:
    """Requests and answers of `countTokens` are understood."""
    for record in records(f"{provider}/count_tokens"):
        assert read_count(json.dumps(record["request_body"]).encode(), model="m").fields
        if record["status"] == 200:
            assert read_count_reply(body_of(record)) > 0
