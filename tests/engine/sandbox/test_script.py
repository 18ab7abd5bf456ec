from typing import Any

import msgspec
import pytest

from engine.sandbox.faults import parse
from engine.sandbox.script import Ending, Script, script
from engine.wire.openai_chat.envelope import Reply, read_reply
from engine.wire.openai_chat.relay import ChatStream

CHAT = "/chat/completions"


def scripted(faults: str = "", **fields: Any) -> Script:
    body = {"model": "echo", "messages": [{"role": "user", "content": "hello there"}]} | fields
    return script(CHAT, msgspec.json.encode(body), parse(faults), created=1)


def body(played: Script) -> bytes:
    return b"".join(step.data for step in played.steps)


def test_a_stream_is_one_that_we_read() -> None:
    """The sandbox's stream passes our own reader: content, finish, usage when asked for, terminator."""
    played = scripted(stream=True, stream_options={"include_usage": True})
    stream = ChatStream(strip_usage=False)
    assert stream.feed(body(played)) + stream.close() == body(played)
    assert stream.error is None
    assert (stream.finish_reason, stream.content_events) == ("stop", 4)
    assert stream.usage is not None
    assert stream.usage.total_output == 4


def test_usage_only_when_asked_for() -> None:
    """A stream without the option says nothing of usage."""
    assert b"usage" not in body(scripted(stream=True))


def test_a_whole_answer_is_one_that_we_read() -> None:
    """The sandbox's whole answer passes our own reader, with the same usage as the stream."""
    reply = read_reply(body(scripted()))
    assert isinstance(reply, Reply)
    assert reply.finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_output == 4


def test_streams_are_paced() -> None:
    """Pauses differ from each other, stay near the model's pace, and are the same in every run."""
    pauses = [step.pause_s for step in scripted(stream=True).steps if step.pause_s]
    assert len(set(pauses)) > 1
    assert all(0.5 / 80 < pause_s < 1.5 / 80 for pause_s in pauses)
    assert scripted(stream=True) == scripted(stream=True)
    assert scripted().head_pause_s > 0.15
    assert scripted(model="instant").head_pause_s == 0


@pytest.mark.parametrize(
    ("faults", "status", "steps", "ending"),
    [
        ("500", 500, 1, Ending.END),
        ("reset after 2 chunks", 200, 2, Ending.RESET),
        ("stall after 3 chunks", 200, 3, Ending.STALL),
        ("error after 1 chunk", 200, 2, Ending.END),
        ("malformed", 200, 1, Ending.END),
    ],
)
def test_faults_change_the_script(faults: str, status: int, steps: int, ending: Ending) -> None:
    """Each fault shows in status, in how much is said, and in how it ends."""
    played = scripted(faults, stream=True)
    assert (played.status, len(played.steps), played.ending) == (status, steps, ending)


def test_a_slow_first_byte_adds_to_the_pause() -> None:
    """Slowness holds together with other faults."""
    played = scripted("slow first byte 3s, reset", stream=True)
    assert played.head_pause_s == pytest.approx(3.15)
    assert played.headless


def test_a_whole_answer_breaks_in_its_middle() -> None:
    """An answer in one piece that is to break off after a chunk sends half of it."""
    whole = body(scripted())
    assert body(scripted("reset after 1 chunk")) == whole[: len(whole) // 2]


def test_rate_limits_say_when_to_come_back() -> None:
    """A 429 carries Retry-After."""
    assert (b"retry-after", b"1") in scripted("429").headers


def test_mistakes_are_told_as_openai_tells_them() -> None:
    """An unknown model is 404, a body that cannot be read 400, both in OpenAI's shape."""
    unknown = scripted(model="gpt-9")
    assert unknown.status == 404
    assert msgspec.json.decode(body(unknown))["error"]["code"] == "model_not_found"
    assert script(CHAT, b"{", (), created=1).status == 400


def test_a_tool_call_is_streamed_in_halves() -> None:
    """The deltas of a call join to its arguments."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    played = scripted(stream=True, tools=[tool], tool_choice="required")
    chunks = [msgspec.json.decode(step.data[6:]) for step in played.steps[:-1]]
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert "".join(call["function"]["arguments"] for call in calls) == "{}"
    assert [call.get("id") is not None for call in calls] == [True, False, False]


@pytest.mark.parametrize("faults", ["", "malformed", "error after 1 chunk, reset after 2 chunks"])
@pytest.mark.parametrize(
    "fields",
    [
        {"tools": 7},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": 7}}], "tool_choice": "required"},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": True}}},
        {"messages": [{}]},
        {"messages": [{"content": [7, {"text": 7}]}]},
        {"max_tokens": 0},
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_strange_requests_are_answered(faults: str, fields: dict[str, Any], stream: bool) -> None:
    """What is odd but readable gets an answer and never a crash, with or without faults."""
    assert scripted(faults, stream=stream, **fields).status == 200


@pytest.mark.parametrize("tools", [b"[1e999]", b"[" * 900 + b"]" * 900])
def test_what_cannot_be_read_is_a_400(tools: bytes) -> None:
    """What the reader of requests leaves unread and the sandbox cannot read is the caller's mistake."""
    request = b'{"model": "echo", "messages": [{"content": "x"}], "tools": ' + tools + b"}"
    assert script(CHAT, request, (), created=1).status in {200, 400}


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/embeddings", {"model": "embedding", "input": "a"}), ("/images/generations", {"model": "image", "prompt": "a"})],
)
def test_faults_are_for_every_path(path: str, asked: dict[str, str]) -> None:
    """Embeddings and pictures fail on request as chats do, and are slow by a pace of their own."""
    request = msgspec.json.encode(asked)
    whole = script(path, request, (), created=1)
    assert (whole.status, len(whole.steps), whole.ending) == (200, 1, Ending.END)
    assert whole.head_pause_s > 0
    assert script(path, request, parse("429"), created=1).status == 429
    halved = script(path, request, parse("reset after 1 chunk"), created=1)
    assert body(whole).startswith(body(halved))
    assert len(body(halved)) == len(body(whole)) // 2


def test_a_model_is_asked_at_its_path() -> None:
    """A model for chats makes no vectors: the answer is 404, and names those that do; a strange path is named, too."""
    request = msgspec.json.encode({"model": "echo", "input": "a"})
    assert b"known are embedding" in body(script("/embeddings", request, (), created=1))
    strange = script("/audio/speech", request, (), created=1)
    assert strange.status == 404
    assert b"not at /audio/speech" in body(strange)
