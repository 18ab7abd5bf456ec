"""A provider on loopback that answers with what was recorded, whichever protocol it speaks.

The case is named by the model, `case-<id>`, in the path or in the body. Streams are cut wherever it happens.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.corpus.cases import Case

PIECE_BYTES = 1009
"""A prime, so that pieces end in the middle of everything."""
_NAMED = re.compile(rb"case-([a-z0-9-]+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Replay:
    """Answers requests for cases."""

    def __init__(self, cases: Mapping[str, Case]) -> None:
        self._cases = cases
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._tasks.pop)

    async def end(self) -> None:
        """Close every connection."""
        for writer in self._tasks.values():
            writer.close()
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes over one connection, until it is closed."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                writer.write(self._answer(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _answer(self, head: bytes, body: bytes) -> bytes:
        named = _NAMED.search(head.partition(b"\r\n")[0]) or _NAMED.search(str(json.loads(body)["model"]).encode())
        case = self._cases.get(named[1].decode()) if named else None
        if case is None:
            return b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
        lines = [f"HTTP/1.1 {case.status} Recorded", *(f"{name}: {value}" for name, value in case.headers.items())]
        if not case.is_stream or case.status != 200:
            told = "\r\n".join([*lines, f"content-length: {len(case.body)}"])
            return told.encode() + b"\r\n\r\n" + case.body
        pieces = (case.body[at : at + PIECE_BYTES] for at in range(0, len(case.body), PIECE_BYTES))
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return "\r\n".join([*lines, "transfer-encoding: chunked"]).encode() + b"\r\n\r\n" + chunks + b"0\r\n\r\n"


@asynccontextmanager
async def replaying(cases: Mapping[str, Case], port: int) -> AsyncIterator[None]:
    """The provider, listening meanwhile."""
    replay = Replay(cases)
    server = await asyncio.start_server(replay.accept, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        await replay.end()
