"""A worker for tests: HTTP on the inherited socket, one JSON answer per connection, over the real link and board.

/        what is served          /reload  asks for a reload
/busy    takes room at the first offer, and never gives it back
/slow    answers after 0.6 s     /die     ends the process at once, SIGKILL
"""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from engine.live.board import Board
from engine.live.link import Link
from engine.live.state import BoardState


async def main(slot: int, listener: int, control: int, data: Path) -> None:
    state = BoardState(Board(data / "board"), column=slot, configured=lambda _: True, emit=lambda *_: None)
    link = Link(socket.socket(fileno=control), state, lambda _: None)
    current = await link.connect()
    if current is None:
        return
    tasks: set[asyncio.Task[object]] = set()

    async def answer(path: str) -> object:
        if path == "/reload":
            status = await link.reload()
            return {"result": status.result, "diagnostics": status.diagnostics}
        if path == "/slow":
            await asyncio.sleep(0.6)
        if path == "/die":
            os.kill(os.getpid(), signal.SIGKILL)
        offer = next(iter(current.snapshot.program.pinned.values()), None)
        if path == "/busy" and offer is not None:
            state.admit(offer, "", 0, time.monotonic())
        return {
            "pid": os.getpid(),
            "config_hash": current.snapshot.config_hash,
            "providers": sorted(current.snapshot.program.providers),
            "result": current.status.result,
            "from_last_good": current.status.from_last_good,
            "diagnostics": current.status.diagnostics,
            "inflight": dict(state.inflight()),
            "modules": sorted({name.split(".")[0] for name in sys.modules}),
        }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            body = json.dumps(await answer(head.split(b" ")[1].decode())).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, sock=socket.socket(fileno=listener))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    following = asyncio.create_task(link.run(ended))
    following.add_done_callback(lambda _: ended.set())
    await ended.wait()
    server.close()
    await asyncio.gather(*tasks)
    following.cancel()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
