"""A worker as the supervisor sees it: a supervised process, its listening socket, and what it has been told."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.live.child import Child, Launch
from engine.live.control import (
    Drain,
    FrameDecoder,
    Message,
    Part,
    Reload,
    Reloaded,
    Report,
    Swap,
    SwapFailed,
    Swapped,
    TokenAsk,
    TokenFailed,
    TokenFetched,
    TokenLeave,
    TokenWord,
    encode,
)
from engine.live.current import Status
from engine.live.log import Log

__all__ = ["Loaded", "WorkerChild", "WorkerCommand"]

SWAP_TIMEOUT_S = 30.0
"""A worker that has not swapped by then has a stuck event loop: it is killed, and its successor loads the new parts."""
KILL_AFTER_S = 5.0
"""Beyond the grace, which the worker keeps by itself: time to hear new connections, flush its journal and end."""
READ_BYTES = 65536

WorkerCommand = Callable[[int, int, int], Sequence[str]]
"""(slot, descriptor of the listening socket, descriptor of the control socket) → command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration in force, as it is sent to workers."""

    seq: int
    parts: Mapping[str, Part]
    """The root first."""
    digests: Mapping[str, str]
    """Name → digest of the part."""
    status: Status


class WorkerChild:
    """One worker slot. Its socket and its slot number outlive the processes that come and go in it.

    *heard* is called with what a process says about tokens, and *hung_up* after its last word, before the next process
    is heard.
    """

    def __init__(
        self,
        slot: int,
        listener: socket.socket,
        command: WorkerCommand,
        *,
        environ: Mapping[str, str],
        log: Log,
        loaded: Loaded,
        died: Callable[[int, int], None],
        reload: Callable[[], asyncio.Future[Status]],
        heard: Callable[[int, TokenWord], None],
        hung_up: Callable[[int], None],
    ) -> None:
        self.slot = slot
        self.child = Child(
            f"worker {slot}",
            self._launch,
            environ=environ,
            log=log,
            started=self._started,
            died=lambda code: died(slot, code),
        )
        self._listener = listener
        self._command = command
        self._log = log
        self._loaded = loaded
        self._reload = reload
        self._heard = heard
        self._hung_up = hung_up
        self._told: dict[str, str] = {}
        self._serving = 0
        self._changed = asyncio.Event()
        self._theirs: socket.socket | None = None
        self._ours: socket.socket | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._conversation: asyncio.Task[None] | None = None

    async def swap(self, loaded: Loaded) -> None:
        """Have the worker serve *loaded*; return when it does. If it cannot, it is killed and starts anew with it."""
        self._loaded = loaded
        self._tell()
        try:
            async with asyncio.timeout(SWAP_TIMEOUT_S):
                await self.serving()
        except TimeoutError:
            self._log.error("worker_did_not_swap", worker=self.slot, after_s=SWAP_TIMEOUT_S)
            self.child.signal(signal.SIGKILL)

    async def serving(self) -> None:
        """Return when the worker serves what it was last told to."""
        while self._serving != self._loaded.seq:
            self._changed.clear()
            await self._changed.wait()

    def report(self, loaded: Loaded) -> None:
        """Let the worker know of a reload that was refused: *loaded* is what it serves already, with a new status."""
        self._loaded = loaded
        self.send(Report(loaded.status))

    def send(self, message: Message) -> None:
        """Queue a message. It is lost if the process has just died: the next process is told everything."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    async def end(self, grace_s: float) -> None:
        """Drain the worker within *grace_s*, and kill it if it takes too long.

        Our descriptor of its socket is closed first: the worker alone then decides when connections stop queuing.
        """
        self._listener.close()
        self.send(Drain())
        await self.child.end(grace_s + KILL_AFTER_S)

    def _launch(self) -> Launch:
        """A fresh control socket for each process."""
        self._ours, self._theirs = socket.socketpair()
        fds = (self._listener.fileno(), self._theirs.fileno())
        return Launch(command=self._command(self.slot, *fds), fds=fds)

    async def _started(self) -> None:
        """The process has its end of the control socket: close our copy of that end, and send the configuration."""
        if self._theirs is not None:
            self._theirs.close()
        if self._conversation is not None:
            self._conversation.cancel()
            await asyncio.wait((self._conversation,))
        reader, self._writer = await asyncio.open_connection(sock=self._ours)
        self._told, self._serving = {}, 0
        self._conversation = asyncio.create_task(self._listen(reader, self._writer))
        self._tell()

    def _tell(self) -> None:
        """Send the parts that the process does not have, then the swap."""
        loaded = self._loaded
        for name, part in loaded.parts.items():
            if self._told.get(name) != loaded.digests[name]:
                self.send(part)
        self._told = dict(loaded.digests)
        self.send(Swap(loaded.seq, tuple(loaded.parts), loaded.status))

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what the process says until it has gone."""
        decoder = FrameDecoder()
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(READ_BYTES):
                    for message in decoder.feed(data):
                        self._take(message)
        finally:
            writer.close()
            self._hung_up(self.slot)

    def _take(self, message: Message) -> None:
        match message:
            case Swapped():
                self._serving = message.seq
                self._changed.set()
            case SwapFailed():
                self._log.error("worker_swap_failed", worker=self.slot, why=message.why)
                self.child.signal(signal.SIGKILL)
            case Reload():
                ask = message.ask
                self._reload().add_done_callback(lambda done: self._reloaded(ask, done))
            case TokenAsk() | TokenFetched() | TokenFailed() | TokenLeave():
                self._heard(self.slot, message)
            case _:
                self._log.error("worker_said_nonsense", worker=self.slot, message=type(message).__name__)

    def _reloaded(self, ask: int, done: asyncio.Future[Status]) -> None:
        if not done.cancelled():
            self.send(Reloaded(ask, done.result()))
