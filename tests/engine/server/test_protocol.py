"""The lane and the application answer the same way, and neither is held up by a slow, broken or greedy peer."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.gateway import Inbound, Sink

Serve = Callable[..., Awaitable[Any]]
BOTH = pytest.mark.parametrize("path", ["/lane", "/asgi"])


async def tell(inbound: Inbound, sink: Sink) -> None:
    """Answers with the length of what came in."""
    assert isinstance(inbound.body, bytes)
    await sink.whole(200, b"", b"%d bytes" % len(inbound.body))


async def stream(_: Inbound, sink: Sink) -> None:
    await sink.start(200, b"content-type: text/event-stream\r\n")
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

    async with asyncio.timeout(10):
        await ended.wait()
    assert serving.log.lines == []


@BOTH
async def test_a_bug_is_told_by_its_id(serve: Serve, path: str) -> None:
    """A failure of ours is a 500 with the request's id and nothing else; the log has the rest under that id."""

    async def fail(_: Inbound, __: Sink) -> None:
        raise ValueError("secret detail")

    serving = await serve(fail)
    answer = await serving.exchange(post(path, extra=CLOSE))
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
        await sink.start(200, b"")
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
    reader, writer = await (await serve(tell, deadline_s=0.2)).open()
    writer.write(begun)

    async with asyncio.timeout(10):
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


async def refused(serving: Any, begun: bytes, more: bytes) -> bytes:
    """The first line that comes back while *more* is sent after *begun*, over and over."""
    reader, writer = await serving.open()
    answer = asyncio.create_task(reader.readline())
    writer.write(begun)
    for _ in range(20):
        await asyncio.sleep(0.005)
        if answer.done():
            break
        writer.write(more)
    async with asyncio.timeout(10):
        line: bytes = await answer
    writer.close()
    return line


@pytest.mark.parametrize("more", [b"y" * 10_000, b"\r\nx: y" * 50], ids=["line", "lines"])
async def test_a_head_without_end_is_refused(serve: Serve, more: bytes) -> None:
    """A head that goes on beyond its bounds is a 400 before it ends, be it in one line or in many."""
    line = await refused(await serve(tell), b"POST /lane HTTP/1.1\r\nhost: x\r\nx: ", more)

    assert line.startswith(b"HTTP/1.1 400")


@BOTH
async def test_a_trailer_without_end_is_refused(serve: Serve, path: str) -> None:
    """What is neither head nor body is not read for ever either."""
    head = b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" % path.encode()
    line = await refused(await serve(tell), head + b"3\r\nabc\r\n0\r\nx: ", b"y" * 20_000)

    assert line.startswith(b"HTTP/1.1 400")


@BOTH
async def test_bodies_may_be_slow(serve: Serve, path: str) -> None:
    """A body that keeps coming on has as long as it takes, in as many pieces as it takes."""
    reader, writer = await (await serve(tell, limit_bytes=1_000_000, deadline_s=1)).open()
    writer.write(b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 700000\r\nconnection: close\r\n\r\n" % path.encode())
    for _ in range(7):
        writer.write(b"x" * 100_000)
        await asyncio.sleep(0.2)

    assert (await reader.read()).endswith(b"700000 bytes")
    writer.close()


async def headers_told(inbound: Inbound, sink: Sink) -> None:
    """Answers with the headers that came in."""
    await sink.whole(200, b"", b"".join(b"%b=%b;" % header for header in inbound.headers))


@BOTH
async def test_headers_arrive_as_they_were_sent(serve: Serve, path: str) -> None:
    """In their order, names in lower case, none lost that is repeated."""
    answer = await (await serve(headers_told)).exchange(post(path, extra=b"X-A: 1\r\nb: 2\r\nx-a: Three\r\n" + CLOSE))

    assert b"host=x;content-length=5;x-a=1;b=2;x-a=Three;connection=close;" in answer


@BOTH
async def test_trailers_are_no_headers(serve: Serve, path: str) -> None:
    """What comes after a body cannot pass for part of the head, which proxies in front have looked at."""
    head = b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n%b\r\n" % (path.encode(), CLOSE)
    answer = await (await serve(headers_told)).exchange(head + b"3\r\nabc\r\n0\r\nx-late: 1\r\n\r\n")

    assert b"connection=close;" in answer
    assert b"x-late" not in answer


@BOTH
async def test_requests_sent_together_are_answered_in_order(serve: Serve, path: str) -> None:
    """The second waits for the first, however long that takes."""

    async def shorter_and_shorter(inbound: Inbound, sink: Sink) -> None:
        assert isinstance(inbound.body, bytes)
        await asyncio.sleep(0.1 / len(inbound.body))
        await tell(inbound, sink)

    together = post(path, b"1") + post("/lane", b"12") + post(path, b"123", extra=CLOSE)
    answer = await (await serve(shorter_and_shorter)).exchange(together)

    assert [part[:7] for part in answer.split(b"\r\n\r\n")[1:]] == [b"1 bytes", b"2 bytes", b"3 bytes"]


@BOTH
async def test_close_closes(serve: Serve, path: str) -> None:
    """Who asks for the end of the connection gets it with the answer."""
    reader, writer = await (await serve(tell, keep_alive_s=60)).open()
    writer.write(post(path, extra=CLOSE))

    async with asyncio.timeout(10):
        assert (await reader.read()).endswith(b"5 bytes")
    writer.close()


@BOTH
async def test_idle_connections_are_closed(serve: Serve, path: str) -> None:
    """A connection is kept for its time after an answer, counted anew from each."""
    loop = asyncio.get_running_loop()
    reader, writer = await (await serve(tell, keep_alive_s=2)).open()
    for pause_s in (0, 1.1, 1.1):
        await asyncio.sleep(pause_s)
        writer.write(post(path))
        assert (await reader.readuntil(b"5 bytes")).startswith(b"HTTP/1.1 200")
    answered_s = loop.time()

    async with asyncio.timeout(10):
        assert await reader.read() == b""
    assert loop.time() - answered_s > 1.9
    writer.close()


@BOTH
async def test_answers_take_their_time(serve: Serve, path: str) -> None:
    """No deadline of a request's arrival, nor of an idle connection, ends one that is being answered."""

    async def slow(inbound: Inbound, sink: Sink) -> None:
        await asyncio.sleep(1.3)
        await tell(inbound, sink)

    reader, writer = await (await serve(slow, keep_alive_s=1, deadline_s=1)).open()
    for _ in range(2):
        writer.write(post(path)[:-1])
        await asyncio.sleep(0.05)
        writer.write(b"o")
        assert (await reader.readuntil(b"5 bytes")).startswith(b"HTTP/1.1 200")
    writer.close()


@BOTH
async def test_a_hang_up_cancels_the_later_ones_too(serve: Serve, path: str) -> None:
    """Whichever request of a connection is being answered ends with it; those before were answered."""
    ended = asyncio.Event()

    async def wait_for_the_second(inbound: Inbound, sink: Sink) -> None:
        if inbound.body == b"hello":
            await tell(inbound, sink)
            return
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    serving = await serve(wait_for_the_second)
    reader, writer = await serving.open()
    writer.write(post(path))
    await reader.readuntil(b"5 bytes")
    writer.write(post(path, b"wait"))
    await asyncio.sleep(0.1)
    assert not ended.is_set()
    writer.close()

    async with asyncio.timeout(10):
        await ended.wait()
        while serving.server.server_state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)


async def test_an_answer_that_is_given_up_ends_the_connection(serve: Serve) -> None:
    """A lane that has lost its task does not leave a peer without an answer."""

    async def give_up(_: Inbound, __: Sink) -> None:
        raise asyncio.CancelledError

    reader, writer = await (await serve(give_up)).open()
    writer.write(post("/lane"))

    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


@BOTH
async def test_shutdown_ends_what_has_begun(serve: Serve, path: str) -> None:
    """A server that ends answers what it is asked, says that it closes, and closes idle connections."""
    begun = asyncio.Event()

    async def slow(inbound: Inbound, sink: Sink) -> None:
        if inbound.body != b"hello":
            begun.set()
            await asyncio.sleep(0.3)
        await tell(inbound, sink)

    serving = await serve(slow, keep_alive_s=60)
    idle, idle_writer = await serving.open()
    idle_writer.write(post(path))
    await idle.readuntil(b"5 bytes")
    busy, busy_writer = await serving.open()
    busy_writer.write(post(path, b"slow"))
    await begun.wait()
    serving.server.should_exit = True

    async with asyncio.timeout(10):
        assert await idle.read() == b""
        answer = await busy.read()
    assert answer.endswith(b"4 bytes")
    assert b"connection: close\r\n" in answer
    idle_writer.close()
    busy_writer.close()


@BOTH
async def test_who_does_not_read_is_waited_for(serve: Serve, path: str) -> None:
    """An answer is made no faster than its reader takes it."""
    sent = 0

    async def much(_: Inbound, sink: Sink) -> None:
        nonlocal sent
        await sink.start(200, b"")
        while sent < 1_000:
            await sink.send(b"x" * 100_000)
            sent += 1
        await sink.end()

    reader, writer = await (await serve(much)).open()
    writer.write(post(path, extra=CLOSE))
    await asyncio.sleep(0.5)
    assert sent < 500

    received = 0
    while data := await reader.read(1 << 20):
        received += len(data)
    assert sent == 1_000
    assert received > 100_000_000
    writer.close()


@pytest.mark.parametrize("many", [2, 15, 16, 17, 40])
@pytest.mark.parametrize(("handler", "end"), [(tell, b"5 bytes"), (stream, b"\r\n0\r\n\r\n")])
async def test_many_are_answered_in_one_turn(serve: Serve, many: int, handler: Any, end: bytes) -> None:
    """Answers that leave together are whole, each on its own connection, which is closed behind it."""
    server = await serve(handler)
    opened = [await server.open() for _ in range(many)]
    for _, writer in opened:
        writer.write(post("/lane", extra=CLOSE))
    async with asyncio.timeout(10):
        answers = [await reader.read() for reader, _ in opened]
    for _, writer in opened:
        writer.close()

    assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * many
    assert [answer.endswith(end) for answer in answers] == [True] * many


@pytest.mark.parametrize(("then", "after"), [(b"rubbish\r\n\r\n", b"HTTP/1.1 400"), (b"", b"")])
async def test_an_answer_is_whole_whatever_its_peer_does_next(serve: Serve, then: bytes, after: bytes) -> None:
    """What has been answered, with another, reaches a peer that sends rubbish next, or says that it sends no more."""
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    answered: list[Inbound] = []

    async def tell_all(inbound: Inbound, sink: Sink) -> None:
        """Answers, and has the peers go on before the loop turns, so that neither answer can have left by itself."""
        await tell(inbound, sink)
        answered.append(inbound)
        for _, writer in opened if len(answered) == len(opened) else ():
            with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as peer:
                peer.send(then) if then else peer.shutdown(socket.SHUT_WR)

    server = await serve(tell_all)
    opened.extend([await server.open(), await server.open()])
    for _, writer in opened:
        writer.write(post("/lane"))
    async with asyncio.timeout(10):
        answers = [await reader.read() for reader, _ in opened]
    for _, writer in opened:
        writer.close()

    for answer in answers:
        assert b"5 bytes" + after in answer


async def test_an_answer_is_whole_when_the_server_ends(serve: Serve) -> None:
    """What has been answered, with another, is sent before the server that ends closes its connections."""
    answered: list[Inbound] = []

    async def tell_and_end(inbound: Inbound, sink: Sink) -> None:
        await tell(inbound, sink)
        answered.append(inbound)
        for connection in tuple(server.server.server_state.connections) if len(answered) == 2 else ():
            connection.shutdown()

    server = await serve(tell_and_end)
    opened = [await server.open(), await server.open()]
    for _, writer in opened:
        writer.write(post("/lane"))
    async with asyncio.timeout(10):
        answers = [await reader.read() for reader, _ in opened]
    for _, writer in opened:
        writer.close()

    assert [answer.endswith(b"5 bytes") for answer in answers] == [True, True]


@BOTH
@pytest.mark.parametrize("pause_s", [0.0, 0.05], ids=["whole", "split"])
async def test_an_offer_of_another_protocol_is_declined(serve: Serve, path: str, pause_s: float) -> None:
    """Java's client and `curl --http2` offer h2c: the body is that of the request, and no request itself."""
    offer = b"connection: upgrade, close, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
    inner = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n" % path.encode()
    head = b"POST %b HTTP/1.1\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n" % (path.encode(), offer, len(inner))
    reader, writer = await (await serve(tell)).open()
    writer.write(head)
    await asyncio.sleep(pause_s)
    writer.write(inner)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()

    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"%d bytes" % len(inner))


async def test_a_tunnel_is_refused(serve: Serve) -> None:
    """CONNECT asks for a proxy, which this is not."""
    answer = await (await serve(tell)).exchange(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")
