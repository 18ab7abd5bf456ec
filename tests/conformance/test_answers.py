"""Answers of every kind, well-formed or not, read through our pool and through httpx's own transport.

The table says once what both must do. Where httpx legitimately differs, `theirs` says so beside ours.
"""

import asyncio
import gzip
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest

Loopback = Callable[..., Awaitable[int]]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
BROKEN = (httpx.ReadError, httpx.RemoteProtocolError)
"""The connection ended too soon. httpx calls a proper end in the wrong place a protocol error, we call it a reset."""
MALFORMED = (httpx.RemoteProtocolError,)
BOMB = gzip.compress(bytes(8 * 1_048_576))


@dataclass(frozen=True)
class Case:
    """What a server sends after it has read a request, how it ends, and what a client makes of it."""

    name: str
    sends: bytes
    expect: bytes | tuple[type[Exception], ...]
    """The body of a 200, or the exceptions of which one is raised."""
    then: str = "close"
    """`close`, `reset` (RST), or `hold` the connection open."""
    theirs: bytes | tuple[type[Exception], ...] | None = None
    """What httpx's own transport does, where it may differ."""
    whole_only: bool = False
    """Not sent byte by byte: it is too long, or that is another case."""


CASES = [
    Case("content-length", OK + b"content-length: 5\r\n\r\nhello", b"hello", then="hold"),
    Case("empty body", OK + b"content-length: 0\r\n\r\n", b"", then="hold"),
    Case("chunks", CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world", then="hold"),
    Case("chunks of one byte", CHUNKED + b"1\r\na\r\n" * 200 + b"0\r\n\r\n", b"a" * 200, then="hold"),
    Case("chunk extensions and trailers", CHUNKED + b"2;x=y\r\nhi\r\n0\r\nx-t: 1\r\n\r\n", b"hi", then="hold"),
    Case("delimited by the end", OK + b"\r\nuntil the end", b"until the end"),
    Case("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
    Case("half-close after the answer", OK + b"content-length: 2\r\n\r\nhi", b"hi"),
    Case("no reason phrase", b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi", b"hi", then="hold"),
    Case(
        "an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 2\r\n\r\nhi", b"hi", then="hold"
    ),
    Case(
        "a flood of interim answers",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40 + OK + b"content-length: 2\r\n\r\nhi",
        MALFORMED,
        theirs=b"hi",  # httpx takes any number
        then="hold",
    ),
    Case("nothing, then the end", b"", BROKEN),
    Case("nothing, then a reset", b"", BROKEN, then="reset"),
    Case("half a status line", b"HTTP/1.", BROKEN),
    Case("a reset in the head", OK + b"content-le", BROKEN, then="reset"),
    Case("the end in the head", OK + b"content-length: 5\r\n", BROKEN),
    Case("a content-length too long", OK + b"content-length: 50\r\n\r\nhello", BROKEN),
    Case("a reset in the body", OK + b"content-length: 50\r\n\r\nhello", BROKEN, then="reset"),
    Case("a reset in a body without length", OK + b"\r\nhello", BROKEN, then="reset"),
    Case("a content-length too short", OK + b"content-length: 2\r\n\r\nhi and more", b"hi", then="hold"),
    Case("chunks without an end", CHUNKED + b"5\r\nhello\r\n", BROKEN),
    Case("a chunk that breaks off", CHUNKED + b"50\r\nhello", BROKEN),
    Case("a chunk longer than it says", CHUNKED + b"2\r\nhello\r\n0\r\n\r\n", MALFORMED, then="hold"),
    Case("a chunk size that is no number", CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", MALFORMED, then="hold"),
    Case("a chunk size beyond 64 bits", CHUNKED + b"f" * 30 + b"\r\nhello\r\n", MALFORMED, then="close"),
    Case(
        "content-length beside chunks",
        OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        MALFORMED,
        theirs=b"hi",  # RFC 9112 6.3 allows both readings; smuggling lives from the difference, so we refuse
        then="hold",
    ),
    Case("two lengths", OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi!", MALFORMED, then="hold"),
    Case("a negative length", OK + b"content-length: -1\r\n\r\n", MALFORMED),
    Case("a coding that is not chunked", OK + b"transfer-encoding: gzip\r\n\r\nxx", MALFORMED),
    Case("not HTTP", b"220 smtp.example ESMTP\r\n", MALFORMED),
    Case("a status of two digits", b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n", MALFORMED),
    Case("a space in a header name", OK + b"a b: c\r\ncontent-length: 0\r\n\r\n", MALFORMED),
    Case("NUL in a header", OK + b"a: b\0c\r\ncontent-length: 0\r\n\r\n", MALFORMED),
    Case(
        "a folded header",
        OK + b"a: b\r\n c\r\ncontent-length: 2\r\n\r\nhi",
        MALFORMED,
        theirs=b"hi",  # RFC 9112 5.2 lets a client replace the fold by a space
        then="hold",
    ),
    Case("a header of 200 kB", OK + b"a: " + b"b" * 200_000 + b"\r\n\r\n", MALFORMED, whole_only=True),
    Case("a header without end", OK + b"a: " + b"b" * 150_000, MALFORMED, then="hold", whole_only=True),
    Case(
        "1,000 headers",
        OK + b"a: b\r\n" * 1_000 + b"content-length: 0\r\n\r\n",
        MALFORMED,
        theirs=b"",  # httpx bounds their bytes, not their number
        whole_only=True,
    ),
    Case("another protocol", b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", MALFORMED),
    Case(
        "gzip",
        OK
        + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(gzip.compress(b"hi" * 9, mtime=0))
        + gzip.compress(b"hi" * 9, mtime=0),
        b"hi" * 9,
        then="hold",
    ),
    Case("deflate", OK + b"content-encoding: deflate\r\n\r\n" + zlib.compress(b"hi" * 9), b"hi" * 9),
    Case(
        "deflate without its wrapper",
        OK + b"content-encoding: deflate\r\n\r\n" + zlib.compress(b"hi" * 9, wbits=-15),
        b"hi" * 9,
        whole_only=True,  # httpx looks at the first piece alone; ours is fed byte by byte in its unit test
    ),
    Case("identity, named", OK + b"content-encoding: identity\r\ncontent-length: 2\r\n\r\nhi", b"hi", then="hold"),
    Case(
        "a bomb",
        OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(BOMB) + BOMB,
        MALFORMED,
        theirs=bytes(8 * 1_048_576),  # httpx inflates without bound
        whole_only=True,
    ),
    Case(
        "an encoding nobody asked for",
        OK + b"content-encoding: x-unknown\r\ncontent-length: 2\r\n\r\nhi",
        MALFORMED,
        theirs=b"hi",  # httpx hands out what it cannot decode
        then="hold",
    ),
    Case(
        "damaged gzip",
        OK + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\njunk",
        MALFORMED,
        theirs=(httpx.DecodingError,),
        then="hold",
    ),
]


def _server(case: Case, *, piecemeal: bool) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        pieces = [case.sends[i : i + 1] for i in range(len(case.sends))] if piecemeal else [case.sends]
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        if case.then == "hold":
            await reader.read()
        elif case.then == "reset":
            await asyncio.sleep(0.02)  # an RST at once would take back the bytes before it
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    return handle


RUNS = [(case, piecemeal) for case in CASES for piecemeal in (False, True) if not (case.whole_only and piecemeal)]


@pytest.mark.parametrize(("case", "piecemeal"), RUNS, ids=[f"{c.name}-{'pieces' if p else 'whole'}" for c, p in RUNS])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_answer(
    case: Case, piecemeal: bool, tls: bool, *, server_tls: ssl.SSLContext, loopback: Loopback,
    client: httpx.AsyncClient, transport_name: str,
) -> None:  # fmt: skip
    """Each kind of answer is read as the table says, however its bytes were cut, with TLS and without."""
    expect = case.theirs if transport_name == "httpx" and case.theirs is not None else case.expect
    port = await loopback(_server(case, piecemeal=piecemeal), server_tls if tls else None)
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
    async with asyncio.timeout(5):
        if isinstance(expect, bytes):
            response = await client.get(url)
            assert (response.status_code, response.content == expect) == (200, True)
        else:
            with pytest.raises(expect):
                await client.get(url)


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body(status: int, loopback: Loopback, client: httpx.AsyncClient) -> None:
    """204 and 304 end with their head, whatever length it names."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)

    port = await loopback(handle)
    for _ in range(2):
        response = await client.get(f"http://127.0.0.1:{port}/")
        assert (response.status_code, response.content) == (status, b"")


async def test_head_has_no_body(loopback: Loopback, client: httpx.AsyncClient) -> None:
    """The answer to HEAD ends with its head although that names a length."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK + b"content-length: 5\r\n\r\n")

    port = await loopback(handle)
    async with asyncio.timeout(5):
        for _ in range(2):
            response = await client.head(f"http://127.0.0.1:{port}/")
            assert (response.status_code, response.content) == (200, b"")
