"""One supervised process: started, watched, started again with growing pauses, ended."""

import asyncio
import contextlib
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.live.log import Log

__all__ = ["Child", "Launch"]

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PROVEN_AFTER_S = 10.0
"""A process that lived this long has started well: the next pause is the shortest again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a process once."""

    command: Sequence[str]
    fds: tuple[int, ...] = ()
    """Descriptors that it inherits under the same numbers."""


class Child:
    """Keeps one process running until `end`.

    *launch* is called before each start, *started* after it, and *died* after each death that was not asked for.
    """

    def __init__(
        self,
        name: str,
        launch: Callable[[], Launch],
        *,
        environ: Mapping[str, str],
        log: Log,
        started: Callable[[], Awaitable[None]] | None = None,
        died: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.process: Process | None = None
        self._launch = launch
        self._environ = environ
        self._log = log
        self._started = started
        self._died = died
        self._ending = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Of the running process; None between a death and the next start."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    async def run(self) -> None:
        """Start the process, and again whenever it dies; return when it has ended after `end`."""
        pause_s = FIRST_PAUSE_S
        while not self._ending.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._ending.is_set():
                return
            if time.monotonic() - started >= PROVEN_AFTER_S:
                pause_s = FIRST_PAUSE_S
            if code is not None:
                self._log.error("process_died", process=self.name, status=code, restart_in_s=pause_s)
                self._died(code)
            await _at_most(self._ending.wait(), pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def end(self, grace_s: float) -> None:
        """Ask the process to end (SIGTERM), and kill it if it has not ended within *grace_s*."""
        self._ending.set()
        self.signal(signal.SIGTERM)
        if self.process is not None and not await _at_most(self.process.wait(), grace_s):
            self._log.error("process_killed", process=self.name, after_s=grace_s)
            self.signal(signal.SIGKILL)
            await self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process is there to take it."""
        if self.pid is not None and self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End the process at once, and do not start it again."""
        self._ending.set()
        self.signal(signal.SIGKILL)

    async def _run_once(self) -> int | None:
        """Start the process, wait for its end and return its status; None when the system would not start it."""
        try:
            launch = self._launch()
            self.process = await asyncio.create_subprocess_exec(
                *launch.command,
                stdin=DEVNULL,
                pass_fds=launch.fds,
                env=self._environ,
                # A group of its own: Ctrl-C is for the supervisor, which then drains its children.
                process_group=0,
            )
        except OSError as exc:
            self._log.error("process_not_started", process=self.name, reason=str(exc))
            return None
        if self._ending.is_set():
            # Asked to end while it was being started: it has not begun anything.
            self.process.kill()
            return await self.process.wait()
        self._log.info("process_started", process=self.name, pid=self.process.pid)
        if self._started is not None:
            await self._started()
        return await self.process.wait()


async def _at_most(wait: Awaitable[object], seconds: float) -> bool:
    """Whether *wait* finished within that many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wait
            return True
    return False
