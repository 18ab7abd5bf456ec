"""When one turn of the loop advances several requests, runs each stage for all together, and batches their writes."""

import asyncio
from collections.abc import Generator
from types import coroutine

__all__ = ["Cork"]

MOST = 32
"""Connections held at once: enough that a peer is seldom woken, few enough that the first does not wait long."""


class Cork:
    """One for all connections of an event loop, on either side.

    A write to a process on the same host (a proxy or a model server beside the gateway) wakes it, and by the next write
    it sleeps again: each time, another processor is interrupted, which takes the writer longer than all else that the
    kernel does for it. So when several connections have been heard in one turn of the loop, what their requests write
    is held until the turn has ended.

    Requests wait for one another between stages, too. A whole request overflows the processor's inner caches, so each
    evicts what the next one needs; one stage fits, so every request after the first finds it warm. That saves a tenth
    of a busy worker's time.

    A request that is alone is never held up.
    """

    def __init__(self) -> None:
        self._heard = 0
        """How many connections have brought bytes in this turn."""
        self._is_busy = False
        """Several connections were heard in the last turn that brought any."""
        self._held: dict[asyncio.WriteTransport, bytes] = {}

    def heard(self) -> None:
        """Bytes of a connection have come; to be called before anything is done with them."""
        if not self._heard:
            asyncio.get_running_loop().call_soon(self._decide)
        self._heard += 1

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send *data*, in the order of calls. Call `flush` before *transport* is closed or written to directly."""
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
        """Whether something is held that *transport* is still to be given."""
        return transport in self._held

    def flush(self) -> None:
        """Send what is held; what is meant for a peer that has gone is dropped."""
        held, self._held = self._held, {}
        for transport, data in held.items():
            if not transport.is_closing():
                transport.write(data)

    def _decide(self) -> None:
        """Note if the turn is busy: all its sockets have been read, and nothing that they made ready has run yet."""
        self._is_busy = self._heard > 1
        self._heard = 0
