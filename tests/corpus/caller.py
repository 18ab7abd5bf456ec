"""A caller on one kept connection, in plain HTTP/1.1: twenty thousand requests cost a client library minutes."""

import asyncio
from dataclasses import dataclass
from typing import Self

TIMEOUT_S = 60.0
BUFFER_BYTES = 1 << 20


class NoAnswer(Exception):
    """The connection ended, or was silent, before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    request_id: str
    body: bytes


class Caller:
    """Asks one thing after the other; a connection that breaks is opened again."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._head = f"host: 127.0.0.1\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def post(self, path: str, body: bytes) -> Answer:
        """The whole answer. Raises NoAnswer."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._posted(path, body)
        except (OSError, EOFError, ValueError, TimeoutError) as exc:
            self._close()
            raise NoAnswer(repr(exc)) from exc

    async def _posted(self, path: str, body: bytes) -> Answer:
        if self._connection is None:
            self._connection = await asyncio.open_connection("127.0.0.1", self._port, limit=BUFFER_BYTES)
        reader, writer = self._connection
        writer.write(f"POST {path} HTTP/1.1\r\n{self._head}content-length: {len(body)}\r\n\r\n".encode() + body)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "content-length" in headers:
            whole = await reader.readexactly(int(headers["content-length"]))
        else:
            whole = await _dechunked(reader)
        if headers.get("connection") == "close":
            self._close()
        return Answer(int(first.split(" ")[1]), headers.get("x-request-id", ""), whole)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection[1].close()
            self._connection = None


async def _dechunked(reader: asyncio.StreamReader) -> bytes:
    """A body that comes in chunks. Raises EOFError where its end is missing."""
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
