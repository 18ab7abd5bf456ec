"""What reading and writing OpenAI chat costs, in microseconds of CPU: `python tests/bench/bench_wire.py`."""

import time
from collections.abc import Callable

import msgspec

from engine.wire.json_edit import Edit, apply
from engine.wire.openai_chat.envelope import finish, read_envelope, read_reply
from engine.wire.openai_chat.relay import ChatStream

ROUNDS = 9
EVENTS = 64


def cost_us(work: Callable[[], object], times: int = 5_000) -> float:
    """CPU microseconds of one call: the best round, since noise only adds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(times):
            work()
        best = min(best, time.process_time() - started)
    return best / times * 1e6


def request(messages: int, length: int) -> bytes:
    said = [{"role": "user", "content": "Hello, how are you today? "[:length] * (length // 26 + 1)}] * messages
    return msgspec.json.encode({"model": "openai/gpt-4o-mini", "messages": said, "temperature": 0.7, "stream": True})


def event(choices: object, **more: object) -> bytes:
    head = {"id": "chatcmpl-Cz1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
    return b"data: " + msgspec.json.encode(head | {"choices": choices} | more) + b"\n\n"


def choice(delta: object, finish_reason: str | None = None) -> list[object]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]


CHUNKS = [
    event(choice({"role": "assistant", "content": ""}), usage=None, obfuscation="x1"),
    *[event(choice({"content": " word"}), usage=None, obfuscation="x2")] * EVENTS,
    event(choice({}, "stop"), usage=None, obfuscation="x3"),
    event([], usage={"prompt_tokens": 20, "completion_tokens": EVENTS, "total_tokens": 20 + EVENTS}, obfuscation="x4"),
    b"data: [DONE]\n\n",
]


def relay(reads: list[bytes]) -> None:
    stream = ChatStream(strip_usage=True)
    for read in reads:
        stream.feed(read)
    stream.close()


def main() -> None:
    """Print the table."""
    small, large = request(2, 40), request(8, 290)
    fields = read_envelope(large).fields
    edit = Edit(default=(("temperature", b"0.2"), ("service_tier", b'"default"')))
    reply = msgspec.json.encode(
        {
            "id": "c-1",
            "model": "m",
            "choices": [{"message": {"content": "x" * 500}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
        }
    )
    burst = b"".join(CHUNKS)
    rows = {
        f"read_envelope, {len(small)} bytes": cost_us(lambda: read_envelope(small)),
        f"read_envelope, {len(large)} bytes": cost_us(lambda: read_envelope(large)),
        "finish": cost_us(lambda: finish(fields, model="gpt-4o-mini", stream=False)),
        "finish, asking for usage": cost_us(lambda: finish(fields, model="m", stream=True)),
        "apply an edit that adds a field": cost_us(lambda: apply(fields, edit)),
        f"read_reply, {len(reply)} bytes": cost_us(lambda: read_reply(reply)),
        f"stream event, {EVENTS} in one read": cost_us(lambda: relay([burst]), 200) / len(CHUNKS),
        "stream event, one a read": cost_us(lambda: relay(CHUNKS), 200) / len(CHUNKS),
    }
    for name, us in rows.items():
        print(f"{name:<40} {us:8.2f} µs")  # noqa: T201 - the table is what this program is for


if __name__ == "__main__":
    main()
