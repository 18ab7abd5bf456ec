"""How answers end over TLS: with a word, without one, and while the reader is slow."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

SIZE = 3_000_000
"""Far more than what is read before reading is paused."""
CLOSE = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"


class Server:
    """Answers one request, on a thread: neither loop lets TLS be ended without its last word."""

    def __init__(self, tls: ssl.SSLContext, answer: bytes, *, close_notify: bool) -> None:
        self._tls = tls
        self._answer = answer
        self._close_notify = close_notify
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}/"

    def serve(self) -> None:
        """Until the answer is sent."""
        with self._listening, self._tls.wrap_socket(self._listening.accept()[0], server_side=True) as line:
            line.recv(65_536)
            line.sendall(self._answer)
            if self._close_notify:
                line.unwrap()


@pytest.fixture
async def serve(server_tls: ssl.SSLContext) -> AsyncIterator[Callable[..., str]]:
    """`serve(answer, close_notify=…)`: the URL of a server that gives *answer* once."""
    with ThreadPoolExecutor() as threads:

        def start(answer: bytes, *, close_notify: bool) -> str:
            server = Server(server_tls, answer, close_notify=close_notify)
            threads.submit(server.serve)
            return server.url

        yield start


async def read(client: httpx.AsyncClient, url: str, pause_s: float) -> int:
    """How much came."""
    size = 0
    async with asyncio.timeout(10), client.stream("GET", url) as response:
        async for piece in response.aiter_raw():
            size += len(piece)
            await asyncio.sleep(pause_s)
    return size


@pytest.mark.parametrize("close_notify", [True, False], ids=["with close_notify", "without"])
@pytest.mark.parametrize("pause_s", [0.0, 0.003], ids=["read at once", "read slowly"])
async def test_an_answer_with_a_length_is_whole(
    close_notify: bool, pause_s: float, serve: Callable[..., str], client: httpx.AsyncClient
) -> None:
    """What was sent before the end arrives, however far behind the reader is."""
    answer = CLOSE + b"content-length: %d\r\n\r\n" % SIZE + bytes(SIZE)
    for _ in range(3):
        assert await read(client, serve(answer, close_notify=close_notify), pause_s) == SIZE


@pytest.mark.parametrize("pause_s", [0.0, 0.003], ids=["read at once", "read slowly"])
async def test_close_notify_ends_an_answer_without_a_length(
    pause_s: float, serve: Callable[..., str], client: httpx.AsyncClient
) -> None:
    """It is whole, as it is without TLS at the end of the connection."""
    for _ in range(3):
        assert await read(client, serve(CLOSE + b"\r\n" + bytes(SIZE), close_notify=True), pause_s) == SIZE


async def test_an_answer_that_may_have_been_cut_short(
    serve: Callable[..., str], client: httpx.AsyncClient, transport_name: str
) -> None:
    """Without a length and without close_notify nobody knows that an answer is whole. httpx takes it for that."""
    url = serve(CLOSE + b"\r\nhello", close_notify=False)
    if transport_name == "httpx":
        assert await read(client, url, 0.0) == 5
    else:
        with pytest.raises(httpx.ReadError, match="close_notify"):
            await read(client, url, 0.0)
