"""Bedrock's recorded traffic, where it lies beside the repository: every answer as its truth has it."""

import base64
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import OutcomeKind
from engine.values import Usage
from engine.wire.bedrock.encoder import frame
from engine.wire.bedrock.error import read_error
from engine.wire.bedrock.invoke import Decoder as InvokeDecoder
from engine.wire.bedrock.reply import decode_reply
from engine.wire.bedrock.request import decode_request, encode_request, finish
from engine.wire.bedrock.stream import Decoder
from engine.wire.fold import fold

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus" / "bedrock"

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason=f"no recorded traffic at {CORPUS}")


def records(*names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        with lzma.open(CORPUS / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines)


def sent(record: dict[str, Any]) -> bytes:
    """The event stream; where only its events were kept, put into frames again."""
    if "response_b64" in record:
        return base64.b64decode(record["response_b64"])
    events = [json.loads(line[5:]) for line in record["sse_text"].splitlines() if line.startswith("data:")]
    return b"".join(frame(name, payload) for event in events for name, payload in event.items())


def said(record: dict[str, Any]) -> hub.Reply:
    if record["endpoint"] == "converse":
        return decode_reply(record["response_body"].encode())
    return fold(fed(Decoder, sent(record)))


def found(reply: hub.Reply) -> dict[str, Any]:
    """What the truth tells, of the answer as it was read."""
    (choice,) = reply.choices
    usage = reply.usage or Usage()
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, hub.Text)),
        "reasoning": "".join(part.text for part in choice.parts if isinstance(part, hub.Thinking)),
        "tool_calls": [
            {"id": part.id, "name": part.name, "args": json.loads(part.arguments)}
            for part in choice.parts
            if isinstance(part, hub.ToolCall)
        ],
        "finish": str(choice.finish),
        "finish_raw": choice.finish_raw,
        "in": usage.input,
        "out": usage.output,
        "cache_read": usage.cached_input,
        "cache_write": usage.cache_write,
    }


def expected(truth: dict[str, Any], got: dict[str, Any], *, cited: bool) -> dict[str, Any]:
    """As `found`; the truth leaves out text that carries citations, which is taken on trust."""
    truth = truth | ({"text": got["text"]} if cited and truth["text"] in got["text"] else {})
    names = ("text", "reasoning", "tool_calls", "finish", "finish_raw")
    usage = truth["usage"] or {}
    return {name: truth[name] for name in names} | {
        name: usage.get(name) or 0 for name in ("in", "out", "cache_read", "cache_write")
    }


def test_recorded_answers_are_read() -> None:
    """Text, reasoning, tool calls, finish and usage of every answer are as the truth has them, however it is cut."""
    wrong = {}
    for record in records("converse", "converse_stream"):
        if record["status"] != 200:
            continue
        got = found(said(record))
        wanted = expected(record["truth"], got, cited='"citationsContent"' in record.get("response_body", ""))
        if got != wanted:
            wrong[record["id"]] = {name: (got[name], wanted[name]) for name in got if got[name] != wanted[name]}
    assert not wrong


def test_recorded_answers_of_claude_are_read() -> None:
    """The events in InvokeModel's chunks are read as what they are, and every answer comes to its end."""
    for record in records("invoke_stream"):
        if record["status"] != 200 or "messages" not in record["request_body"] or "claude" not in record["model"]:
            continue
        events = fed(InvokeDecoder, sent(record))
        texts = [event["payload"]["chunk"].get("delta", {}).get("text", "") for event in record["eventstream"]]
        reply = fold(events)
        assert found(reply)["text"] == "".join(texts), record["id"]
        assert reply.choices[0].finish in {hub.Finish.STOP, hub.Finish.TOOL_CALLS, hub.Finish.LENGTH}, record["id"]
        assert reply.usage, record["id"]
        assert reply.usage.output, record["id"]


def test_events_of_claude_say_the_same_in_chunks() -> None:
    """Answers of Claude's whose truth is known are as it has them when they come in InvokeModel's chunks."""
    for record in records("../bedrock-anthropic/messages"):
        if "sse_text" not in record or record["status"] != 200:
            continue
        events = [line[5:].strip() for line in record["sse_text"].splitlines() if line.startswith("data:")]
        chunks = [{"bytes": base64.b64encode(event.encode()).decode(), "p": "abc"} for event in events]
        got = found(fold(fed(InvokeDecoder, b"".join(frame("chunk", chunk) for chunk in chunks))))
        assert got == expected(record["truth"], got, cited=False), record["id"]


def fed(decoder: type[Decoder] | type[InvokeDecoder], data: bytes) -> list[hub.Event]:
    """The events of *data*, which are the same whole and byte by byte, and no failure."""
    whole, pieces = decoder(), decoder()
    events = [*whole.feed(data), *whole.close()]
    assert [event for byte in data for event in pieces.feed(bytes([byte]))] + pieces.close() == events
    assert not any(isinstance(event, hub.Failed) for event in events), events[-1]
    return events


def body_of(record: dict[str, Any]) -> dict[str, msgspec.Raw] | None:
    """The request's body; None where none, or only a text that is no JSON, was kept."""
    body = record.get("request_body")
    if isinstance(body, str) or body is None:
        return None
    return msgspec.json.decode(json.dumps(_mended(body)), type=dict[str, msgspec.Raw])


def _mended(value: Any) -> Any:
    """Bytes that a recorder of JavaScript wrote as objects, in base64 as they were sent."""
    if isinstance(value, dict):
        if value.get("type") == "Buffer":
            return base64.b64encode(bytes(value["data"])).decode()
        if value and all(key.isdigit() for key in value):
            return base64.b64encode(bytes(value.values())).decode()
        return {key: _mended(each) for key, each in value.items()}
    return [_mended(each) for each in value] if isinstance(value, list) else value


def test_recorded_requests_keep_their_meaning() -> None:
    """Every request says the same after it has been read and written, and nothing of it is dropped."""
    for record in records("converse", "converse_stream"):
        fields = body_of(record)
        if fields is None:
            continue
        request = decode_request(fields)
        fields, dropped = encode_request(request)
        assert not dropped, record["id"]
        again = decode_request(
            msgspec.json.decode(finish(fields, model="m", stream=False), type=dict[str, msgspec.Raw])
        )
        assert plain(again) == plain(request), record["id"]


def plain(request: hub.Request) -> Any:
    return msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(request, model="")))


def test_recorded_errors_are_classed() -> None:
    """No recorded error is taken for a success or for no answer, and each has a message."""
    for record in records("converse", "converse_stream", "invoke", "invoke_stream", "count_tokens"):
        if record["status"] != 200:
            headers = [(name.lower().encode(), value.encode()) for name, value in record["response_headers"].items()]
            outcome = read_error(record["status"], headers, record["response_body"].encode())
            assert outcome.kind not in {OutcomeKind.OK, OutcomeKind.MALFORMED}
            assert outcome.message
