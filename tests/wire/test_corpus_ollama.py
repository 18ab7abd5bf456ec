"""Recorded traffic of Ollama's chat, where it lies beside the repository: everything is read, and loses nothing."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import OutcomeKind
from engine.wire.fold import fold
from engine.wire.json_edit import Fields
from engine.wire.ollama.error import read_error
from engine.wire.ollama.reply import decode_reply, encode_reply
from engine.wire.ollama.request import decode_request, encode_request, finish
from engine.wire.ollama.stream import Decoder, Encoder

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILE = CORPUS / "ollama" / "ollama_chat.jsonl.xz"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"no recorded traffic at {CORPUS}")

OTHER_FORMAT = {"ollama-44d2c37de94b", "ollama-4f5847487f34"}
"""Answers of the endpoint that speaks OpenAI's chat, `chat.completion`, filed here by mistake."""


def records() -> Iterator[dict[str, Any]]:
    with lzma.open(FILE, "rt", encoding="utf-8") as lines:
        yield from (record for record in map(json.loads, lines) if record["id"] not in OTHER_FORMAT)


def answered() -> list[dict[str, Any]]:
    return [record for record in records() if record["status"] == 200] if FILE.exists() else []


def lines_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record["response_body"].splitlines() if line.strip()]


def said(record: dict[str, Any]) -> hub.Reply:
    body = record["response_body"].encode()
    if len(lines_of(record)) == 1:
        return decode_reply(body)
    decoder = Decoder()
    events = decoder.feed(body) + decoder.close()
    assert decoder.done
    return fold(events)


@pytest.mark.parametrize("record", answered(), ids=lambda record: str(record["id"]))
def test_recorded_answers_are_read(record: dict[str, Any]) -> None:
    """Text, thoughts, calls, finish and usage of every recorded answer are what its lines say."""
    reply, lines = said(record), lines_of(record)
    (choice,) = reply.choices
    messages, last = [line["message"] for line in lines], lines[-1]
    text = "".join(message.get("content") or "" for message in messages)
    assert "".join(part.text for part in choice.parts if isinstance(part, hub.Text)) == text
    thought = "".join(message.get("thinking") or "" for message in messages)
    assert "".join(part.text for part in choice.parts if isinstance(part, hub.Thinking)) == thought
    asked = [call["function"] for message in messages for call in message.get("tool_calls") or ()]
    calls = [part for part in choice.parts if isinstance(part, hub.ToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [(c["name"], c["arguments"]) for c in asked]
    assert len({call.id for call in calls}) == len(calls)
    assert choice.parts
    assert choice.finish_raw == last["done_reason"]
    assert (choice.finish is hub.Finish.TOOL_CALLS) == bool(calls)
    assert (choice.finish is hub.Finish.LENGTH) == (last["done_reason"] == "length")
    assert (reply.usage is None) == ("eval_count" not in last)
    if reply.usage is not None:
        assert (reply.usage.input, reply.usage.output) == (last.get("prompt_eval_count", 0), last["eval_count"])


@pytest.mark.parametrize("record", answered(), ids=lambda record: str(record["id"]))
def test_recorded_answers_survive_both_ways(record: dict[str, Any]) -> None:
    """An answer that is written again and read again is the same answer, whole and as a stream."""
    reply = said(record)
    if len(lines_of(record)) == 1:
        assert decode_reply(encode_reply(reply)) == reply
        return
    decoder, encoder, again = Decoder(), Encoder(model=reply.model), Decoder()
    events = decoder.feed(record["response_body"].encode())
    written = b"".join(encoder.encode(event) for event in events) + encoder.close()
    assert fold(again.feed(written) + again.close()) == reply


def test_recorded_requests_survive_both_ways() -> None:
    """Every recorded request is understood, and read again after it was written means the same."""
    for record in records():
        body = record.get("request_body")
        if not isinstance(body, dict):
            continue
        request = decode_request(msgspec.json.decode(json.dumps(body), type=Fields))
        encoded = encode_request(request)
        assert encoded.dropped == (), record["id"]
        sent = finish(encoded.fields, model=request.model, stream=request.stream)
        assert decode_request(msgspec.json.decode(sent, type=Fields)) == request, record["id"]


def test_recorded_errors_are_classed() -> None:
    """A model that is not there is told as such."""
    errors = [record for record in records() if record["status"] != 200]
    kinds = {read_error(record["status"], [], record["response_body"].encode()).kind for record in errors}
    assert kinds == {OutcomeKind.MODEL_NOT_FOUND}
