"""Forms that are taken as they come: what is large is in a file, which is gone when the request has ended."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.errors import BadRequest
from engine.gateway import Inbound, Sink
from engine.server.uploads import WRITE_BYTES, Uploads
from engine.values import Surface
from engine.wire.content import Content
from engine.wire.multipart import Form, Part, content_type_of, write_parts
from tests.forms import open_below, whole

Serve = Callable[..., Awaitable[Any]]

SOUND = Random(7).randbytes(3_000)
MEMORY_BYTES = 1_000
PARTS = (
    Part(name="prompt", content=b"p" * 5_000),
    Part(name="image[]", filename="a.png", content=b"\x89PNG" * 100),
    Part(name="file", filename="a.wav", content_type="audio/wav", content=SOUND),
    Part(name="file2", filename="b.wav", content=SOUND[::-1]),
    Part(name="image[]", filename="b.png", content=b"\x89PNG" * 125),
    Part(name="model", content=b"m"),
)
FORM = whole(write_parts(PARTS, "b"))
LARGE = whole(write_parts([Part(name="file", filename="a", content=bytes(4 * WRITE_BYTES))], "b"))
MULTIPART = content_type_of("b")
CLOSE = b"connection: close\r\n"


def cut(body: bytes, most: int, seed: int = 1) -> list[bytes]:
    """*body* in pieces of at most so many bytes."""
    sizes, pieces = Random(seed), []
    while body:
        size = sizes.randint(1, most)
        pieces.append(body[:size])
        body = body[size:]
    return pieces


async def read(content: Content) -> bytes:
    """All of it, at most 1,000 bytes at a time."""
    if isinstance(content, bytes):
        return content
    return b"".join([await content.read(at, 1_000) for at in range(0, len(content), 1_000)])


async def taken(
    uploads: Uploads, pieces: list[bytes], content_type: str = MULTIPART
) -> tuple[Form, Callable[[], None]]:
    incoming = uploads.incoming(content_type)
    for piece in pieces:
        await incoming.take(piece)
    return await incoming.form(), incoming.close


async def closed(folder: Path) -> None:
    """Return once nothing in the folder is open."""
    async with asyncio.timeout(10):
        while open_below(str(folder)):  # noqa: ASYNC110 - a thread closes it
            await asyncio.sleep(0.005)


async def opened(folder: Path) -> None:
    """Return once something in the folder is open."""
    async with asyncio.timeout(10):
        while not open_below(str(folder)):  # noqa: ASYNC110 - a thread opens it
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("most", [1, 7, 100, 2_000, 100_000])
async def test_a_form_in_pieces(tmp_path: Path, most: int) -> None:
    """However it is cut, the parts are the same; of files as much is in memory as fits, the rest in one file."""
    form, close = await taken(Uploads(tmp_path, memory_bytes=MEMORY_BYTES), cut(FORM, most))

    assert [(part.name, part.filename, part.content_type) for part in form.parts] == [
        (part.name, part.filename, part.content_type) for part in PARTS
    ]
    assert [await read(part.content) for part in form.parts] == [part.content for part in PARTS]
    assert [isinstance(part.content, bytes) for part in form.parts] == [True, True, False, False, True, True]
    assert len(open_below(str(tmp_path))) == 1
    close()
    await closed(tmp_path)
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - once


async def test_the_bound_of_memory(tmp_path: Path) -> None:
    """A file of just that size is in memory, and one of a byte more is not."""
    for size in (MEMORY_BYTES, MEMORY_BYTES + 1):
        body = whole(write_parts([Part(name="file", filename="a", content=SOUND[:size])], "b"))
        form, close = await taken(Uploads(tmp_path, memory_bytes=MEMORY_BYTES), [body])
        assert isinstance(form.parts[0].content, bytes) is (size == MEMORY_BYTES)
        assert await read(form.parts[0].content) == SOUND[:size]
        close()
    await closed(tmp_path)


async def test_large_contents_are_written_as_they_come(tmp_path: Path) -> None:
    """No more waits in memory than is written at once."""
    content = Random(3).randbytes(5 * WRITE_BYTES)
    body = whole(write_parts([Part(name="file", filename="a", content=content)], "b"))
    incoming = Uploads(tmp_path, memory_bytes=MEMORY_BYTES).incoming(MULTIPART)
    for at in range(0, len(body), 50_000):
        await incoming.take(body[at : at + 50_000])
        assert len(incoming._unwritten) < WRITE_BYTES + 50_000
    form = await incoming.form()
    assert await read(form.parts[0].content) == content
    incoming.close()
    await closed(tmp_path)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", FORM),
        (MULTIPART, FORM[:-6]),
        (MULTIPART, b"nonsense" * 1_000),
        (MULTIPART, FORM.replace(b'name="model"', b'nam="model"')),
    ],
    ids=["no boundary", "cut short", "no form", "a bad head"],
)
async def test_what_is_no_form(tmp_path: Path, content_type: str, body: bytes) -> None:
    """Why it cannot be read is kept for who asks, and nothing else of it."""
    form, close = await taken(Uploads(tmp_path, memory_bytes=MEMORY_BYTES), cut(body, 500), content_type)
    assert isinstance(form.fault, BadRequest)
    assert form.fault.reason == "invalid_multipart"
    assert form.parts == ()
    close()
    await closed(tmp_path)


async def test_after_the_end_nothing_can_be_read(tmp_path: Path) -> None:
    """A content that is read after its request was closed is an error, never another file's bytes."""
    form, close = await taken(Uploads(tmp_path, memory_bytes=MEMORY_BYTES), [FORM])
    close()
    await closed(tmp_path)
    with pytest.raises(OSError, match="after its request"):
        await read(form.parts[2].content)


async def test_closing_while_it_is_written(tmp_path: Path) -> None:
    """A write that is cancelled comes to its end before the file is closed, and none begins afterwards."""
    incoming = Uploads(tmp_path, memory_bytes=0).incoming(MULTIPART)
    head = FORM[: FORM.index(SOUND)]
    for _ in range(20):
        await incoming.take(head)
        writing = asyncio.create_task(incoming.take(bytes(4 * WRITE_BYTES)))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        incoming.close()
        incoming = Uploads(tmp_path, memory_bytes=0).incoming(MULTIPART)
    await closed(tmp_path)


def request(path: str, body: bytes, extra: bytes = b"", content_type: str = MULTIPART) -> bytes:
    head = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n"
    return head % (path.encode(), content_type.encode(), len(body), extra) + body


def chunked(path: str, body: bytes) -> bytes:
    head = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in cut(body, 5_000))
    return head % (path.encode(), MULTIPART.encode()) + chunks + b"0\r\n\r\n"


async def echo(inbound: Inbound, sink: Sink) -> None:
    """Answers with the contents of a form, or the error it has; with a body as it came."""
    if isinstance(inbound.body, bytes):
        body = inbound.body
    elif inbound.body.fault is not None:
        body = inbound.body.fault.reason.encode()
    else:
        body = b"".join([await read(part.content) for part in inbound.body.parts])
    await sink.whole(200, b"", body)


CONTENTS = b"".join(part.content for part in PARTS if isinstance(part.content, bytes))
BOTH = pytest.mark.parametrize("path", ["/lane", "/asgi"])


@BOTH
@pytest.mark.parametrize("framed", [request, chunked])
async def test_forms_arrive(serve: Serve, tmp_path: Path, path: str, framed: Callable[[str, bytes], bytes]) -> None:
    """A form is a form on every path and in every framing, and its connection is used again."""
    serving = await serve(echo, Surface.TRANSCRIPTIONS)
    answer = await serving.exchange(framed(path, FORM) + request(path, FORM, CLOSE))

    assert answer.count(CONTENTS) == 2
    await closed(tmp_path)


@BOTH
async def test_a_form_byte_by_byte(serve: Serve, tmp_path: Path, path: str) -> None:
    """The same when every byte comes by itself."""
    body = whole(write_parts([Part(name="file", filename="a", content=SOUND[:1_200])], "b"))
    reader, writer = await (await serve(echo, Surface.TRANSCRIPTIONS)).open()
    for byte in request(path, body, CLOSE):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert (await reader.read()).endswith(b"\r\n\r\n" + SOUND[:1_200])
    writer.close()
    await closed(tmp_path)


@BOTH
@pytest.mark.parametrize(
    ("surface", "content_type"), [(Surface.CHAT, MULTIPART), (Surface.TRANSCRIPTIONS, "application/json")]
)
async def test_other_bodies_are_bytes(serve: Serve, path: str, surface: Surface, content_type: str) -> None:
    """What says that it is no form, and forms where none are taken, are bytes."""
    serving = await serve(echo, surface)
    assert (await serving.exchange(request(path, FORM, CLOSE, content_type))).endswith(FORM)


@BOTH
async def test_a_bad_form_is_told_when_it_has_come(serve: Serve, tmp_path: Path, path: str) -> None:
    """What is wrong with a form is for the gateway to tell, which knows who asks."""
    serving = await serve(echo, Surface.TRANSCRIPTIONS)
    answer = await serving.exchange(request(path, FORM + b"more", CLOSE))
    assert answer.endswith(b"invalid_multipart")
    await closed(tmp_path)


@BOTH
@pytest.mark.parametrize("framed", [request, chunked])
async def test_too_large_a_form(serve: Serve, tmp_path: Path, path: str, framed: Callable[[str, bytes], bytes]) -> None:
    """More than the bound is a 413 that arrives, however much more is sent, and nothing is kept."""
    serving = await serve(echo, Surface.TRANSCRIPTIONS, limit_bytes=2 * WRITE_BYTES)
    reader, writer = await serving.open()
    writer.write(framed(path, LARGE))
    async with asyncio.timeout(5):
        await writer.drain()
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code":"request_too_large"' in answer
    writer.close()
    await closed(tmp_path)


@BOTH
async def test_a_hang_up_after_a_refusal(
    serve: Serve, tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A caller who goes away once refused, with more to send, ends the request and troubles nobody."""
    serving = await serve(echo, Surface.TRANSCRIPTIONS)
    reader, writer = await serving.open()
    writer.write(request(path, LARGE)[: 2 * WRITE_BYTES])
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
    writer.transport.abort()
    assert (await serving.exchange(request(path, FORM, CLOSE))).endswith(CONTENTS)
    await closed(tmp_path)
    assert serving.log.lines == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@BOTH
async def test_a_hang_up_midway(serve: Serve, tmp_path: Path, path: str) -> None:
    """A caller who goes away in the middle leaves nothing open, and nobody is bothered."""
    serving = await serve(echo, Surface.TRANSCRIPTIONS, limit_bytes=10 * WRITE_BYTES)
    _, writer = await serving.open()
    writer.write(request(path, LARGE)[: 3 * WRITE_BYTES])
    await opened(tmp_path)
    writer.transport.abort()
    await closed(tmp_path)
    assert serving.log.lines == []


@BOTH
async def test_half_a_form_is_not_waited_for(serve: Serve, tmp_path: Path, path: str) -> None:
    """A form that does not come on is cut, and nothing of it stays open."""
    serving = await serve(echo, Surface.TRANSCRIPTIONS, limit_bytes=10 * WRITE_BYTES, deadline_s=1)
    reader, writer = await serving.open()
    writer.write(request(path, LARGE)[:-1_000])
    await opened(tmp_path)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    await closed(tmp_path)


@pytest.mark.parametrize("ending", ["hang up", "failure"])
async def test_the_file_goes_with_its_request(serve: Serve, tmp_path: Path, ending: str) -> None:
    """While a request is answered its file is there; it is closed when the caller hangs up, or we fail."""
    begun = asyncio.Event()
    open_then: list[str] = []

    async def handle(inbound: Inbound, _: Sink) -> None:
        assert isinstance(inbound.body, Form)
        assert await read(inbound.body.parts[2].content) == SOUND
        open_then.extend(open_below(str(tmp_path)))
        begun.set()
        if ending == "failure":
            raise ValueError
        await asyncio.sleep(30)

    _, writer = await (await serve(handle, Surface.TRANSCRIPTIONS)).open()
    writer.write(request("/lane", FORM))
    async with asyncio.timeout(10):
        await begun.wait()
    assert len(open_then) == 1
    if ending == "hang up":
        writer.transport.abort()
    await closed(tmp_path)
    writer.close()


async def test_a_disk_that_takes_nothing(serve: Serve, tmp_path: Path) -> None:
    """Where nothing can be stored, a large form is a failure of ours, told by its id, and a small one is answered."""
    serving = await serve(echo, Surface.TRANSCRIPTIONS)
    (tmp_path / "uploads").rmdir()
    large = await serving.exchange(request("/lane", FORM, CLOSE))
    small = whole(write_parts([PARTS[1]], "b"))
    [(event, fields)] = serving.log.lines

    assert large.startswith(b"HTTP/1.1 500")
    assert (event, fields["request_id"]) == ("upload_not_stored", "req_1")
    assert b"req_1" in large
    assert (await serving.exchange(request("/lane", small, CLOSE))).endswith(b"\x89PNG" * 100)
