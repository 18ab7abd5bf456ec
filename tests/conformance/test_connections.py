"""What happens to connections: reuse, bounds, cancellation, backpressure, timeouts; ours and httpx's own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import h11
import httpx
import pytest

Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Streams], Awaitable[int]]

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


class Server:
    """Counts connections, and answers each request with the same bytes."""

    def __init__(self, answer: bytes = HELLO) -> None:
        self.answer = answer
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.ended = asyncio.Event()
        """Set whenever a client has closed its connection."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await self.respond(writer)
        finally:
            self.open -= 1
            self.ended.set()

    async def respond(self, writer: asyncio.StreamWriter) -> None:
        writer.write(self.answer)


async def test_a_connection_is_used_again(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """Requests one after the other share a connection."""
    server = Server()
    url = f"http://127.0.0.1:{await loopback(server)}/"
    for _ in range(5):
        assert (await client.get(url)).content == b"hello"
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    ],
    ids=["connection: close", "HTTP/1.0"],
)
async def test_a_connection_is_not_used_again(answer: bytes, loopback: Loopback, client: httpx.AsyncClient) -> None:
    """After an answer that ends the connection the next request gets a new one."""
    server = Server(answer)
    url = f"http://127.0.0.1:{await loopback(server)}/"
    for _ in range(3):
        assert (await client.get(url)).content == b"hello"
    assert server.connections == 3


@pytest.mark.parametrize(
    "surplus", [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad", b"junk"], ids=["a second answer", "junk"]
)
async def test_bytes_that_nobody_asked_for(
    surplus: bytes, loopback: Loopback, client: httpx.AsyncClient, transport_name: str
) -> None:
    """Bytes after an answer end the connection, and are never taken for the answer to the next request.

    httpx keeps them, and takes a second answer for the next request's: its transport is for providers that are trusted
    to count.
    """
    server = Server(HELLO + surplus)
    url = f"http://127.0.0.1:{await loopback(server)}/"
    assert (await client.get(url)).content == b"hello"
    if transport_name == "own":
        assert [(await client.get(url)).content for _ in range(2)] == [b"hello"] * 2
        assert server.connections == 3
    elif surplus == b"junk":
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url)
    else:
        assert (await client.get(url)).content == b"bad"


async def test_a_connection_that_died_unused_is_replaced(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """A server may close an idle connection whenever it likes: the next request does not notice."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)

    url = f"http://127.0.0.1:{await loopback(once)}/"
    for _ in range(5):
        assert (await client.get(url)).content == b"hello"
        await asyncio.sleep(0.01)


async def test_connections_are_bounded(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """Ten requests at once over two connections: all are answered, and there are never three."""

    class Slow(Server):
        async def respond(self, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.01)
            writer.write(HELLO)

    server = Slow()
    url = f"http://127.0.0.1:{await loopback(server)}/"
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(client.get(url) for _ in range(10)))
    assert [answer.content for answer in answers] == [b"hello"] * 10
    assert server.most_open == 2


@pytest.mark.parametrize("connect", [0.05, None])
async def test_waiting_for_a_connection_is_bounded(
    connect: float | None, loopback: Loopback, client: httpx.AsyncClient
) -> None:
    """With all connections taken, a request fails after its time for one, and not as if nobody had answered."""
    server = Server(b"")
    url = f"http://127.0.0.1:{await loopback(server)}/"
    holders = [asyncio.create_task(client.get(url)) for _ in range(2)]
    await asyncio.sleep(0.05)
    with pytest.raises(httpx.PoolTimeout):
        await client.get(url, timeout=httpx.Timeout(3, pool=0.05, connect=connect))
    for holder in holders:
        holder.cancel()
    await asyncio.gather(*holders, return_exceptions=True)


async def test_cancelling_a_request_closes_its_connection(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """The server sees the end at once, and the slot is free for the next request."""
    server = Server(b"")
    url = f"http://127.0.0.1:{await loopback(server)}/"
    for _ in range(3):  # more than there are connections
        server.ended.clear()
        task = asyncio.create_task(client.get(url))
        await asyncio.sleep(0.02)
        task.cancel()
        async with asyncio.timeout(10):
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.ended.wait()


async def test_leaving_a_body_unread_closes_its_connection(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """A reader that stops in the middle ends the connection: what is left belongs to nobody."""
    server = Server(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello")
    url = f"http://127.0.0.1:{await loopback(server)}/"
    for _ in range(3):
        server.ended.clear()
        async with asyncio.timeout(10):
            async with client.stream("GET", url) as response:
                assert response.status_code == 200
            await server.ended.wait()


async def test_a_slow_reader_stops_the_server(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """Backpressure: while nobody reads, the server cannot send more than the sockets and one bounded buffer hold."""
    total = 64 * 1_048_576
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            writer.write(bytes(65_536))
            await writer.drain()
            sent += 65_536

    url = f"http://127.0.0.1:{await loopback(flood)}/"
    async with asyncio.timeout(10), client.stream("GET", url) as response:
        pieces = response.aiter_raw()
        await anext(pieces)
        await asyncio.sleep(0.3)
        stuck_at = sent
        assert stuck_at < 16 * 1_048_576
        await asyncio.sleep(0.1)
        assert sent == stuck_at
        read = 65_536
        async for piece in pieces:
            read += len(piece)
            if read > stuck_at + 8 * 1_048_576:
                break
        assert sent > stuck_at


@pytest.mark.parametrize(
    ("answer", "name"),
    [(b"", "no head"), (b"HTTP/1.1 200 OK\r\n", "half a head"), (HELLO[:-2], "half a body")],
)
async def test_silence_is_a_read_timeout(
    answer: bytes, name: str, loopback: Loopback, client: httpx.AsyncClient
) -> None:
    """Wherever a server falls silent, the request ends in time and its connection is closed."""
    server = Server(answer)
    url = f"http://127.0.0.1:{await loopback(server)}/"
    async with asyncio.timeout(10):
        with pytest.raises(httpx.ReadTimeout):
            await client.get(url, timeout=0.1)
        await server.ended.wait()


async def test_slow_bytes_are_no_timeout(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """A byte now and then keeps a body alive: the read timeout is for each wait, not for their sum."""

    class Dripping(Server):
        async def respond(self, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
            for _ in range(10):
                await asyncio.sleep(0.04)
                writer.write(b"x")

    url = f"http://127.0.0.1:{await loopback(Dripping())}/"
    assert (await client.get(url, timeout=0.2)).content == b"x" * 10


async def test_nobody_listens(client: httpx.AsyncClient) -> None:
    """A port without a server is a connect error."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{unused.getsockname()[1]}/")


async def _parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        await asyncio.sleep(0)


@pytest.mark.parametrize("headers", [{}, {"content-length": "11"}], ids=["chunked", "with its length"])
async def test_a_streamed_request(headers: dict[str, str], loopback: Loopback, client: httpx.AsyncClient) -> None:
    """A body that is produced while it is sent arrives whole, and its connection is used again."""
    bodies: list[bytes] = []

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"chunked" in head.lower():
                bodies.append(await reader.readuntil(b"0\r\n\r\n"))
            else:
                bodies.append(await reader.readexactly(11))
            writer.write(HELLO)

    url = f"http://127.0.0.1:{await loopback(collect)}/"
    async with asyncio.timeout(5):
        for _ in range(2):
            response = await client.post(url, content=_parts(b"hello", b" ", b"world"), headers=headers)
            assert response.content == b"hello"
    chunked = b"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n"
    assert bodies == [b"hello world" if headers else chunked] * 2


async def test_a_body_may_be_made_slowly(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """No timeout runs while the caller's own code makes the next part of a streamed request."""

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(HELLO)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"part"
            await asyncio.sleep(0.25)

    url = f"http://127.0.0.1:{await loopback(collect)}/"
    assert (await client.post(url, content=slowly(), timeout=0.15)).content == b"hello"


async def test_silence_after_a_streamed_request_is_a_read_timeout(
    loopback: Loopback, client: httpx.AsyncClient
) -> None:
    """Once a streamed request is sent, `read` bounds the wait for its answer, whatever `write` is."""
    url = f"http://127.0.0.1:{await loopback(Server(b''))}/"
    async with asyncio.timeout(3):
        with pytest.raises(httpx.ReadTimeout):
            await client.post(url, content=_parts(b"x"), timeout=httpx.Timeout(0.2, write=None))


async def test_a_server_that_takes_nothing_is_a_timeout(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """`write` bounds each wait until a streamed request can go on, whatever `read` is."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3)

    url = f"http://127.0.0.1:{await loopback(deaf)}/"
    async with asyncio.timeout(3):
        with pytest.raises(httpx.TimeoutException):
            await client.post(url, content=_parts(*[bytes(1_048_576)] * 32), timeout=httpx.Timeout(None, write=0.2))


async def test_an_answer_before_the_request_is_sent(
    loopback: Loopback, client: httpx.AsyncClient, transport_name: str
) -> None:
    """A server that refuses a long upload early is heard, and the connection is not used again.

    httpx does not look at the answer before it has sent everything.
    """
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await asyncio.sleep(1)

    url = f"http://127.0.0.1:{await loopback(refuse)}/"
    async with asyncio.timeout(5):
        for _ in range(2):
            upload = _parts(*[bytes(1_048_576)] * 32)  # more than the sockets hold
            if transport_name == "httpx":
                with pytest.raises(httpx.WriteTimeout):
                    await client.post(url, content=upload, timeout=0.2)
            else:
                response = await client.post(url, content=upload, timeout=0.2)
                assert (response.status_code, response.content) == (413, b"no")
    assert connections == 2


@pytest.mark.parametrize("part", [b"too long for it", b"short"])
async def test_a_request_that_lies_about_its_length(
    part: bytes, loopback: Loopback, client: httpx.AsyncClient, transport_name: str
) -> None:
    """A body that is not as long as its head says is a local error, and its connection is closed.

    httpx lets the exception of its parser through.
    """
    expected = h11.LocalProtocolError if transport_name == "httpx" else httpx.LocalProtocolError
    server = Server(b"")
    url = f"http://127.0.0.1:{await loopback(server)}/"
    async with asyncio.timeout(10):
        with pytest.raises(expected):
            await client.post(url, content=_parts(part), headers={"content-length": "11"})
        await server.ended.wait()


async def test_redirects_are_not_followed(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """A redirect is an answer like any other."""
    server = Server(b"HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")
    url = f"http://127.0.0.1:{await loopback(server)}/"
    assert (await client.get(url)).status_code == 302


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\0b"])
async def test_headers_cannot_be_smuggled(value: str, loopback: Loopback, client: httpx.AsyncClient) -> None:
    """A header value that holds a line end never reaches the wire."""
    url = f"http://127.0.0.1:{await loopback(Server())}/"
    with pytest.raises(httpx.LocalProtocolError):
        await client.get(url, headers={"x-test": value})
