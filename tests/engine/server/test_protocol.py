"""The lane and the application answer the same way, and neither is held up by a slow, broken or greedy peer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.gateway import Inbound, Sink

Serve = Callable[..., Awaitable[Any]]
BOTH = pytest.mark.parametrize("path", ["/lane", "/asgi"])


async def tell(inbound: Inbound, sink: Sink) -> None:
    """Answers with the length of what came in."""
    assert isinstance(inbound.body, bytes)
    body = b"%d bytes" % len(inbound.body)
    await sink.start(200, [(b"content-length", b"%d" % len(body))])
    await sink.end(body)


async def stream(_: Inbound, sink: Sink) -> None:
    await sink.start(200, [(b"content-type", b"text/event-stream")])
    for n in range(3):
        await sink.send(b"data: %d\n\n" % n)
    await sink.end(b"data: [DONE]\n\n")


def post(path: str, body: bytes = b"hello", extra: bytes = b"", version: bytes = b"1.1") -> bytes:
    head = b"POST %b HTTP/%b\r\nhost: x\r\ncontent-length: %d\r\n%b\r\n"
    return head % (path.encode(), version, len(body), extra) + body


CLOSE = b"connection: close\r\n"


@BOTH
async def test_a_body_is_answered(serve: Serve, path: str) -> None:
    """A plain request is answered, with the date of the server, and the connection closed when asked."""
    answer = await (await serve(tell)).exchange(post(path, extra=CLOSE))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\n5 bytes")


@BOTH
async def test_a_stream_is_chunked(serve: Serve, path: str) -> None:
    """A body without a length goes out in chunks and ends with the last one."""
    answer = await (await serve(stream)).exchange(post(path, extra=CLOSE))
    _, _, body = answer.partition(b"\r\n\r\n")

    assert b"transfer-encoding: chunked" in answer
    assert body == b"9\r\ndata: 0\n\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


@BOTH
async def test_connections_are_kept(serve: Serve, path: str) -> None:
    """One connection serves one request after the other, also when they were sent together."""
    answer = await (await serve(tell)).exchange(post(path) + post(path, b"12") + post(path, b"", extra=CLOSE))

    assert [part[:7] for part in answer.split(b"\r\n\r\n")[1:]] == [b"5 bytes", b"2 bytes", b"0 bytes"]


@pytest.mark.parametrize("mixed", [("/lane", "/asgi"), ("/asgi", "/lane")])
async def test_lane_and_application_share_a_connection(serve: Serve, mixed: tuple[str, str]) -> None:
    """The one may follow the other, sent together."""
    first, second = mixed
    answer = await (await serve(tell)).exchange(post(first) + post(second, b"12", extra=CLOSE))

    assert [part[:7] for part in answer.split(b"\r\n\r\n")[1:]] == [b"5 bytes", b"2 bytes"]


@BOTH
async def test_one_byte_at_a_time(serve: Serve, path: str) -> None:
    """However a request is cut, it is one request."""
    reader, writer = await (await serve(tell)).open()
    for byte in post(path, extra=CLOSE):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)

    assert (await reader.read()).endswith(b"5 bytes")
    writer.close()


@BOTH
async def test_chunked_requests(serve: Serve, path: str) -> None:
    """A body in chunks is put together."""
    head = b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n" % path.encode()

    assert (await (await serve(tell)).exchange(head + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")).endswith(b"7 bytes")


@BOTH
async def test_expect(serve: Serve, path: str) -> None:
    """A peer that asks first is told to go on, and answered."""
    answer = await (await serve(tell)).exchange(post(path, extra=CLOSE + b"expect: 100-continue\r\n"))

    assert answer.startswith(b"HTTP/1.1 100 Continue")
    assert answer.endswith(b"5 bytes")


@BOTH
async def test_http_1_0(serve: Serve, path: str) -> None:
    """An old client is answered, and its connection closed."""
    answer = await (await serve(tell)).exchange(post(path, version=b"1.0"))

    assert answer.endswith(b"5 bytes")


@pytest.mark.parametrize("declared", [True, False])
async def test_too_large_a_body(serve: Serve, *, declared: bool) -> None:
    """More than the bound is a 413, by the declared length or once it has come, and the connection is closed."""
    body = b"x" * 150_000
    chunked = b"POST /lane HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    request = post("/lane", body) if declared else chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    answer = await (await serve(tell)).exchange(request)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code":"request_too_large"' in answer
    assert b"connection: close" in answer


@BOTH
async def test_a_hang_up_cancels(serve: Serve, path: str) -> None:
    """A peer that goes away ends what was being answered to it."""
    ended = asyncio.Event()

    async def wait(_: Inbound, __: Sink) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    serving = await serve(wait)
    _, writer = await serving.open()
    writer.write(post(path))
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()

    async with asyncio.timeout(2):
        await ended.wait()
    assert serving.log.lines == []


@BOTH
async def test_a_bug_is_told_by_its_id(serve: Serve, path: str) -> None:
    """A failure of ours is a 500 with the request's id and nothing else; the log has the rest under that id."""

    async def fail(_: Inbound, __: Sink) -> None:
        raise ValueError("secret detail")

    serving = await serve(fail)
    answer = await serving.exchange(post(path))
    [(event, fields)] = serving.log.lines

    assert answer.startswith(b"HTTP/1.1 500")
    assert b"secret detail" not in answer
    assert event == "request_failed"
    assert fields["request_id"] == "req_1"
    assert b"req_1" in answer


@BOTH
async def test_a_bug_after_the_head_breaks_off(serve: Serve, path: str) -> None:
    """An answer that cannot be finished never looks finished."""

    async def fail(_: Inbound, sink: Sink) -> None:
        await sink.start(200, [])
        await sink.send(b"half")
        raise ValueError

    answer = await (await serve(fail)).exchange(post(path))

    assert b"half" in answer
    assert not answer.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST /lane HTTP/1.1\r\nhost: x\r\n", b"POST /lane HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc"],
    ids=["nothing", "half-a-head", "half-a-body"],
)
async def test_slow_peers_are_closed(serve: Serve, begun: bytes) -> None:
    """A head or body that does not come on is not waited for."""
    reader, writer = await (await serve(tell)).open()
    writer.write(begun)

    async with asyncio.timeout(2):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    "head",
    [b"x: " + b"y" * 70_000 + b"\r\n", b"".join(b"x-%d: y\r\n" % n for n in range(300))],
    ids=["long", "many"],
)
async def test_large_heads_are_refused(serve: Serve, head: bytes) -> None:
    """A head over its bounds is a 400 and the end of the connection."""
    answer = await (await serve(tell)).exchange(b"POST /lane HTTP/1.1\r\n" + head + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 400")
