"""A provider on loopback that does what it is told, run as a process of its own.

    python provider.py PORT

What it does is written in the model's name, so that a test says it where it asks: `ok`, `status-429`, `reset`, …
(`BEHAVIOURS`). A name may hold several, one for each request, and a word that tells it from others:
`status-500,ok:mine`. `GET /seen` tells what came in.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "prompt_tokens_details": {"cached_tokens": 4}}
WORDS = ["Hello", " from", " the", " loopback", "."]
Writer = asyncio.StreamWriter

seen: Counter[str] = Counter()
open_streams: set[Writer] = set()
bodies: list[dict[str, Any]] = []
hung_up: Counter[str] = Counter()


def head(status: int, length: int | None, kind: str = "application/json", extra: str = "") -> bytes:
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return f"HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\n{framing}\r\n{extra}\r\n".encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(content: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": content, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def message(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    if body.get("tools"):
        name = body["tools"][0]["function"]["name"]
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"city": "Oslo"}'}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    return {"role": "assistant", "content": "".join(WORDS)}, "stop"


def plain(body: dict[str, Any]) -> bytes:
    said, finish = message(body)
    choice = {"index": 0, "message": said, "finish_reason": finish}
    answer = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
    encoded = json.dumps(answer).encode()
    return head(200, len(encoded)) + encoded


def events(body: dict[str, Any]) -> list[bytes]:
    said, finish = message(body)
    if "tool_calls" in said:
        call = said["tool_calls"][0] | {"index": 0}
        parts = [delta({"role": "assistant", "content": None, "tool_calls": [call]})]
    else:
        parts = [delta({"role": "assistant", "content": ""}), *(delta({"content": word}) for word in WORDS)]
    parts.append(delta({}, finish))
    if body.get("stream_options", {}).get("include_usage"):
        parts.append(delta({}) | {"choices": [], "usage": USAGE})
    return [*(event(part) for part in parts), b"data: [DONE]\n\n"]


async def ok(body: dict[str, Any], writer: Writer) -> None:
    if not body.get("stream"):
        writer.write(plain(body))
        return
    writer.write(head(200, None, "text/event-stream"))
    for part in events(body):
        writer.write(chunk(part))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


def refuse(status: int, error: dict[str, Any] | None = None, extra: str = "") -> Callable[..., Awaitable[None]]:
    async def answer(_: dict[str, Any], writer: Writer) -> None:
        encoded = json.dumps({"error": error or {"message": f"no: {status}", "type": "x", "code": None}}).encode()
        writer.write(head(status, len(encoded), extra=extra) + encoded)

    return answer


async def reset(_: dict[str, Any], writer: Writer) -> None:
    writer.transport.abort()


async def stall(_: dict[str, Any], writer: Writer) -> None:
    await asyncio.sleep(30)


async def stall_in_stream(body: dict[str, Any], writer: Writer) -> None:
    writer.write(head(200, None, "text/event-stream") + b"".join(chunk(part) for part in events(body)[:3]))
    await writer.drain()
    await asyncio.sleep(30)


async def reset_in_stream(body: dict[str, Any], writer: Writer) -> None:
    writer.write(head(200, None, "text/event-stream") + b"".join(chunk(part) for part in events(body)[:3]))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.transport.abort()


def cut_error(status: int, *, stalls: bool) -> Callable[..., Awaitable[None]]:
    """An error whose body ends too soon, or not at all."""

    async def answer(_: dict[str, Any], writer: Writer) -> None:
        writer.write(head(status, 100) + b'{"error": {"mess')
        await writer.drain()
        await asyncio.sleep(30 if stalls else 0.05)
        writer.transport.abort()

    return answer


async def truncated(body: dict[str, Any], writer: Writer) -> None:
    """A clean end of HTTP without an end of the stream."""
    writer.write(head(200, None, "text/event-stream") + b"".join(chunk(part) for part in events(body)[:3]))
    writer.write(b"0\r\n\r\n")


async def malformed(body: dict[str, Any], writer: Writer) -> None:
    writer.write(head(200, 9) + b'{"choices')


async def error_in_200(body: dict[str, Any], writer: Writer) -> None:
    failed = event({"error": {"message": "overloaded", "type": "server_error", "code": 503}})
    writer.write(head(200, None, "text/event-stream") + chunk(failed) + b"0\r\n\r\n")


def paced(words: int) -> Callable[..., Awaitable[None]]:
    """A stream of so many words, one every 20 ms."""

    async def answer(_: dict[str, Any], writer: Writer) -> None:
        writer.write(head(200, None, "text/event-stream"))
        for n in range(words):
            writer.write(chunk(event(delta({"content": f"word {n} "}))))
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(chunk(event(delta({}, "stop"))) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    return answer


BEHAVIOURS: dict[str, Callable[..., Awaitable[None]]] = {
    "ok": ok,
    "status-400": refuse(400, {"message": "'temperature' must be at most 2", "type": "invalid_request_error"}),
    "status-401": refuse(401),
    "status-402": refuse(402),
    "status-403": refuse(403),
    "status-404": refuse(404, {"message": "no such model", "type": "x", "code": "model_not_found"}),
    "status-429": refuse(429, extra="retry-after: 60\r\n"),
    "status-500": refuse(500),
    "status-503": refuse(503),
    "stalled-503": cut_error(503, stalls=True),
    "cut-503": cut_error(503, stalls=False),
    "huge-429": refuse(429, {"message": "no" * 1_000_000, "type": "x", "code": None}),
    "context-length": refuse(400, {"message": "too long", "type": "x", "code": "context_length_exceeded"}),
    "content-filter": refuse(400, {"message": "filtered", "type": "x", "code": "content_filter"}),
    "reset": reset,
    "stall": stall,
    "stall-in-stream": stall_in_stream,
    "reset-in-stream": reset_in_stream,
    "truncated": truncated,
    "malformed": malformed,
    "error-in-200": error_in_200,
    "paced": paced(60),
    "slow": paced(500),
    "tells-secret": refuse(400, {"message": "Incorrect API key provided: sk-canary-secret", "type": "x", "code": None}),
}


async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
    try:
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            if request.startswith(b"GET "):
                told = {"requests": seen, "bodies": bodies[-20:], "hung_up": hung_up, "open": len(open_streams)}
                encoded = json.dumps(told).encode()
                writer.write(head(200, len(encoded)) + encoded)
                continue
            lengths = [line for line in request.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = json.loads(await reader.readexactly(int(lengths[0].partition(b":")[2])))
            await answer(body, reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def answer(body: dict[str, Any], reader: asyncio.StreamReader, writer: Writer) -> None:
    """Do what the model's name says, until it is done or the peer has gone."""
    model = body["model"]
    steps = model.partition(":")[0].split(",")
    behaviour = BEHAVIOURS[steps[min(seen[model], len(steps) - 1)]]
    seen[model] += 1
    bodies.append(body)
    open_streams.add(writer)
    doing = asyncio.ensure_future(behaviour(body, writer))
    peer = asyncio.ensure_future(reader.read(1))  # nobody speaks before the answer: bytes or not, this is a hang-up
    try:
        await asyncio.wait({doing, peer}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            hung_up[model] += 1
            raise ConnectionResetError
        await doing
        await writer.drain()
    finally:
        doing.cancel()
        peer.cancel()
        await asyncio.gather(doing, peer, return_exceptions=True)
        open_streams.discard(writer)


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
