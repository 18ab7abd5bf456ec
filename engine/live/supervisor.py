"""The supervisor: owns the sockets and the board, starts workers and projector, reloads, and drains at the end.

It never serves a request, never parses a configuration and never fetches a token, so nothing that goes wrong there can
take it down.
"""

import asyncio
import fcntl
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import EngineError
from engine.gateway import Journal
from engine.live.board import COLUMNS, Board, zero_column
from engine.live.child import Child, Launch
from engine.live.configuration import Configuration, Source
from engine.live.control import TokenWord
from engine.live.current import Status
from engine.live.last_good import LastGood
from engine.live.log import Log
from engine.live.sockets import listen
from engine.live.token_broker import Said, TokenBroker
from engine.live.watch import Signature, changes, signature
from engine.live.worker_child import WorkerChild, WorkerCommand
from engine.values import EventRecord

__all__ = ["MOST_WORKERS", "DataInUse", "Settings", "Supervisor"]

MOST_WORKERS = COLUMNS
PROJECTOR_GRACE_S = 10.0
"""Time that the projector gets to load the last records; it loads the rest at the next start."""


class DataInUse(EngineError):
    """Another supervisor serves from the same data directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where this process runs and how its children are started."""

    data: Path
    host: str
    port: int
    workers: int
    grace_s: float
    """Time that workers get to drain before they are killed."""
    environ: Mapping[str, str]
    """Of the children."""
    worker: WorkerCommand
    projector: Sequence[str] | None
    """Command line; None runs without one."""
    node: str


class Supervisor:
    """`run` serves until SIGTERM or SIGINT. *serving* is called with the port once every worker serves."""

    def __init__(
        self, settings: Settings, source: Source, *, journal: Journal, log: Log, serving: Callable[[int], None]
    ) -> None:
        self._settings = settings
        self._source = source
        self._journal = journal
        self._log = log
        self._serving = serving
        self._stop = asyncio.Event()
        self._wanted = asyncio.Event()
        self._askers: list[asyncio.Future[Status]] = []
        self._workers: tuple[WorkerChild, ...] = ()
        self._projector: Child | None = None
        self._tokens = TokenBroker()
        self._board: Board
        self._configuration: Configuration

    async def run(self) -> None:
        """Serve until asked to end.

        Raises:
            StartRefused, DataInUse, CannotListen: nothing was started.
        """
        # From the first moment: who starts a process and asks it to read its files at once must not end it.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._wanted.set)
        with _exclusive(self._settings.data):
            self._board = Board.create(self._settings.data / "board")
            self._configuration = Configuration(
                self._source,
                board=self._board,
                last_good=LastGood(self._settings.data / "last-good"),
                journal=self._journal,
                log=self._log,
                node=self._settings.node,
            )
            seen = signature(self._source.root)
            await self._configuration.start()
            await self._serve(seen)

    async def _serve(self, seen: Signature) -> None:
        """Run all children until the end."""
        settings = self._settings
        listeners = listen(settings.host, settings.port, settings.workers)
        self._workers = tuple(
            WorkerChild(
                slot,
                listener,
                settings.worker,
                environ=settings.environ,
                log=self._log,
                loaded=self._configuration.loaded,
                died=self._worker_died,
                reload=self._ask,
                heard=self._heard,
                hung_up=self._hung_up,
            )
            for slot, listener in enumerate(listeners)
        )
        for column in range(COLUMNS):
            zero_column(self._board, self._configuration.inflight_slots(), column)
        self._projector = self._new_projector()
        self._listen_to_signals()
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.child.run())
            if self._projector is not None:
                tasks.create_task(self._projector.run())
            background = [
                tasks.create_task(self._watch(seen)),
                tasks.create_task(self._reload_when_wanted()),
                tasks.create_task(self._tell_serving(listeners[0].getsockname()[1])),
            ]
            await self._stop.wait()
            self._log.info("draining", grace_s=settings.grace_s)
            for task in background:
                task.cancel()
            await asyncio.gather(*(worker.end(settings.grace_s) for worker in self._workers))
            if self._projector is not None:
                await self._projector.end(PROJECTOR_GRACE_S)
        self._log.info("ended")

    def _new_projector(self) -> Child | None:
        command = self._settings.projector
        if command is None:
            return None
        return Child("projector", lambda: Launch(command=command), environ=self._settings.environ, log=self._log)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end)
        loop.add_signal_handler(signal.SIGINT, self._end)

    def _end(self) -> None:
        """Drain; when asked a second time, kill what is still running."""
        if self._stop.is_set():
            for child in (*(worker.child for worker in self._workers), self._projector):
                if child is not None:
                    child.kill()
        self._stop.set()

    async def _tell_serving(self, port: int) -> None:
        await asyncio.gather(*(worker.serving() for worker in self._workers))
        self._configuration.settle()
        self._log.info("serving", host=self._settings.host, port=port, workers=len(self._workers))
        self._serving(port)

    async def _watch(self, seen: Signature) -> None:
        """Want a reload whenever the files have changed."""
        async for _ in changes(self._source.root, self._configuration.secret_files, seen, asyncio.Event()):
            self._wanted.set()

    def _ask(self) -> asyncio.Future[Status]:
        """Ask for a reload that begins after this call; what comes of it."""
        asked: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        self._askers.append(asked)
        self._wanted.set()
        return asked

    async def _reload_when_wanted(self) -> None:
        """One reload at a time; however many are asked for meanwhile, one more follows."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            askers, self._askers = self._askers, []
            await self._reload()
            for asked in askers:
                if not asked.done():
                    asked.set_result(self._configuration.status)

    async def _reload(self) -> None:
        """Read the files, and have every worker serve them or know why not."""
        if await self._configuration.reload():
            await asyncio.gather(*(worker.swap(self._configuration.loaded) for worker in self._workers))
            self._configuration.settle()
        else:
            for worker in self._workers:
                worker.report(self._configuration.loaded)

    def _heard(self, slot: int, word: TokenWord) -> None:
        """Tell workers what follows from one worker's word about tokens."""
        self._tell(self._tokens.take(slot, word, time.monotonic()))

    def _hung_up(self, slot: int) -> None:
        """Have another worker fetch what this one was to fetch."""
        self._tell(self._tokens.gone(slot, time.monotonic()))

    def _tell(self, said: Iterable[Said]) -> None:
        for slot, message in said:
            self._workers[slot].send(message)

    def _worker_died(self, slot: int, code: int) -> None:
        """Forget what it had in flight, and write down that it died."""
        zero_column(self._board, self._configuration.inflight_slots(), slot)
        self._journal.append(
            EventRecord(
                record_id=str(uuid.uuid4()),
                at=datetime.now(UTC),
                node=self._settings.node,
                event="worker_died",
                subject=f"worker/{slot}",
                detail={"status": str(code)},
            )
        )


@contextmanager
def _exclusive(data: Path) -> Iterator[None]:
    """Hold the data directory; the kernel lets it go when this process ends, however it ends."""
    data.mkdir(parents=True, exist_ok=True)
    file = os.open(data / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise DataInUse(f"another engine serves from {data}") from exc
    else:
        yield
    finally:
        os.close(file)
