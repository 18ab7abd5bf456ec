"""`engine _worker`: one process that serves requests, started and told what to serve by `engine serve`."""

import asyncio
import gc
import signal
import socket
import sys
import uuid
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from math import ceil
from pathlib import Path
from random import randrange
from typing import Any

import msgspec
import rich_click as click
import uvicorn
import uvloop

from engine.cli.environment import environ
from engine.cli.logs import logger, speak_for_libraries
from engine.cli.system import SystemClock, SystemEntropy
from engine.cli.worker_settings import WorkerSettings
from engine.errors import Bug
from engine.gateway import Cork, Gateway
from engine.live.board import Board
from engine.live.current import Current
from engine.live.exposition import SUFFIX, Exposition, Gauge, gauges
from engine.live.link import Link
from engine.live.metrics import Metrics
from engine.live.state import BoardState
from engine.rules.program import Provider
from engine.sandbox.provider import Sandbox
from engine.server.app import create, inferences, lanes
from engine.server.draining import DrainingServer
from engine.server.protocol import GatewayProtocol
from engine.server.queried import Queried
from engine.server.service import Service
from engine.server.uploads import Uploads
from engine.snapshot import Snapshot
from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.store.status import lag
from engine.upstream import EnvAndFiles, Upstreams
from engine.values import EventRecord

__all__ = ["command"]

LOSSES_EVERY_S = 5.0
YOUNG_OBJECTS = 20_000
"""Made and not freed before the collector looks at them. Requests leave no cycles, so that it finds nothing as a rule:
at 700, where Python begins, that took a thirtieth of the worker's time, and told in the slowest hundredth of requests.
"""
_decode_queried = msgspec.msgpack.Decoder(Queried).decode
FIRST_TURNS = 1000
"""Round-robin starts anywhere below this, so that workers do not march in step."""


@click.command(epilog="Examples:\n\n    engine serve --workers 2")
@click.argument("settings")
def command(settings: str) -> None:
    """Serve requests for `engine serve`, which starts this by itself. SETTINGS is JSON."""
    worker = Worker(msgspec.json.decode(settings, type=WorkerSettings), EnvAndFiles(environ()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.run())


class Worker:
    """The parts of a serving process, and how they are put together."""

    def __init__(self, settings: WorkerSettings, secrets: EnvAndFiles) -> None:
        self._settings = settings
        self._log = logger(settings.log_format, worker=settings.slot)
        speak_for_libraries(self._log)
        self._layout = Layout(Path(settings.data))
        self._journal = SegmentWriter(self._layout.journal, f"worker-{settings.slot}", log=self._log)
        self._metrics = Metrics(self._layout.data / "metrics" / f"{settings.slot}{SUFFIX}")
        self._uploads = Uploads(self._layout.data / "uploads")
        self._clock = SystemClock()
        self._cork = Cork()
        self._state = BoardState(
            Board(self._layout.data / "board"),
            column=settings.slot,
            configured=self._configured,
            emit=self._emit,
            first_turn=randrange(FIRST_TURNS),  # noqa: S311 - spreads traffic; nobody gains by guessing it
        )
        self._link = Link(socket.socket(fileno=settings.control), self._state, self._swapped)
        self._upstreams = Upstreams(
            secrets,
            {"sandbox": Sandbox(self._clock)},
            cork=self._cork,
            log=self._log,
            broker=self._link.tokens,
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve from the first configuration until the supervisor says that it is over, or goes away."""
        current = await self._link.connect()
        if current is None:
            return
        server = DrainingServer(self._uvicorn(current), socket.socket(fileno=self._settings.listener))
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)
        over = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
        following = asyncio.create_task(self._link.run(over))
        following.add_done_callback(lambda _: over.set())
        beside = (asyncio.create_task(self._count_losses()), asyncio.create_task(self._drain(over, current, server)))
        await server.serve_listener()
        for task in (following, *beside):
            task.cancel()
        await self._upstreams.close()
        self._journal.close()
        if following.done() and not following.cancelled():
            following.result()  # raises what broke the link

    async def _drain(self, over: asyncio.Event, current: Current, server: DrainingServer) -> None:
        """Once it is *over*, say so on `/ready`, and end when load balancers have had time to notice."""
        await over.wait()
        current.draining = True
        await server.drain(self._settings.drain_delay_s)

    def _service(self, current: Current) -> Service:
        """What the endpoints are handed."""
        gateway = Gateway(
            upstream=self._upstreams,
            live=self._state,
            journal=self._journal,
            metrics=self._metrics,
            clock=self._clock,
            entropy=SystemEntropy(),
            cork=self._cork,
            node=self._settings.node,
            region=self._settings.region,
        )
        exposition = Exposition(self._layout.data / "metrics", lambda: self._gauges(current))
        return Service(
            gateway=gateway,
            current=current,
            metrics=exposition.render,
            reload=self._link.reload,
            query=self._query,
            log=self._log,
            body_limit_bytes=self._settings.max_body_bytes,
            uploads=self._uploads,
            trusted_proxies=tuple(map(ip_network, self._settings.trusted_proxies)),
        )

    def _uvicorn(self, current: Current) -> uvicorn.Config:
        service = self._service(current)
        surfaces = inferences(service)
        protocol: Any = partial(GatewayProtocol, lanes(surfaces), self._cork)
        return uvicorn.Config(
            create(service, surfaces),
            http=protocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=ceil(self._settings.grace_s),
        )

    def _swapped(self, snapshot: Snapshot) -> None:
        """A configuration is served: count by its names, and let go of connections that only older ones use."""
        self._metrics.know(snapshot.program.pinned)
        task = asyncio.get_running_loop().create_task(self._upstreams.retain(_providers(snapshot)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _configured(self, provider: Provider) -> bool:
        """Whether *provider* has every secret it refers to."""
        return self._upstreams.configured(provider)

    def _emit(self, event: str, subject: str, detail: Mapping[str, str]) -> None:
        """A breaker moved or a key rests: into the journal and the log."""
        self._log.warning(event, subject=subject, **detail)
        self._journal.append(
            EventRecord(
                record_id=str(uuid.uuid4()),
                at=datetime.now(UTC),
                node=self._settings.node,
                event=event,
                subject=subject,
                detail=detail,
            )
        )

    def _gauges(self, current: Current) -> Iterator[Gauge]:
        """What is true now, for `/metrics`."""
        yield from gauges(current, self._state, self._settings.workers)
        yield Gauge(
            name="engine_journal_lag_bytes",
            help="Journalled and not yet in the usage database.",
            value=float(lag(self._layout.data).bytes),
        )

    async def _count_losses(self) -> None:
        """Bring what the journal has lost into the metrics, every few seconds."""
        counted = 0
        while True:
            await asyncio.sleep(LOSSES_EVERY_S)
            lost = self._journal.figures().dropped
            self._metrics.dropped(lost - counted)
            counted = lost

    async def _query(self, query: str) -> Queried:
        """One SELECT, answered by a process of its own. Raises Bug when that ended otherwise."""
        words = ("-P", "-m", "engine", "_query", "--data", self._settings.data)
        process = await asyncio.create_subprocess_exec(sys.executable, *words, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        try:
            output, errors = await process.communicate(query.encode())
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            said = errors.decode(errors="replace").strip()
            raise Bug(f"a query's process ended with {process.returncode}: {said}")
        return _decode_queried(output)


def _providers(snapshot: Snapshot) -> Iterator[Provider]:
    """Every provider that an offer of the snapshot is made with: overrides per model are copies."""
    program = snapshot.program
    yield from program.providers.values()
    yield from (offer.provider for offer in program.pinned.values())
    yield from (pattern.template.provider for patterns in program.patterns.values() for pattern in patterns)
