"""One supervised process, when the system will not start it."""

import asyncio
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from engine.live.child import Child, Launch

PATIENCE_S = 20.0


@dataclass
class Lines:
    """A log in which one can wait for an event."""

    said: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def info(self, event: str, /, **_: object) -> None:
        self.said[event].set()

    def warning(self, event: str, /, **_: object) -> None:
        self.said[event].set()

    def error(self, event: str, /, **_: object) -> None:
        self.said[event].set()


async def test_what_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """A missing program, or no more processes allowed, takes nobody else down; once it can be started, it is."""
    program, log = tmp_path / "program", Lines()
    child = Child("worker 0", lambda: Launch(command=[str(program), "-c", "input()"]), environ={}, log=log)
    running = asyncio.create_task(child.run())
    async with asyncio.timeout(PATIENCE_S):
        await log.said["process_not_started"].wait()
        program.symlink_to(sys.executable)
        await log.said["process_started"].wait()
        await child.end(PATIENCE_S)
        await running
