"""Recorded traffic of Cohere's chat, where it lies beside the repository: everything is read, and loses nothing."""

import json
import lzma
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault
from engine.values import Usage
from engine.wire.cohere.error import read_error
from engine.wire.cohere.reply import decode_reply, encode_reply
from engine.wire.cohere.request import decode_request, encode_request, finish
from engine.wire.cohere.stream import Decoder, Encoder
from engine.wire.fold import fold
from engine.wire.json_edit import Fields

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILE = CORPUS / "cohere" / "cohere_chat.jsonl.xz"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"no recorded traffic at {CORPUS}")


def of_version_1(record: dict[str, Any]) -> bool:
    """Version 1 of the API is another protocol: `message`, `chat_history`, `generation_id`, line-delimited streams."""
    return "/v1/" in record["url"]


def records() -> Iterator[dict[str, Any]]:
    with lzma.open(FILE, "rt", encoding="utf-8") as lines:
        yield from (record for record in map(json.loads, lines) if not of_version_1(record))


def answered() -> list[dict[str, Any]]:
    return [record for record in records() if record["status"] == 200] if FILE.exists() else []


def said(record: dict[str, Any]) -> hub.Reply:
    if "sse_text" not in record:
        return decode_reply(record["response_body"].encode())
    decoder = Decoder()
    events = decoder.feed(record["sse_text"].encode()) + decoder.close()
    assert decoder.done
    assert not any(isinstance(event, hub.Failed) for event in events)
    return fold(events)


def told(record: dict[str, Any]) -> dict[str, Any]:
    """What the answer says, read without the decoder under test."""
    if "sse_text" not in record:
        whole = json.loads(record["response_body"])
        content = whole["message"].get("content") or []
        calls = whole["message"].get("tool_calls") or []
        return {
            "text": "".join(block.get("text", "") for block in content),
            "thought": (whole["message"].get("tool_plan") or "") + "".join(b.get("thinking", "") for b in content),
            "calls": [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in calls],
            "finish": whole["finish_reason"],
            "usage": whole["usage"],
        }
    found: dict[str, Any] = {"text": "", "thought": "", "calls": []}
    for line in record["sse_text"].splitlines():
        if not line.startswith("data: {"):
            continue
        event = json.loads(line[6:])
        message = (event.get("delta") or {}).get("message") or {}
        match event["type"]:
            case "content-delta":
                found["text"] += message["content"].get("text", "")
                found["thought"] += message["content"].get("thinking", "")
            case "tool-plan-delta":
                found["thought"] += message["tool_plan"]
            case "tool-call-start":
                call = message["tool_calls"]
                found["calls"].append((call["id"], call["function"]["name"], call["function"]["arguments"]))
            case "tool-call-delta":
                id_, name, arguments = found["calls"][event["index"]]
                more = message["tool_calls"]["function"]["arguments"]
                found["calls"][event["index"]] = (id_, name, arguments + more)
            case "message-end":
                found |= {"finish": event["delta"]["finish_reason"], "usage": event["delta"]["usage"]}
    return found


def counted(usage: Usage | None) -> tuple[int, int]:
    assert usage is not None
    return usage.total_input, usage.total_output


@pytest.mark.parametrize("record", answered(), ids=lambda record: str(record["id"]))
def test_recorded_answers_are_read(record: dict[str, Any]) -> None:
    """Text, thoughts, calls, finish and usage of every recorded answer are what its bytes say."""
    reply, truth = said(record), told(record)
    (choice,) = reply.choices
    assert "".join(part.text for part in choice.parts if isinstance(part, hub.Text)) == truth["text"]
    assert "".join(part.text for part in choice.parts if isinstance(part, hub.Thinking)) == truth["thought"]
    calls = [(part.id, part.name, part.arguments) for part in choice.parts if isinstance(part, hub.ToolCall)]
    assert calls == [(id_, name, "{}" if said == "null" else said) for id_, name, said in truth["calls"]]
    assert choice.parts
    assert (
        choice.finish
        is {
            "COMPLETE": hub.Finish.STOP,
            "TOOL_CALL": hub.Finish.TOOL_CALLS,
            "STOP_SEQUENCE": hub.Finish.STOP,
            "MAX_TOKENS": hub.Finish.LENGTH,
        }[truth["finish"]]
    )
    billed = truth["usage"]["billed_units"]
    assert counted(reply.usage) == (billed["input_tokens"], billed["output_tokens"])


@pytest.mark.parametrize("record", answered(), ids=lambda record: str(record["id"]))
def test_recorded_answers_survive_both_ways(record: dict[str, Any]) -> None:
    """An answer that is written again and read again is the same answer, whole and as a stream."""
    reply = said(record)
    if "sse_text" not in record:
        assert decode_reply(encode_reply(reply)) == reply
        return
    decoder, encoder = Decoder(), Encoder(model="m")
    events = decoder.feed(record["sse_text"].encode())
    again = Decoder()
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
    """No recorded error is taken for something else, in version 1 either."""
    with lzma.open(FILE, "rt", encoding="utf-8") as lines:
        errors = [record for record in map(json.loads, lines) if record["status"] != 200]
    kinds = {read_error(record["status"], [], record["response_body"].encode()).kind for record in errors}
    assert kinds == {OutcomeKind.CONTEXT_LENGTH, OutcomeKind.MODEL_NOT_FOUND}


def test_other_formats_do_not_crash_it() -> None:
    """Version 1 of the API, and Writer's chat, which is OpenAI's and only filed here, are faults at worst."""
    writer = CORPUS / "writer" / "cohere_chat.jsonl.xz"
    for path in (FILE, writer):
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            others = [record for record in map(json.loads, lines) if path is writer or of_version_1(record)]
        for record in others:
            body = (record.get("sse_text") or record["response_body"]).encode()
            with suppress(UpstreamFault):
                decode_reply(body)
            with suppress(UpstreamFault):
                decoder = Decoder()
                assert not any(isinstance(event, hub.TextDelta) for event in decoder.feed(body) + decoder.close())
