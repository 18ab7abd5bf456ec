"""The stages of a request in a busy turn: whoever hangs up between two of them is written down and counted once."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.config.build import build
from engine.config.bundle import read
from engine.errors import OutcomeKind
from engine.gateway import Cork, Gateway, Inbound
from engine.planning.stage import Collected, FixedEntropy, Remembered, ScriptedUpstream, VirtualClock
from engine.planning.world import PlannedLive
from engine.snapshot import Snapshot, assemble
from engine.values import RequestRecord, Surface
from tests.bench.roots import KEY, MODEL, write_small

NOBODY_PORT = 9
BODY = b'{"model":"%b","messages":[{"role":"user","content":"hi"}]}' % MODEL.encode()


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


@pytest.mark.parametrize("turns", range(8))
async def test_who_hangs_up_between_stages_is_booked_once(snapshot: Snapshot, turns: int) -> None:
    """The row and the counters agree, whichever stage the request has come to; one that was answered is no error."""
    clock, books, sink = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC)), Books(), Collected()
    gateway = Gateway(
        upstream=ScriptedUpstream({}, clock),
        live=PlannedLive(),
        journal=books,
        metrics=books,
        clock=clock,
        entropy=FixedEntropy(0.5),
        cork=await busy(),
        node="n",
    )
    headers = [(b"authorization", b"Bearer " + KEY.encode())]
    inbound = Inbound(surface=Surface.CHAT, request_id="r", headers=headers, body=BODY, ip="127.0.0.1")
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
