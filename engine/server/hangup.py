"""When a peer goes away, what was being answered to it ends."""

import asyncio
from typing import Any

__all__ = ["HANGUP", "Hangup"]

HANGUP = "engine.hangup"
"""The ASGI extension under which a handler finds the connection's `Hangup`."""


class Hangup:
    """The requests in progress on a connection, which end when the peer goes away. One per connection."""

    __slots__ = ("_tasks", "happened")

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.happened = False

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Cancel *task* when the peer hangs up; at once when it already has."""
        self._tasks.add(task)
        if self.happened:
            task.cancel()

    def release(self, task: asyncio.Task[Any]) -> None:
        """*task* has answered."""
        self._tasks.discard(task)

    def tell(self) -> None:
        """The peer has gone."""
        self.happened = True
        for task in self._tasks:
            task.cancel()
