"""Recorded chat traffic, where it lies beside the repository: decoded to what was said, and back without loss."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine import hub
from engine.values import Usage
from engine.wire.dialect import Dialect
from engine.wire.fold import fold, spread
from engine.wire.openai_chat.envelope import read_envelope
from engine.wire.openai_chat.error import read_reply_error
from engine.wire.openai_chat.reply import decode_reply, encode_reply
from engine.wire.openai_chat.request import decode_request, encode_request
from engine.wire.openai_chat.stream import Decoder, Encoder

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*/chat.jsonl.xz"))

EXCLUDED = {
    "openai-58741eb2bdf2": "spoken: the truth has no text, we take the transcript",
    "openai-a25838226963": "spoken: the truth has no text, we take the transcript",
    "openai-75237d8e3bda": "a custom tool, which the truth does not know",
    "snowflake-07d8e455f1ab": "reasoning in reasoning_details alone, where the truth does not look",
    "snowflake-bd236410b945": "reasoning in reasoning_details alone, where the truth does not look",
}
"""Records that differ from the truth → why."""

OUTPUT_UNSURE = {"gemini", "vercel-gateway", "openrouter"}
"""Their completion tokens may leave reasoning out, which the extracted truth does not correct."""

FREE = Dialect(thoughts="fields", developer=True, reasoning="object", cache=True, top_k=True, tool_media=True)

pytestmark = pytest.mark.skipif(not FILES, reason=f"no recorded traffic at {CORPUS}")


def records(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def events_of(data: bytes) -> list[hub.Event]:
    decoder = Decoder()
    return decoder.feed(data) + decoder.close()


def read(record: dict[str, Any]) -> hub.Reply | None:
    """The answer that was recorded; None where it is an error."""
    if "sse_text" in record:
        events = events_of(record["sse_text"].encode())
        return None if isinstance(events[-1], hub.Failed) else fold(events)
    body = record["response_body"].encode()
    return None if read_reply_error(body) else decode_reply(body)


def arguments(call: hub.ToolCall) -> Any:
    try:
        return json.loads(call.arguments)
    except ValueError:
        return call.arguments


def told(reply: hub.Reply) -> dict[str, Any]:
    """What the truth says of an answer, read from the hub."""
    choice = reply.choices[0] if reply.choices else hub.Choice()
    calls = [part for part in choice.parts if isinstance(part, hub.ToolCall)]
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, hub.Text)),
        "reasoning": "".join(part.text for part in choice.parts if isinstance(part, hub.Thinking)),
        "refusal": "".join(part.text for part in choice.parts if isinstance(part, hub.Refusal)),
        "calls": [(call.name, arguments(call)) for call in calls],
        "ids": [call.id for call in calls],
        "finish": choice.finish or "",
    }


def expected(truth: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    """A call without a name is none; one without an id has ours; calls after `stop` are what it stopped for."""
    calls = [call for call in truth["tool_calls"] if call["name"]]
    return {
        "text": truth["text"],
        "reasoning": truth["reasoning"],
        "refusal": truth["refusal"],
        "calls": [(call["name"], call["args"]) for call in calls],
        "ids": [call.get("id") or made for call, made in zip(calls, ids, strict=False)],
        "finish": "tool_calls" if calls and truth["finish"] == "stop" else truth["finish"] or "",
    }


def counted(usage: Usage, truth: dict[str, Any], provider: str) -> bool:
    """Whether input, and output with or without reasoning, are as the truth has them."""
    output = {usage.total_output, usage.total_output - usage.reasoning}
    return usage.total_input == truth["in"] and (provider in OUTPUT_UNSURE or truth["out"] in output)


def answers(path: Path) -> Iterator[tuple[dict[str, Any], hub.Reply]]:
    for record in records(path):
        if record["status"] == 200 and record.get("truth"):
            reply = read(record)
            if reply is not None:
                yield record, reply


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_recorded_answers_say_what_was_said(path: Path) -> None:
    """Text, reasoning, refusals, calls with their ids, the finish and the usage are as the truth has them."""
    for record, reply in answers(path):
        if record["id"] not in EXCLUDED:
            said = told(reply)
            assert said == expected(record["truth"], said["ids"]), record["id"]
        usage = record["truth"].get("usage") or {}
        assert reply.usage or usage.get("in") is None, record["id"]
        if reply.usage and usage.get("in") is not None:
            assert counted(reply.usage, usage, path.parent.name), record["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_recorded_answers_are_told_again(path: Path) -> None:
    """Written again, as a whole and as a stream, every recorded answer says the same, usage included."""
    for record, reply in answers(path):
        said = told(reply)
        said["finish"] = said["finish"] or ("tool_calls" if said["calls"] else "stop")
        encoder = Encoder(model=reply.model, ask_usage=True)
        streamed = fold(events_of(b"".join(map(encoder.encode, spread(reply))) + encoder.close()))
        whole = decode_reply(encode_reply(reply)) if reply.choices else streamed
        for again in (whole, streamed):
            assert told(again) == said, record["id"]
            assert again.usage == reply.usage, record["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_cuts_do_not_matter(path: Path) -> None:
    """However a recorded stream is cut, the events are the same."""
    for record in records(path):
        data = record.get("sse_text", "").encode()
        if data and record["status"] == 200:
            random = Random(record["id"])
            decoder, events, at = Decoder(), [], 0
            while at < len(data):
                size = random.choice((1, 7, 61, 997))
                events += decoder.feed(data[at : at + size])
                at += size
            assert events + decoder.close() == events_of(data), record["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_recorded_requests_come_through_the_hub_whole(path: Path) -> None:
    """Read, written and read again, every recorded request means the same."""
    for record in records(path):
        if isinstance(record.get("request_body"), dict):
            fields = read_envelope(json.dumps(record["request_body"]).encode()).fields
            request = decode_request(fields)
            again, dropped = encode_request(request, dialect=FREE)
            kept = {name: fields[name] for name in ("model", "stream") if name in fields}
            assert decode_request(again | kept) == request, record["id"]
            assert not dropped
            encode_request(request)
