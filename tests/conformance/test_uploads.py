"""Bodies of pieces, some of them stored elsewhere, through both upstreams: whole, repeatable, and never held."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from engine.errors import OutcomeKind, UpstreamReset, UpstreamTimeout
from engine.gateway import Call, Cork
from engine.upstream import EnvAndFiles, Upstreams
from engine.wire.content import Pieces
from tests.calls import call, provider
from tests.forms import Kept

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Handler], Awaitable[int]]
CallTo = Callable[..., Call]

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
REFUSED = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno"
MIB = 1 << 20
SOUND = bytes(range(251)) * 8_000
"""2 MB in which nothing repeats at a power of two."""


@pytest.fixture
async def upstreams() -> AsyncIterator[Upstreams]:
    made = Upstreams(EnvAndFiles({"KEY": "sk-1"}), {}, cork=Cork())
    yield made
    await made.close()


@pytest.fixture
def call_to(transport_name: str) -> CallTo:
    """`call_to(port, *contents)`: a form of these contents for a provider there."""

    def make(port: int, *contents: bytes | Kept, **changes: object) -> Call:
        there = provider(f"http://127.0.0.1:{port}/v1", transport=transport_name)
        return call(there, body=Pieces(contents), content_type="multipart/form-data; boundary=b", **changes)

    return make


def length_in(head: bytes) -> int:
    [line] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    assert b"transfer-encoding" not in head.lower()
    return int(line.split(b":")[1])


class Server:
    """Keeps the bodies it gets."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.connections = 0
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.bodies.append(await reader.readexactly(length_in(head)))
                writer.write(HELLO)
        finally:
            self.ended.set()


def reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_all_arrives_in_order(upstreams: Upstreams, loopback: Loopback, call_to: CallTo) -> None:
    """Bytes and stored contents arrive as one body of known length, each time from the start, over one connection."""
    server, first, second = Server(), Kept(SOUND), Kept(b"")
    asked = call_to(await loopback(server), b"--b\r\n", first, b"\r\n", second, b"--b--\r\n")
    for _ in range(2):
        answer = await upstreams.send(asked)
        assert (answer.status, await answer.read_all(100)) == (200, b"hello")

    assert server.bodies == [b"--b\r\n" + SOUND + b"\r\n--b--\r\n"] * 2
    assert server.connections == 1
    assert first.most_bytes == 65_536


async def test_a_slow_provider_is_waited_for(upstreams: Upstreams, loopback: Loopback, call_to: CallTo) -> None:
    """While the provider does not read, no more is read of what is stored than sockets and one bounded buffer hold."""
    go_on, bodies, total = asyncio.Event(), [], 48 * MIB

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await go_on.wait()
        bodies.append(await reader.readexactly(length_in(head)))
        writer.write(HELLO)

    sound = Kept(bytes(total))
    sending = asyncio.create_task(
        upstreams.send(call_to(await loopback(slow), sound, head_timeout_s=20.0, total_timeout_s=20.0))
    )
    async with asyncio.timeout(10):
        read_to = -1
        while read_to < sound.read_to or not sound.read_to:  # until it stands still
            read_to = sound.read_to
            await asyncio.sleep(0.1)
    assert read_to < 16 * MIB
    go_on.set()
    assert await (await sending).read_all(100) == b"hello"
    assert [len(body) for body in bodies] == [total]


async def test_a_reset_midway(upstreams: Upstreams, loopback: Loopback, call_to: CallTo) -> None:
    """A provider that breaks off in the middle fails the attempt, and the next one gets everything."""

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        reset(writer)

    server, sound = Server(), Kept(SOUND * 4)
    with pytest.raises(UpstreamReset):
        await upstreams.send(call_to(await loopback(broken), sound))
    assert (await upstreams.send(call_to(await loopback(server), sound))).status == 200
    assert server.bodies == [SOUND * 4]


async def test_a_reused_connection_that_was_closed(
    upstreams: Upstreams, loopback: Loopback, call_to: CallTo, transport_name: str
) -> None:
    """Our own sends a form again whose connection was closed while it was idle, from its start; httpx sends nothing."""
    server = Server()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.bodies.append(await reader.readexactly(length_in(await reader.readuntil(b"\r\n\r\n"))))
        writer.write(HELLO)
        if server.connections == 1:
            await reader.readexactly(1)
            reset(writer)
        await reader.read()

    asked = call_to(await loopback(once), Kept(SOUND))
    await (await upstreams.send(asked)).read_all(100)
    if transport_name == "httpx":
        with pytest.raises(UpstreamReset):
            await upstreams.send(asked)
    else:
        assert await (await upstreams.send(asked)).read_all(100) == b"hello"
        assert server.bodies == [SOUND, SOUND]


@pytest.mark.parametrize("reads", [True, False])
async def test_a_refusal_before_all_is_sent(
    upstreams: Upstreams, loopback: Loopback, call_to: CallTo, transport_name: str, *, reads: bool
) -> None:
    """A provider that refuses early is heard, and the rest is not sent; httpx listens once it has sent everything."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(REFUSED)
        await (reader.read() if reads else asyncio.sleep(10))

    sound = Kept(bytes(48 * MIB))
    asked = call_to(await loopback(refuse), sound, head_timeout_s=5.0 if reads else 1.0, total_timeout_s=5.0)
    if transport_name == "httpx" and not reads:
        with pytest.raises(UpstreamTimeout):
            await upstreams.send(asked)
        return
    answer = await upstreams.send(asked)
    assert (answer.status, await answer.read_all(100)) == (413, b"no")
    if transport_name == "own":
        assert sound.read_to < len(sound)


async def test_an_answer_that_begins_before_all_is_sent(
    upstreams: Upstreams, loopback: Loopback, call_to: CallTo
) -> None:
    """A provider that begins to answer while it still listens gets the rest."""
    bodies: list[bytes] = []

    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = length_in(await reader.readuntil(b"\r\n\r\n"))
        begun = await reader.readexactly(100_000)
        writer.write(HELLO[:-5])
        bodies.append(begun + await reader.readexactly(length - 100_000))
        writer.write(b"hello")

    answer = await upstreams.send(call_to(await loopback(eager), Kept(SOUND * 8)))
    assert (answer.status, await answer.read_all(100)) == (200, b"hello")
    assert bodies == [SOUND * 8]


async def test_the_time_for_an_answer_includes_sending(
    upstreams: Upstreams, loopback: Loopback, call_to: CallTo
) -> None:
    """A provider that takes the body in sips does not get more time for each of them."""

    async def sipping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):  # noqa: ASYNC110 - the provider is slow
            await asyncio.sleep(0.05)

    asked = call_to(await loopback(sipping), Kept(bytes(48 * MIB)), head_timeout_s=0.5, total_timeout_s=20.0)
    async with asyncio.timeout(3):
        with pytest.raises(UpstreamTimeout) as late:
            await upstreams.send(asked)
    assert late.value.kind is OutcomeKind.TIMEOUT_FIRST_TOKEN


async def test_a_cancelled_upload_closes_its_connection(
    upstreams: Upstreams, loopback: Loopback, call_to: CallTo
) -> None:
    """A caller who hangs up while a form goes out ends the connection to the provider."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1_000)
        begun.set()
        try:
            while await reader.read(65_536):
                pass
        finally:
            ended.set()

    sending = asyncio.create_task(upstreams.send(call_to(await loopback(stuck), Kept(bytes(48 * MIB)))))
    async with asyncio.timeout(3):
        await begun.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await ended.wait()


async def test_what_cannot_be_read_is_not_sent(upstreams: Upstreams, loopback: Loopback, call_to: CallTo) -> None:
    """A failing disk is our own failure, and the provider never takes half a body for a whole one."""
    server = Server()
    asked = call_to(await loopback(server), Kept(SOUND, fails_at=1_000_000))
    async with asyncio.timeout(3):
        with pytest.raises(OSError, match="the disk is gone"):
            await upstreams.send(asked)
        await server.ended.wait()
    assert server.bodies == []
