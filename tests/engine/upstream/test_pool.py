"""The pool on its own: who gets which connection, who waits, and what is sent twice."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from typing import Any

import pytest

from engine.errors import UpstreamFull, UpstreamReset, UpstreamUnreachable
from engine.gateway import Cork
from engine.rules.program import Connections
from engine.upstream.connection import Connection, Job
from engine.upstream.dial import Dialer
from engine.upstream.egress import Guard
from engine.upstream.exchange import Exchange
from engine.upstream.origin import Origin, split_base_url
from engine.upstream.pool import STALE_WITHIN_S, Pool, Pools
from engine.upstream.sweep import Sweeper
from engine.upstream.tls import TlsContexts

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Handler], Awaitable[int]]

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture
async def pools() -> AsyncIterator[Pools]:
    """The pools of a worker."""
    made = Pools(Dialer(Guard(), TlsContexts()), Cork())
    yield made
    made.close()


def pool_at(pools: Pools, port: int) -> Pool:
    return pools.pool(Origin(scheme="http", host="127.0.0.1", port=port, allow_private=LOOPBACK))


def job(path: str = "/", *, most: int = 2, keepalive_s: float = 30.0, **changes: Any) -> Job:
    fields: dict[str, Any] = {
        "head": f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode(),
        "connections": Connections(max=most, keepalive_s=keepalive_s),
        "connect_timeout_s": 1.0,
        "head_timeout_s": 3.0,
        "total_timeout_s": 3.0,
    }
    return Job(**(fields | changes))


class Server:
    """Answers a path when it is let, with the number of the connection it came over; counts."""

    def __init__(self) -> None:
        self.connections = 0
        self.seen: list[tuple[str, int]] = []
        self.held: dict[str, asyncio.Event] = {}
        self.arrived = asyncio.Condition()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split(b" ")[1].decode()
            async with self.arrived:
                self.seen.append((path, number))
                self.arrived.notify_all()
            if path in self.held:
                await self.held[path].wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number)

    async def saw(self, count: int) -> None:
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.seen) >= count)


async def body(exchange: Exchange) -> bytes:
    return await exchange.read_all(100)


async def test_an_answer_tells_when_it_is_read(pools: Pools, loopback: Loopback) -> None:
    """Once its last byte has arrived and was taken; of one that is compressed it is not known."""
    compressed = gzip.compress(b"hello")
    rest = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"/packed" in head:
                said = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b"
                writer.write(said % (len(compressed), compressed))
                continue
            writer.write(HELLO[:-2])
            await rest.wait()
            writer.write(HELLO[-2:])

    pool = pool_at(pools, await loopback(answer))
    plain = await pool.perform(job())
    assert (await plain.read(1.0), plain.is_read) == (b"hel", False)
    rest.set()
    assert (await plain.read(1.0), plain.is_read) == (b"lo", True)
    packed = await pool.perform(job("/packed"))
    assert (await packed.read(1.0), packed.is_read) == (b"hello", False)
    assert await packed.read(1.0) == b""


async def test_newest_first(pools: Pools, loopback: Loopback) -> None:
    """Of several idle connections the one used last is used next."""
    server = Server()
    server.held = {"/a": asyncio.Event(), "/b": asyncio.Event()}
    pool = pool_at(pools, await loopback(server))
    first = asyncio.ensure_future(pool.perform(job("/a")))
    await server.saw(1)
    second = asyncio.ensure_future(pool.perform(job("/b")))
    await server.saw(2)
    for path, call in (("/b", second), ("/a", first)):
        server.held[path].set()
        await call
    assert [await body(await pool.perform(job())) for _ in range(3)] == [b"1"] * 3


async def test_waiters_are_served_in_order(pools: Pools, loopback: Loopback) -> None:
    """Above the bound requests wait, and go out in the order they came; who gave up is passed over."""
    server = Server()
    server.held = {"/a": asyncio.Event()}
    pool = pool_at(pools, await loopback(server))
    calls = [asyncio.ensure_future(pool.perform(job("/a", most=1)))]
    await server.saw(1)
    for path in ("/b", "/c", "/d"):
        calls.append(asyncio.ensure_future(pool.perform(job(path, most=1))))
        await asyncio.sleep(0)
    calls.pop(2).cancel()
    server.held["/a"].set()
    async with asyncio.timeout(10):
        for call in calls:
            await body(await call)
    assert server.seen == [("/a", 1), ("/b", 1), ("/d", 1)]


async def test_a_slot_is_never_lost(pools: Pools, loopback: Loopback) -> None:
    """However calls end (answered, cancelled at any moment, refused), afterwards the bound is what it was."""
    pool = pool_at(pools, await loopback(Server()))
    for turn in range(200):
        calls = [asyncio.ensure_future(pool.perform(job())) for _ in range(4)]
        for _ in range(turn % 20):
            await asyncio.sleep(0)
        for call in calls[turn % 4 :]:
            call.cancel()
        for ended in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(ended, Exchange):
                ended.abort()
    async with asyncio.timeout(10):
        await asyncio.gather(*(pool.perform(job()) for _ in range(10)))
    assert pool.open <= 2


async def test_a_failed_dial_gives_its_slot_back(pools: Pools) -> None:
    """Waiters behind a dial that fails dial themselves; each learns that nobody listens."""
    pool = pool_at(pools, 1)
    ends = await asyncio.gather(*(pool.perform(job(most=1)) for _ in range(5)), return_exceptions=True)
    assert [type(end) for end in ends] == [UpstreamUnreachable] * 5
    assert pool.open == 0


async def test_idle_connections_expire(pools: Pools, loopback: Loopback) -> None:
    """After `keepalive` an idle connection is closed, by its own timer."""
    closed = asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await reader.read()
        closed.set()

    pool = pool_at(pools, await loopback(watch))
    await body(await pool.perform(job(keepalive_s=0.05)))
    async with asyncio.timeout(10):
        await closed.wait()
    assert pool.open == 0


class Dying:
    """Answers the first request of every connection; lets the second one wait, then closes without a word."""

    def __init__(self, wait_s: float = 0.0, last_words: bytes = b"") -> None:
        self.requests = 0
        self.wait_s = wait_s
        self.last_words = last_words

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        await asyncio.sleep(self.wait_s)
        writer.write(self.last_words)


async def test_a_stale_connection_is_replaced_once(pools: Pools, loopback: Loopback) -> None:
    """A reused connection that dies at once and without a byte: the request goes out again, on a new one."""
    server = Dying()
    pool = pool_at(pools, await loopback(server))
    assert await body(await pool.perform(job())) == b"hello"
    assert await body(await pool.perform(job())) == b"hello"
    assert server.requests == 3


@pytest.mark.parametrize(
    ("wait_s", "last_words"),
    [(STALE_WITHIN_S + 0.1, b""), (0.0, b"HTTP/1.1 200")],
    ids=["it was taken", "an answer had begun"],
)
async def test_what_may_have_been_taken_is_not_sent_again(
    wait_s: float, last_words: bytes, pools: Pools, loopback: Loopback
) -> None:
    """A request that may have been read is sent once: whether to try again is the plan's decision."""
    server = Dying(wait_s, last_words)
    pool = pool_at(pools, await loopback(server))
    await body(await pool.perform(job()))
    with pytest.raises(UpstreamReset):
        await pool.perform(job())
    assert server.requests == 2


async def test_a_new_connection_that_dies_is_not_replaced(pools: Pools, loopback: Loopback) -> None:
    """A server that closes every new connection sees each request once."""
    connections = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")

    pool = pool_at(pools, await loopback(hang_up))
    with pytest.raises(UpstreamReset):
        await pool.perform(job())
    assert connections == 1


async def test_bytes_to_an_idle_connection_end_it(pools: Pools, loopback: Loopback) -> None:
    """An answer that nobody asked for is not kept for the next request."""
    spoken = asyncio.Event()

    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await asyncio.sleep(0.02)
        writer.write(HELLO)
        await writer.drain()
        spoken.set()
        await reader.read()

    pool = pool_at(pools, await loopback(chatter))
    assert (await pool.perform(job())).connect_ms is not None
    await spoken.wait()
    await asyncio.sleep(0.02)
    assert pool.open == 0


async def test_an_answer_before_its_request_ends_the_connection(loopback: Loopback) -> None:
    """What answers a request that is still held back was not meant for it: the connection is not used again."""
    cork, released, gone = Cork(), list[Connection](), list[Connection]()
    port = await loopback(Server())
    sweeper = Sweeper()

    def made() -> Connection:
        return Connection(address="x", sweeper=sweeper, cork=cork, released=released.append, gone=gone.append)

    _, connection = await asyncio.get_running_loop().create_connection(made, "127.0.0.1", port)
    cork.heard()
    cork.heard()
    await asyncio.sleep(0)
    exchange = connection.begin(job(), 0.0, 3.0)
    connection.data_received(HELLO)

    assert await body(exchange) == b"hello"
    assert (released, gone) == ([], [connection])
    sweeper.close()


@pytest.mark.parametrize("early", ["bytes", "end"])
async def test_what_happens_during_a_handshake_ends_the_connection(early: str, loopback: Loopback) -> None:
    """TLS that ends, or brings bytes, before its connection is in use: the connection is closed, and never used."""
    gone = list[Connection]()
    sweeper = Sweeper()
    raw, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", await loopback(Server()))
    connection = Connection(address="x", sweeper=sweeper, cork=Cork(), released=lambda _: None, gone=gone.append)
    if early == "bytes":
        connection.data_received(HELLO)
    else:
        connection.eof_received()
    connection.secured(raw, raw)
    assert (connection.is_usable(), raw.is_closing(), gone) == (False, True, [connection])


async def test_an_answer_is_read_after_its_connection_moved_on(pools: Pools, loopback: Loopback) -> None:
    """A complete answer that is not read yet does not hold its connection, and aborting it harms no one else's."""
    pool = pool_at(pools, await loopback(Server()))
    first = await pool.perform(job("/a", most=1))
    second = await pool.perform(job("/b", most=1))
    first.abort()
    assert await body(second) == b"1"
    assert await body(await pool.perform(job("/c", most=1))) == b"1"


async def test_a_retired_pool_closes_after_use(pools: Pools, loopback: Loopback) -> None:
    """After `retain` without its origin a pool keeps nothing open, and still ends what is under way."""
    server = Server()
    server.held = {"/a": asyncio.Event()}
    pool = pool_at(pools, await loopback(server))
    await body(await pool.perform(job()))
    under_way = asyncio.ensure_future(pool.perform(job("/a")))
    await server.saw(2)
    pools.retain(set())
    server.held["/a"].set()
    assert await body(await under_way) == b"1"
    assert pool.open == 0
    assert pools.pool(pool.origin) is not pool


@pytest.mark.parametrize("bound", ["connect_timeout_s", "total_timeout_s"])
async def test_a_full_pool_is_no_fault_of_the_provider(bound: str, pools: Pools, loopback: Loopback) -> None:
    """Whoever waits in vain for a connection is told that it is our own bound, whichever time has run out."""
    server = Server()
    server.held = {"/a": asyncio.Event()}
    pool = pool_at(pools, await loopback(server))
    holder = asyncio.ensure_future(pool.perform(job("/a", most=1)))
    await server.saw(1)
    changes: dict[str, Any] = {"most": 1, bound: 0.05}
    with pytest.raises(UpstreamFull, match=r"connections\.max"):
        await pool.perform(job(**changes))
    assert pool.open == 1
    server.held["/a"].set()
    assert await body(await holder) == b"1"


async def test_waiting_for_room_takes_no_time_from_dialling(loopback: Loopback) -> None:
    """Whoever gets a slot at the last moment has a whole connect timeout for the connection."""
    resolving, server = asyncio.Event(), Server()
    server.held = {"/a": asyncio.Event()}

    async def slow(host: str, port: int) -> list[str]:
        await resolving.wait()
        return ["127.0.0.1"]

    pools = Pools(Dialer(Guard(slow), TlsContexts()), Cork())
    pool = pools.pool(Origin(scheme="http", host="x.example", port=await loopback(server), allow_private=LOOPBACK))
    first = asyncio.ensure_future(pool.perform(job(most=1)))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(pool.perform(job(most=1, connect_timeout_s=0.4)))
    await asyncio.sleep(0.3)
    first.cancel()
    await asyncio.sleep(0.3)
    resolving.set()
    assert await body(await second) == b"1"
    pools.close()


async def test_providers_at_one_address_have_their_own_connections(pools: Pools, loopback: Loopback) -> None:
    """`connections.max` is a bound of one provider: another one with the same base URL takes none of its room."""
    server = Server()
    server.held = {"/a": asyncio.Event()}
    port = await loopback(server)
    one, two = (
        pools.pool(split_base_url(f"http://127.0.0.1:{port}", provider=name, allow_private=LOOPBACK)[0])
        for name in ("one", "two")
    )
    holder = asyncio.ensure_future(one.perform(job("/a", most=1)))
    await server.saw(1)
    assert await body(await two.perform(job(most=1))) == b"2"
    server.held["/a"].set()
    await body(await holder)
