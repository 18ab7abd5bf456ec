"""What one turn of the event loop has several requests do is done in a row: each stage of theirs, and their writes."""

import asyncio
from collections.abc import Generator
from types import coroutine

__all__ = ["Cork"]

MOST = 32
"""Connections held at once: enough to wake a peer seldom, few enough for the first not to wait long."""


class Cork:
    """One for all connections of an event loop, on either side.

    A write wakes the process that waits for it, if that is on the same host (a proxy or a model server beside the
    gateway), and by the next one it sleeps again: an interrupt to another processor each time, which takes a writer
    longer than all else that the kernel does for it. So when several connections have been heard in one turn of the
    loop, what their requests write is held until the turn has ended.

    Requests wait for one another between stages, too. A whole one is more code and data than a processor's nearer
    caches hold, and whoever goes through all of it finds each part of them taken by another; a stage fits, and all but
    the first to go through it find it there. That saves a tenth of a busy worker's time.

    A request that is alone is never held up.
    """

    def __init__(self) -> None:
        self._heard = 0
        """How many connections this turn has brought bytes of."""
        self._is_busy = False
        """Several connections were heard in the last turn that brought any."""
        self._held: dict[asyncio.WriteTransport, bytes] = {}

    def heard(self) -> None:
        """Bytes of a connection have come; to be called before anything is made of them."""
        if not self._heard:
            asyncio.get_running_loop().call_soon(self._decide)
        self._heard += 1

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send *data*, in the order of calls. Before its transport is closed or written to directly, `flush`."""
        held = self._held
        if not self._is_busy and not held:
            transport.write(data)
            return
        if not held:
            asyncio.get_running_loop().call_soon(self.flush)
        before = held.get(transport)
        held[transport] = data if before is None else before + data
        if len(held) >= MOST:
            self.flush()

    @coroutine
    def turn(self) -> Generator[None, None, None]:
        """Return when the other requests of a busy turn have come as far as this one."""
        if self._is_busy:
            yield

    def holds(self, transport: asyncio.WriteTransport) -> bool:
        """Whether something that *transport* was to send has not been handed to it yet."""
        return transport in self._held

    def flush(self) -> None:
        """Send what is held; what a peer that has gone was to be sent is dropped."""
        held, self._held = self._held, {}
        for transport, data in held.items():
            if not transport.is_closing():
                transport.write(data)

    def _decide(self) -> None:
        """All sockets of this turn have been read, and nothing has run yet that they have made ready."""
        self._is_busy = self._heard > 1
        self._heard = 0
