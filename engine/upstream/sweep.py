"""The deadlines of all exchanges of a worker, kept by one timer instead of one per wait."""

import asyncio

from engine.upstream.exchange import Exchange

__all__ = ["PERIOD_S", "Sweeper"]

PERIOD_S = 0.05
"""How late a deadline may be noticed: a twentieth of a second is small against timeouts counted in seconds, and a
thousand open streams cost forty thousand comparisons a second, about 3 ms of CPU."""


class Sweeper:
    """Ends exchanges whose `due_s` or `total_at_s` has passed. It ticks only while there are any."""

    def __init__(self) -> None:
        self._active: set[Exchange] = set()
        self.discard = self._active.discard
        """Watch an exchange no more: the set's own, there is no call of ours between."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, exchange: Exchange) -> None:
        """Watch it from now on."""
        self._active.add(exchange)
        if self._timer is None:
            self._arm(asyncio.get_running_loop())

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(PERIOD_S, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now_s = loop.time()
        for exchange in [due for due in self._active if due.due_s <= now_s or due.total_at_s <= now_s]:
            exchange.expire(now_s)
        if self._active:
            self._arm(loop)
