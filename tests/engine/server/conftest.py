"""The protocol and an inference endpoint on a real socket, in front of a gateway that does what a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop
from litestar import Litestar, asgi

from engine.gateway import Cork, Inbound, Sink
from engine.live.current import Current
from engine.server.inference import Inference
from engine.server.protocol import GatewayProtocol
from engine.server.uploads import Uploads
from engine.values import Surface


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """On the loop of the product, and on Python's own, which turns differently."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


Handler = Callable[[Inbound, Sink], Awaitable[None]]
LIMIT_BYTES = 100_000
MEMORY_BYTES = 1_000
"""Of a form's files; what is larger goes to a file."""


@dataclass
class Doer:
    """Stands where the gateway stands."""

    handler: Handler
    numbers: int = 0

    @property
    def entropy(self) -> "Doer":
        return self

    def request_id(self) -> str:
        self.numbers += 1
        return f"req_{self.numbers}"

    async def handle(self, _: object, inbound: Inbound, sink: Sink) -> None:
        await self.handler(inbound, sink)


@dataclass
class Lines:
    """A log that a test can read."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, /, **fields: object) -> None:
        self.lines.append((event, fields))

    warning = error = info


@dataclass
class Serving:
    """Where it listens, and what it has logged."""

    port: int
    log: Lines
    server: uvicorn.Server

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def exchange(self, request: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        reader, writer = await self.open()
        writer.write(request)
        async with asyncio.timeout(10):
            received = await reader.read()
        writer.close()
        return received


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Serving]]]:
    """Starts a server for a handler: `/lane` goes through the lane, `/asgi` through the application.

    Deadlines are those of the product unless a test waits for them: a machine that stalls must not miss one.
    """
    running: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    async def start(
        handler: Handler,
        surface: Surface = Surface.CHAT,
        *,
        limit_bytes: int = LIMIT_BYTES,
        keep_alive_s: int = 5,
        deadline_s: float = GatewayProtocol.head_deadline_s,
    ) -> Serving:
        log, doer, current = Lines(), Doer(handler), Current(None, None)  # type: ignore[arg-type] # nobody looks at them
        inference = Inference(
            surface=surface,
            gateway=doer,  # type: ignore[arg-type] # as much of one as the server uses
            current=current,
            log=log,
            body_limit_bytes=limit_bytes,
            trusted_proxies=(),
            uploads=Uploads(tmp_path / "uploads", memory_bytes=MEMORY_BYTES),
        )

        @asgi(["/asgi", "/lane"], copy_scope=False)
        async def through_the_application(scope: Any, receive: Any, send: Any) -> None:
            await inference(scope, receive, send)

        class Protocol(GatewayProtocol):
            head_deadline_s = progress_deadline_s = deadline_s

        protocol: Any = partial(Protocol, {b"/lane": inference}, Cork())
        app = Litestar([through_the_application], openapi_config=None, logging_config=None)
        config = uvicorn.Config(
            app,
            port=0,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=keep_alive_s,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        running.append((server, task))
        async with asyncio.timeout(5):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells by this flag alone
                await asyncio.sleep(0.005)
        return Serving(server.servers[0].sockets[0].getsockname()[1], log, server)

    yield start
    for server, task in running:
        server.should_exit = True
        server.force_exit = True
        await task
