"""A request on its way through: its stages in a busy turn, and what leaves of a stream when."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.config.build import build
from engine.config.bundle import read
from engine.errors import OutcomeKind
from engine.gateway import Cork, Gateway, Inbound
from engine.planning.scenario import Scripted
from engine.planning.stage import Collected, FixedEntropy, Remembered, ScriptedUpstream, VirtualClock
from engine.planning.world import PlannedLive
from engine.snapshot import Snapshot, assemble
from engine.values import RequestRecord, Surface
from tests.bench.roots import KEY, MODEL, write_small

NOBODY_PORT = 9
BODY = b'{"model":"%b","messages":[{"role":"user","content":"hi"}]}' % MODEL.encode()
STREAMED = BODY[:-1] + b',"stream":true}'
CONTENT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
END = b"""data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}

"""
DONE = b"data: [DONE]\n\n"


class Sent(Collected):
    """A sink that also remembers in which parts a stream left."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []

    async def send(self, data: bytes) -> None:
        self.parts.append(data)

    async def end(self, data: bytes = b"") -> None:
        self.parts.append(data)


class Books(Remembered):
    """A journal that also remembers what was counted."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: list[RequestRecord] = []

    def observe(self, record: RequestRecord) -> None:
        self.counted.append(record)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    root: Path = tmp_path_factory.mktemp("stages") / "root"
    write_small(root, NOBODY_PORT)
    parts = build(read(root)).parts
    assert parts is not None
    return assemble(parts)


async def busy() -> Cork:
    """As it is when several connections have been heard in this turn."""
    cork = Cork()
    cork.heard()
    cork.heard()
    await asyncio.sleep(0)
    return cork


def gateway_with(books: Books, cork: Cork, **script: tuple[Scripted, ...]) -> Gateway:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    return Gateway(
        upstream=ScriptedUpstream(script, clock),
        live=PlannedLive(),
        journal=books,
        metrics=books,
        clock=clock,
        entropy=FixedEntropy(0.5),
        cork=cork,
        node="n",
    )


def asked(body: bytes, *headers: tuple[bytes, bytes]) -> Inbound:
    every = [(b"authorization", b"Bearer " + KEY.encode()), *headers]
    return Inbound(surface=Surface.CHAT, request_id="r", headers=every, body=body, ip="127.0.0.1")


@pytest.mark.parametrize("turns", range(8))
async def test_who_hangs_up_between_stages_is_booked_once(snapshot: Snapshot, turns: int) -> None:
    """The row and the counters agree, whichever stage the request has come to; one that was answered is no error."""
    books, sink = Books(), Collected()
    gateway, inbound = gateway_with(books, await busy()), asked(BODY)
    request = asyncio.create_task(gateway.handle(snapshot, inbound, sink))
    for _ in range(turns):
        await asyncio.sleep(0)
    request.cancel()
    with suppress(asyncio.CancelledError):
        await request

    begun = turns > 0
    assert books.counted == books.records
    assert len(books.records) == begun
    assert not sink.body or books.records[0].error_kind is None
    assert request.cancelled() or (sink.status, books.records[0].error_kind) == (200, None)
    assert {record.error_kind for record in books.records} <= {None, OutcomeKind.CANCELLED}


async def test_what_comes_with_the_end_leaves_with_it(snapshot: Snapshot) -> None:
    """One write for all of it, and the cost stands between what was said and the end."""
    books, sink = Books(), Sent()
    gateway = gateway_with(books, Cork(), mock=(Scripted(body=CONTENT + END + DONE),))
    usage_wanted = STREAMED[:-1] + b',"stream_options":{"include_usage":true}}'
    await gateway.handle(snapshot, asked(usage_wanted, (b"x-engine-cost", b"1")), sink)

    assert sink.parts == [CONTENT + END + b": x-engine-cost-usd 0.0000025\n\n" + DONE]
    assert books.records[0].cost_pusd == 2_500_000


async def test_what_came_before_a_break_is_not_lost(snapshot: Snapshot) -> None:
    """The body ends where the answer does not: the caller gets what there was of it, and then the error."""
    books, sink = Books(), Sent()
    gateway = gateway_with(books, Cork(), mock=(Scripted(body=CONTENT),))
    await gateway.handle(snapshot, asked(STREAMED), sink)
    (part,) = sink.parts

    assert part.startswith(CONTENT + b'data: {"error":')
    assert DONE not in part
    assert (books.records[0].status, books.records[0].error_kind) == (200, OutcomeKind.RESET)


async def test_an_answer_without_usage_is_estimated_by_its_size(snapshot: Snapshot) -> None:
    """A whole answer whose provider counted nothing is a token for every six bytes, and says that it is an estimate."""
    message = b'{"role":"assistant","content":"%b"}' % (b"a" * 500)
    answer = b'{"choices":[{"index":0,"message":%b,"finish_reason":"stop"}]}' % message
    books = Books()
    gateway = gateway_with(books, Cork(), mock=(Scripted(body=answer),))
    await gateway.handle(snapshot, asked(BODY), Sent())

    usage = books.records[0].usage
    assert usage is not None
    assert (usage.output, usage.source) == (round(len(answer) / 6), "estimated")
