"""What an exchange with a provider costs us: CPU of this process alone, beside a bare exchange of the same bytes.

    .venv/bin/python tests/bench/bench_upstream.py

The server is a process of its own that answers every read with the same bytes. `bare` is the floor: one protocol, one
write and one future for an exchange, no HTTP. What `upstream` costs beyond it is ours. Both in turns, median of rounds.
"""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from typing import cast

import uvloop

from engine.gateway import Call, Cork
from engine.rules.program import Connections, Timeouts
from engine.upstream import EnvAndFiles, Upstreams
from tests.calls import call, provider

ROUNDS = 5
EXCHANGES = 5_000
CONCURRENCY = 16
BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 150 + b'"}]}'
HEADERS = b"".join(b"x-ratelimit-%d: 1000\r\n" % n for n in range(8))
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + HEADERS + b"content-length: 733\r\n\r\n" + bytes(733)
)
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
EVENTS = 64
STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"%x\r\n%b\r\n" % (len(EVENT), EVENT) * EVENTS
    + b"0\r\n\r\n"
)


def serve(answers: tuple[bytes, ...], pipe: Pipe) -> None:
    """Runs in the child: one port for each answer."""

    class Answering(asyncio.Protocol):
        def __init__(self, answer: bytes) -> None:
            self.answer = answer

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            self.transport.write(self.answer)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        ports = []
        for answer in answers:
            server = await loop.create_server(lambda answer=answer: Answering(answer), "127.0.0.1", 0)  # type: ignore[misc]  # a default binds the loop's value
            ports.append(server.sockets[0].getsockname()[1])
        pipe.send(ports)
        await asyncio.Event().wait()

    uvloop.run(run())


class Bare(asyncio.Protocol):
    """The floor: bytes out, *size* bytes in."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if not self.left and self.waiter is not None:
            self.waiter.set_result(None)

    async def exchange(self, request: bytes) -> None:
        self.left = self.size
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self.waiter


def call_to(port: int) -> Call:
    asked = provider(
        f"http://127.0.0.1:{port}/v1",
        timeouts=Timeouts(connect_s=3.0, first_token_s=30.0, between_tokens_s=30.0, total_s=300.0),
        connections=Connections(max=200, keepalive_s=60.0),
    )
    return call(asked, body=BODY, head_timeout_s=30.0, total_timeout_s=300.0)


async def cpu_us(exchange: Callable[[int], Awaitable[None]]) -> float:
    """CPU of one exchange, in µs, with `CONCURRENCY` of them under way."""

    async def many(number: int) -> None:
        for _ in range(EXCHANGES // CONCURRENCY):
            await exchange(number)

    await asyncio.gather(*(exchange(number) for number in range(CONCURRENCY)))
    before = time.process_time()
    await asyncio.gather(*(many(number) for number in range(CONCURRENCY)))
    return (time.process_time() - before) / EXCHANGES * 1e6


async def measure(name: str, port: int, answer: bytes) -> None:
    upstreams = Upstreams(EnvAndFiles({"KEY": "sk-bench"}), {}, cork=Cork())
    call = call_to(port)

    async def whole(_: int) -> None:
        await (await upstreams.send(call)).read_all(1_000_000)

    async def by_piece(_: int) -> None:
        reply = await upstreams.send(call)
        while await reply.read(30.0):
            pass

    loop = asyncio.get_running_loop()
    bares = [
        (await loop.create_connection(lambda: Bare(len(answer)), "127.0.0.1", port))[1] for _ in range(CONCURRENCY)
    ]

    async def bare(number: int) -> None:
        await bares[number].exchange(BODY)

    ours = by_piece if answer is STREAM else whole
    rounds = [(await cpu_us(ours), await cpu_us(bare)) for _ in range(ROUNDS)]
    upstream_us, bare_us = (statistics.median(column) for column in zip(*rounds, strict=True))
    line = f"{name:<28} upstream {upstream_us:6.1f} µs   bare {bare_us:6.1f} µs   ours {upstream_us - bare_us:6.1f} µs"
    print(line)  # noqa: T201 - a benchmark prints
    await upstreams.close()
    for protocol in bares:
        protocol.transport.abort()


async def main() -> None:
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=serve, args=((ANSWER, STREAM), there), daemon=True)
    child.start()
    ports = here.recv()
    await measure("an exchange, 733 bytes", ports[0], ANSWER)
    await measure(f"a stream, burst of {EVENTS} events", ports[1], STREAM)
    child.terminate()


if __name__ == "__main__":
    uvloop.run(main())
