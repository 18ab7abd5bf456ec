"""What translation costs, in process: OpenAI's chat to Anthropic's messages and back, a request and its stream."""

import time
from collections.abc import Callable, Iterator

import msgspec

from engine import hub
from engine.values import Surface, Usage
from engine.wire.codecs import CallerCodec, ProviderCodec, caller_codec, spoken
from engine.wire.codecs.shapes import Beside
from engine.wire.dialect import OPENAI
from engine.wire.manner import Manner
from tests.bench.table import Figure

ROUNDS = 7
TIMES = 400
EVENTS = 64
NOW = 1_764_000_000

TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "the quick brown fox " * 20},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ],
    "tools": [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": TOOL}}],
    "max_tokens": 256,
    "temperature": 0.2,
}
MESSAGES = {
    "model": "m",
    "max_tokens": 256,
    "system": "You are a helpful assistant.",
    "messages": [
        {"role": "user", "content": "the quick brown fox " * 20},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "rain"}]},
    ],
    "tools": [{"name": "weather", "description": "d", "input_schema": TOOL}],
    "temperature": 0.2,
}
REPLY = hub.Reply(
    id="r",
    model="m",
    choices=(hub.Choice(parts=(hub.Text(text="x" * 700),), finish=hub.Finish.STOP, finish_raw="stop"),),
    usage=Usage(input=40, output=160),
)


def figures() -> Iterator[Figure]:
    """Both ways."""
    ways = (
        ("OpenAI to Anthropic", Surface.CHAT, CHAT, "anthropic"),
        ("Anthropic to OpenAI", Surface.MESSAGES, MESSAGES, "openai"),
    )
    for name, surface, asked, protocol in ways:
        found = spoken(surface, Manner(protocol=protocol), model="m", stream=True)
        assert found is not None
        assert not found.native
        caller, body = caller_codec(surface), msgspec.json.encode(asked)
        yield Figure(
            name=f"translation, {name}: a request and its answer",
            unit="µs",
            values=_cost_us(_request(caller, found.codec, body)),
            must=400,
            aim=200,
        )
        yield Figure(
            name=f"translation, {name}: an event of a stream",
            unit="µs",
            values=[cost / EVENTS for cost in _cost_us(_stream(caller, found.codec, body))],
            must=15,
            aim=7.5,
            note=f"a stream of {EVENTS}, begun and ended, divided by them",
        )


def _request(caller: CallerCodec, provider: ProviderCodec, body: bytes) -> Callable[[], object]:
    """Everything that is done for a request because its provider speaks another protocol."""
    assert provider.encode_reply is not None
    envelope, answer = caller.read(body, Beside()), provider.encode_reply(REPLY)

    def once() -> bytes:
        fields, _ = provider.encode_request(caller.decode_request(envelope.fields), None, OPENAI)
        provider.finish(fields, model="m", stream=False)
        return caller.encode_reply(provider.decode_reply(answer), envelope, NOW)

    return once


def _stream(caller: CallerCodec, provider: ProviderCodec, body: bytes) -> Callable[[], object]:
    """A stream whose events come one by one."""
    assert provider.encoder is not None
    assert caller.encoder is not None
    envelope, writer = caller.read(body, Beside()), provider.encoder("m")
    events: list[hub.Event] = [hub.Opened(id="r", model="m"), *(hub.TextDelta(text="token ") for _ in range(EVENTS))]
    told: list[hub.Event] = [
        *events,
        hub.Finished(finish=hub.Finish.STOP),
        hub.Metered(usage=Usage(input=40, output=EVENTS)),
    ]
    pieces = [piece for event in told if (piece := writer.encode(event))] + [writer.close()]
    encoder = caller.encoder

    def once() -> bytes:
        stream = provider.translated(encoder(envelope, NOW), hub.Opened())
        return b"".join([*map(stream.feed, pieces), stream.close()])

    return once


def _cost_us(once: Callable[[], object]) -> list[float]:
    """CPU microseconds of a call, a value a round."""
    rounds = []
    for _ in range(ROUNDS):
        began_s = time.thread_time()
        for _ in range(TIMES):
            once()
        rounds.append((time.thread_time() - began_s) / TIMES * 1e6)
    return rounds
