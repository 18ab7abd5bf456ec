"""What the straight line costs without sockets: `python -m tests.bench.bench_line`. CPU microseconds a request.

Everything is as a worker has it, board, metrics and journal included, but the provider, which answers at once, and the
caller, who takes anything. What a worker needs beyond this is the server's and the upstream's.
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from engine.cli.system import SystemClock, SystemEntropy
from engine.config.build import build
from engine.config.bundle import read
from engine.gateway import Answer, Call, Cork, Gateway, Inbound
from engine.live.board import Board, Directory
from engine.live.metrics import Metrics
from engine.live.slots import RETRY_BUDGET, names
from engine.live.state import BoardState
from engine.snapshot import Parts, Snapshot, assemble
from engine.store.journal import SegmentWriter
from engine.values import Headers, Surface
from tests.bench.harness import Silent
from tests.bench.roots import KEY, MODEL, write_small

ROUNDS = 7
REQUESTS = 3_200
TOGETHER = 64
NOBODY_PORT = 9
ASKED = b'{"model":"%b","messages":[{"role":"user","content":"%b"}],"max_tokens":256%b}'
STREAMED = b',"stream":true,"stream_options":{"include_usage":true}'
HEADERS = (
    (b"host", b"127.0.0.1:8080"),
    (b"authorization", b"Bearer " + KEY.encode()),
    (b"content-type", b"application/json"),
    (b"user-agent", b"bench"),
)
REPLY = (
    b'{"id":"c-1","object":"chat.completion","created":1,"model":"mock","choices":[{"index":0,"message":{"role":'
    b'"assistant","content":"%b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":40,"completion_tokens":160,'
    b'"total_tokens":200}}' % (b"x" * 700)
)
CHUNK = b'data: {"id":"c-1","object":"chat.completion.chunk","created":1,"model":"mock","choices":[%b]%b}\n\n'
DELTA = b'{"index":0,"delta":{"content":"token "},"finish_reason":null}'
LAST = b'{"index":0,"delta":{},"finish_reason":"stop"}'
USAGE = b',"usage":{"prompt_tokens":40,"completion_tokens":64,"total_tokens":104}'
EVENTS = 64
BURST = CHUNK % (DELTA, b"") * EVENTS + CHUNK % (LAST, b"") + CHUNK % (b"", USAGE) + b"data: [DONE]\n\n"


class Replied:
    """An answer that is there already."""

    status = 200
    headers: Headers = ((b"content-type", b"application/json"),)
    address = "127.0.0.1:9"
    connect_ms: float | None = None

    def __init__(self) -> None:
        self.unread = [BURST]

    @property
    def is_read(self) -> bool:
        return not self.unread

    async def read(self, timeout_s: float) -> bytes:
        return self.unread.pop() if self.unread else b""

    async def read_all(self, limit_bytes: int) -> bytes:
        return REPLY

    def abort(self) -> None:
        pass


class Provider:
    """An upstream that answers at once."""

    async def send(self, call: Call) -> Answer:
        return Replied()


class Taker:
    """A caller who takes anything."""

    async def whole(self, status: int, head: bytes, body: bytes) -> None:
        await self.start(status, head)

    async def start(self, status: int, head: bytes) -> None:
        if status != 200:
            raise SystemExit(f"the line answers {status}")

    async def send(self, data: bytes) -> None:
        pass

    async def end(self, data: bytes = b"") -> None:
        pass


def state(parts: Parts, directory: Path) -> BoardState:
    """The living state of a worker that is alone."""
    board = Board.create(directory / "board")
    slots = Directory(board)
    made = BoardState(board, column=0, configured=lambda _: True, emit=lambda *_: None)
    made.adopt_root(slots.assign([RETRY_BUDGET]))
    for part in parts.providers:
        made.adopt(part, slots.assign(names(part)))
    return made


def line(directory: Path) -> tuple[Gateway, Snapshot, SegmentWriter]:
    """A gateway as a worker has it, the configuration it serves, and the journal to close."""
    write_small(directory / "root", NOBODY_PORT)
    parts = build(read(directory / "root")).parts
    assert parts is not None
    snapshot, journal = assemble(parts), SegmentWriter(directory / "journal", "worker-0", log=Silent())
    metrics = Metrics(directory / "0.metrics")
    metrics.know(snapshot.program.pinned)
    gateway = Gateway(
        upstream=Provider(),
        live=state(parts, directory),
        journal=journal,
        metrics=metrics,
        clock=SystemClock(),
        entropy=SystemEntropy(),
        cork=Cork(),
        node="bench",
    )
    return gateway, snapshot, journal


async def request_us(gateway: Gateway, snapshot: Snapshot, body: bytes) -> float:
    """CPU microseconds of a request, the best of some rounds."""
    return min([await _round_us(gateway, snapshot, body) for _ in range(ROUNDS)])


async def together_us(gateway: Gateway, snapshot: Snapshot, body: bytes, *, connections: int) -> float:
    """The same of requests that are there at once, in turns that so many *connections* have been heard in."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        for _ in range(connections):
            gateway.cork.heard()
        await asyncio.sleep(0)
        each = [_round_us(gateway, snapshot, body, REQUESTS // TOGETHER) for _ in range(TOGETHER)]
        began_s = time.thread_time()
        await asyncio.gather(*each)
        rounds.append((time.thread_time() - began_s) / REQUESTS * 1e6)
    return min(rounds)


async def _round_us(gateway: Gateway, snapshot: Snapshot, body: bytes, requests: int = REQUESTS) -> float:
    headers: Sequence[tuple[bytes, bytes]] = [*HEADERS, (b"content-length", b"%d" % len(body))]
    began_s = time.thread_time()
    for _ in range(requests):
        request_id = gateway.entropy.request_id()
        inbound = Inbound(surface=Surface.CHAT, request_id=request_id, headers=headers, body=body, ip="127.0.0.1")
        await gateway.handle(snapshot, inbound, Taker())
    return (time.thread_time() - began_s) / requests * 1e6


async def _three_us(gateway: Gateway, snapshot: Snapshot, body: bytes) -> tuple[float, float, float]:
    return (
        await request_us(gateway, snapshot, body),
        await together_us(gateway, snapshot, body, connections=1),
        await together_us(gateway, snapshot, body, connections=2),
    )


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        gateway, snapshot, journal = line(Path(name))
        gc.collect()
        gc.freeze()
        for what, more in (("a whole answer", b""), (f"a burst of {EVENTS} events", STREAMED)):
            body = ASKED % (MODEL.encode(), b"the quick brown fox " * 8, more)
            alone, apart, together = asyncio.run(_three_us(gateway, snapshot, body))
            sys.stdout.write(f"the straight line, {what:<24} {alone:7.1f} us\n")
            sys.stdout.write(f"  {TOGETHER} at once, one by one         {apart:7.1f} us\n")
            sys.stdout.write(f"  {TOGETHER} at once, stage by stage     {together:7.1f} us\n")
        journal.close()


if __name__ == "__main__":
    main()
