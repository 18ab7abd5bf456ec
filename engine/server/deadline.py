"""A deadline that is moved with every request and hardly ever passes."""

import asyncio
from collections.abc import Callable
from math import inf

__all__ = ["Deadline"]


class Deadline:
    """Calls *late* when the deadline passes; there is none before the first `move`, nor after that call.

    Moving the deadline further away does not touch the timer: when it goes off early, it is set again for the current
    deadline. Setting and cancelling a timer costs five times as much as a move.
    """

    __slots__ = ("_due_s", "_goes_off_s", "_late", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None]) -> None:
        self._loop = loop
        self._late = late
        self._due_s = inf
        self._goes_off_s = inf
        self._timer: asyncio.TimerHandle | None = None

    def move(self, seconds: float) -> None:
        """Put the deadline *seconds* from now."""
        self._due_s = self._loop.time() + seconds
        if self._due_s < self._goes_off_s:
            self.cancel()
            self._set()

    def cancel(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        self._goes_off_s = self._due_s
        self._timer = self._loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        was_due_s, self._goes_off_s, self._timer = self._goes_off_s, inf, None
        if self._due_s <= was_due_s:
            self._late()
        else:
            self._set()
