"""Recorded traffic of the Responses API, where it lies beside the repository: all of it is read as the truth has it."""

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
from engine.wire.openai_responses.envelope import finish, read_envelope
from engine.wire.openai_responses.error import read_error, read_reply_error
from engine.wire.openai_responses.reply import decode_reply, encode_reply
from engine.wire.openai_responses.request import decode_request, encode_request
from engine.wire.openai_responses.stream import Decoder, Encoder

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*/responses.jsonl.xz"))

EXCLUDED = {
    "azure-4b10f8705413": "four answers in one file",
    "openai-0c52a0fd52e0": "two answers in one file",
    "openai-d1cc277ea909": "written by hand: events of a format that no API has",
}

FINISHES = {
    "stop": hub.Finish.STOP,
    "complete": hub.Finish.STOP,
    "tool_calls": hub.Finish.TOOL_CALLS,
    "length": hub.Finish.LENGTH,
    "incomplete:None": hub.Finish.LENGTH,
    "queued": None,
}

pytestmark = pytest.mark.skipif(not FILES, reason=f"no recorded traffic at {CORPUS}")


def records(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def answers(path: Path) -> Iterator[dict[str, Any]]:
    """Answers with status 200; two recordings are files and not answers."""
    for record in records(path):
        if record["status"] == 200 and record.get("truth") and record["id"] not in EXCLUDED:
            yield record


def told(record: dict[str, Any], size: int | None = None) -> list[hub.Event]:
    data = record["sse_text"].encode()
    size = size or len(data)
    decoder = Decoder()
    events = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]
    return events + decoder.close()


def said(reply: hub.Reply) -> dict[str, Any]:
    """A reply in the truth's words.

    Paragraphs of reasoning are joined there without a blank line, and it knows no custom tools.
    """
    choice = reply.choices[0] if reply.choices else hub.Choice()
    parts, finish = choice.parts, choice.finish
    if any(isinstance(part, hub.ToolCall) and part.custom for part in parts):
        parts, finish = tuple(part for part in parts if not isinstance(part, hub.ToolCall)), hub.Finish.STOP
    return {
        "text": "".join(part.text for part in parts if isinstance(part, hub.Text)),
        "reasoning": "".join(part.text for part in parts if isinstance(part, hub.Thinking)).replace("\n\n", ""),
        "refusal": "".join(part.text for part in parts if isinstance(part, hub.Refusal)),
        "tool_calls": [
            {"id": part.id, "name": part.name, "args": part.arguments}
            for part in parts
            if isinstance(part, hub.ToolCall)
        ],
        "finish": finish,
    }


def arguments(call: dict[str, Any]) -> dict[str, Any]:
    """A call with its arguments as JSON, where they are."""
    args = call["args"]
    if isinstance(args, str):
        try:
            args = json.loads(args)
        except ValueError:
            args = call["args"]
    return call | {"args": args}


def expected(truth: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": truth["text"],
        "reasoning": truth["reasoning"].replace("\n\n", ""),
        "refusal": truth["refusal"] or "",
        "tool_calls": truth["tool_calls"],
        "finish": FINISHES[truth["finish"]],
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_recorded_answers_are_read(path: Path) -> None:
    """Text, reasoning, refusal, calls, finish and usage of every recorded answer are as the truth has them."""
    for record in answers(path):
        truth = record["truth"]
        if truth["finish"] == "failed":
            assert isinstance(told(record)[-1], hub.Failed), record["id"]
            continue
        reply = fold(told(record)) if "sse_text" in record else decode_reply(record["response_body"].encode())
        got, want = said(reply), expected(truth)
        got["tool_calls"] = [arguments(call) for call in got["tool_calls"]]
        want["tool_calls"] = [arguments(call) for call in want["tool_calls"]]
        assert got == want, record["id"]
        usage = truth["usage"] or {}
        if usage.get("in") is not None:
            assert reply.usage, record["id"]
            counts = (reply.usage.total_input, reply.usage.total_output, reply.usage.cached_input)
            assert counts == (usage["in"], usage["out"], usage["cache_read"] or 0), record["id"]
            assert reply.usage.reasoning == (usage["reasoning"] or 0), record["id"]
        else:
            assert not reply.usage, record["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_recorded_answers_are_written_again(path: Path) -> None:
    """Every recorded answer, written and read once more, is the same; of items only the invented ids are new."""
    for record in answers(path):
        if record["truth"]["finish"] == "failed":
            continue
        if "sse_text" in record:
            events = told(record)
            encoder = Encoder(model="")
            again = b"".join(encoder.encode(event) for event in events) + encoder.close()
            decoder = Decoder()
            assert said(fold(decoder.feed(again) + decoder.close())) == said(fold(events)), record["id"]
        else:
            reply = decode_reply(record["response_body"].encode())
            assert same(decode_reply(encode_reply(reply)), reply), record["id"]


def same(again: hub.Reply, reply: hub.Reply) -> bool:
    """Whether two replies are one; `resp_` is put before ids that lack it, and reasons are in OpenAI's words."""
    choices = tuple(
        msgspec.structs.replace(choice, finish_raw=other.finish_raw)
        for choice, other in zip(reply.choices, again.choices, strict=True)
    )
    return again == msgspec.structs.replace(reply, id=again.id, choices=choices) and again.id.endswith(reply.id)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_recorded_requests_are_read_and_written_again(path: Path) -> None:
    """Every recorded request is understood, and means the same when it has been written and read once more.

    Stored prompts may bring the model, too; routing has to be told one.
    """
    for record in records(path):
        if not isinstance(record.get("request_body"), dict):
            continue
        envelope = read_envelope(json.dumps({"model": "m"} | record["request_body"]).encode())
        request = decode_request(envelope.fields)
        encoded = encode_request(request)
        assert encoded.dropped == (), record["id"]
        body = finish(encoded.fields, model=request.model, stream=request.stream)
        assert decode_request(read_envelope(body).fields) == request, record["id"]


def test_recorded_errors_are_classed() -> None:
    """No recorded error is taken for a success or for no answer, and each has a message."""
    for path in FILES:
        for record in records(path):
            if record["status"] != 200:
                outcome = read_error(record["status"], [], record["response_body"].encode())
                assert outcome.kind not in {OutcomeKind.OK, OutcomeKind.MALFORMED}
                assert outcome.message
            elif "response_body" in record and (record.get("truth") or {}).get("finish") != "failed":
                assert read_reply_error(record["response_body"].encode()) is None, record["id"]
