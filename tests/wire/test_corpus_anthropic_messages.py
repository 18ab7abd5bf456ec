"""Recorded Messages traffic, where it lies beside the repository: every answer is read as the truth has it."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import hub
from engine.errors import OutcomeKind
from engine.wire.anthropic_messages.envelope import finish, read_envelope
from engine.wire.anthropic_messages.error import read_error, read_reply_error
from engine.wire.anthropic_messages.reply import decode_reply, encode_reply
from engine.wire.anthropic_messages.request import decode_request, encode_request
from engine.wire.anthropic_messages.stream import Decoder, Encoder
from engine.wire.fold import fold, spread

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILES = sorted(
    [
        *CORPUS.glob("anthropic/messages.jsonl.xz"),
        *CORPUS.glob("bedrock-anthropic/messages.jsonl.xz"),
        *CORPUS.glob("vertex-anthropic/*.jsonl.xz"),
        *CORPUS.glob("local-openai-compat/messages.jsonl.xz"),
    ]
)

EXCLUDED = {
    "anthropic-4883a62651fd": "two streams in one body: the first breaks off and a second message_start follows",
    "anthropic-b6464c9ea364": "two streams in one body: a second message follows the first one's message_stop",
}
"""Id of a recording → why it cannot hold."""

FINISH = {
    "stop": hub.Finish.STOP,
    "length": hub.Finish.LENGTH,
    "tool_calls": hub.Finish.TOOL_CALLS,
    "content_filter": hub.Finish.CONTENT_FILTER,
    "refusal": hub.Finish.CONTENT_FILTER,
    "pause": hub.Finish.PAUSE,
}

pytestmark = pytest.mark.skipif(not FILES, reason=f"no recorded traffic at {CORPUS}")
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")


def records(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["id"] not in EXCLUDED:
                yield record


def answered(path: Path) -> Iterator[tuple[dict[str, Any], hub.Reply]]:
    for record in records(path):
        if record["status"] == 200:
            yield record, said(record)


def said(record: dict[str, Any]) -> hub.Reply:
    if "sse_text" not in record:
        return decode_reply(record["response_body"].encode())
    decoder = Decoder()
    events = [*decoder.feed(record["sse_text"].encode()), *decoder.close()]
    assert [event for event in events if isinstance(event, hub.Failed)] == [], record["id"]
    return fold(events)


def texts(reply: hub.Reply, kind: type[hub.Text | hub.Thinking]) -> str:
    return "".join(part.text for part in reply.choices[0].parts if isinstance(part, kind))


def calls(reply: hub.Reply) -> list[tuple[str, str, Any]]:
    found = [part for part in reply.choices[0].parts if isinstance(part, hub.ToolCall)]
    return [(call.id, call.name, arguments(call.arguments)) for call in found]


def citations(reply: hub.Reply) -> list[hub.Citation]:
    parts = reply.choices[0].parts
    return [citation for part in parts if isinstance(part, hub.Text) for citation in part.citations]


def arguments(text: str) -> Any:
    """The value of arguments; their text where the model was cut off in the middle."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def differences(truth: dict[str, Any], reply: hub.Reply) -> Iterator[str]:
    choice = reply.choices[0]
    if texts(reply, hub.Text) != (truth.get("text") or ""):
        yield f"text {texts(reply, hub.Text)!r} for {truth['text']!r}"
    if texts(reply, hub.Thinking) != (truth.get("reasoning") or ""):
        yield f"reasoning {texts(reply, hub.Thinking)!r} for {truth['reasoning']!r}"
    wanted = [(call["id"], call["name"], call["args"]) for call in truth.get("tool_calls") or ()]
    if calls(reply) != wanted:
        yield f"calls {calls(reply)} for {wanted}"
    if truth.get("finish_raw") and choice.finish_raw != truth["finish_raw"]:
        yield f"finish {choice.finish_raw} for {truth['finish_raw']}"
    if truth.get("finish") and choice.finish is not FINISH[truth["finish"]]:
        yield f"finish {choice.finish} for {truth['finish']}"
    yield from usage_differences(truth.get("usage") or {}, reply)


def usage_differences(truth: dict[str, Any], reply: hub.Reply) -> Iterator[str]:
    usage = reply.usage
    if usage is None:
        if truth.get("in") is not None:
            yield "no usage"
        return
    pairs = (
        ("in", usage.input),
        ("out", usage.total_output),
        ("cache_read", usage.cached_input),
        ("cache_write", usage.cache_write + usage.cache_write_1h),
        ("reasoning", usage.reasoning),
    )
    yield from (f"{name} {got} for {truth[name]}" for name, got in pairs if truth.get(name) not in {None, got})


@each_file
def test_recorded_answers_are_read(path: Path) -> None:
    """Text, thoughts, calls, finish and usage of every recorded answer are as the truth has them."""
    wrong = {
        record["id"]: found
        for record, reply in answered(path)
        if (found := list(differences(record.get("truth") or {}, reply)))
    }

    assert wrong == {}


@each_file
def test_recorded_requests_keep_their_meaning(path: Path) -> None:
    """Every recorded request is read as routing sees it, and means the same after it was decoded and encoded."""
    for record in records(path):
        body = record.get("request_body")
        if not isinstance(body, dict) or record["status"] == 400:
            continue
        envelope = read_envelope(json.dumps({"model": "m", **body}).encode())
        request = decode_request(envelope.fields)
        encoded = encode_request(request)
        again = decode_request(read_envelope(finish(encoded.fields, model=request.model, stream=request.stream)).fields)
        assert again == request, record["id"]
        assert encoded.dropped == (), record["id"]


@each_file
def test_recorded_answers_keep_their_meaning(path: Path) -> None:
    """Every recorded answer means the same after it was decoded and encoded, whole and as a stream."""
    for record, reply in answered(path):
        again = decode_reply(encode_reply(reply))
        assert (texts(again, hub.Text), calls(again)) == (texts(reply, hub.Text), calls(reply)), record["id"]
        assert citations(again) == citations(reply), record["id"]
        if "sse_text" not in record:
            assert again == reply, record["id"]
        encoder, decoder = Encoder(model="m"), Decoder()
        sent = b"".join([*(encoder.encode(event) for event in spread(reply)), encoder.close()])
        folded = fold([*decoder.feed(sent), *decoder.close()])
        assert decoder.done
        assert texts(folded, hub.Text) == texts(reply, hub.Text), record["id"]
        assert calls(folded) == calls(reply), record["id"]
        assert folded.usage == reply.usage, record["id"]


def test_recorded_errors_are_classed() -> None:
    """No recorded error is taken for a success or for no answer, and each has a message and its type."""
    for path in FILES:
        for record in records(path):
            if record["status"] != 200:
                outcome = read_error(record["status"], [], record["response_body"].encode())
                assert outcome.kind not in {OutcomeKind.OK, OutcomeKind.MALFORMED, OutcomeKind.SERVER_ERROR}
                assert outcome.message
                assert outcome.code


def test_recorded_answers_are_no_errors() -> None:
    """No recorded whole answer is taken for an error inside status 200."""
    for path in FILES:
        for record in records(path):
            if record["status"] == 200 and "response_body" in record:
                assert read_reply_error(record["response_body"].encode()) is None, record["id"]
