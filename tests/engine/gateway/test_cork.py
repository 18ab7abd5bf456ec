"""What several requests do in one turn is done in a row; nothing of it is lost, or held up for long."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from engine.gateway import Cork
from engine.gateway.cork import MOST


@dataclass
class Line:
    """A connection: what the cork writes to, and the peer's end of it."""

    transport: asyncio.Transport
    peer: socket.socket

    def arrived(self) -> bytes:
        """What has reached the peer until now."""
        with suppress(BlockingIOError):
            return self.peer.recv(65_536)
        return b""


@pytest.fixture
async def lines() -> AsyncIterator[list[Line]]:
    """One more than are held at once."""
    made = []
    for _ in range(MOST + 1):
        ours, peer = socket.socketpair()
        peer.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        made.append(Line(transport, peer))
    yield made
    for line in made:
        line.transport.close()
        line.peer.close()


@pytest.fixture
def line(lines: list[Line]) -> Line:
    return lines[0]


async def turn() -> None:
    """Let everything run that is ready now."""
    await asyncio.sleep(0)


async def heard(cork: Cork, connections: int) -> None:
    """Go on as a request does that one of so many connections has made ready in the same turn."""
    for _ in range(connections):
        cork.heard()
    await turn()


async def test_who_is_alone_is_not_held_up(line: Line) -> None:
    """What the only connection that was heard makes ready leaves at once."""
    cork = Cork()
    await heard(cork, 1)
    cork.write(line.transport, b"now")

    assert line.arrived() == b"now"


async def test_writes_of_a_turn_leave_together(line: Line) -> None:
    """When several were heard, nothing leaves before all that was ready has run; then all does, in order."""
    cork = Cork()
    await heard(cork, 2)
    for n in range(3):
        cork.write(line.transport, b"%d" % n)

    assert cork.holds(line.transport)
    assert line.arrived() == b""

    await turn()

    assert not cork.holds(line.transport)
    assert line.arrived() == b"012"


async def test_what_comes_later_does_not_overtake(line: Line) -> None:
    """A connection that is alone in the next turn writes behind what is still held."""
    cork = Cork()
    await heard(cork, 2)
    cork.heard()
    loop = asyncio.get_running_loop()
    loop.call_soon(cork.write, line.transport, b"second")
    cork.write(line.transport, b"first ")
    await turn()
    await turn()

    assert line.arrived() == b"first second"


async def test_few_are_held(lines: list[Line]) -> None:
    """However much there is to do, the first answer waits for no more than so many others."""
    cork = Cork()
    await heard(cork, 100)
    for line in lines[:-1]:
        assert line.arrived() == b""
        cork.write(line.transport, b"x")
    cork.write(lines[-1].transport, b"x")

    assert [line.arrived() for line in lines] == [b"x"] * MOST + [b""]

    await turn()

    assert lines[-1].arrived() == b"x"


@pytest.mark.parametrize(("connections", "order"), [(1, "aabb"), (2, "abab")])
async def test_requests_of_a_turn_go_stage_by_stage(connections: int, order: str) -> None:
    """When several were heard they wait for one another between stages; who is alone does not wait."""
    cork = Cork()
    await heard(cork, connections)
    done = ""

    async def request(name: str) -> None:
        nonlocal done
        done += name
        await cork.turn()
        done += name

    await asyncio.gather(request("a"), request("b"))
    assert done == order


async def test_flush(line: Line) -> None:
    """Whoever closes a connection sends first what is held."""
    cork = Cork()
    await heard(cork, 2)
    cork.write(line.transport, b"all of it")
    cork.flush()
    line.transport.close()

    assert line.arrived() == b"all of it"


async def test_one_that_has_gone_does_not_disturb_others(lines: list[Line]) -> None:
    """What a closed connection was to be sent is dropped, the rest is sent."""
    cork = Cork()
    gone, line, *_ = lines
    await heard(cork, 2)
    cork.write(gone.transport, b"too late")
    cork.write(line.transport, b"in time")
    gone.transport.abort()
    await turn()

    assert line.arrived() == b"in time"
    assert gone.arrived() == b""
