"""Connections to one origin: kept open, handed out newest first, bounded in number."""

import asyncio
from collections import deque
from contextlib import aclosing, suppress
from math import inf

from engine.errors import OutcomeKind, UpstreamFull, UpstreamReset, UpstreamTimeout
from engine.gateway import Cork
from engine.upstream.connection import Connection, Job
from engine.upstream.dial import Dialer
from engine.upstream.exchange import Exchange
from engine.upstream.origin import Origin
from engine.upstream.sweep import Sweeper
from engine.wire.content import Pieces

__all__ = ["Pool", "Pools"]

STALE_WITHIN_S = 1.0
"""How soon a reused connection must have died for its request to be sent again; see `Pool.perform`."""


class Pool:
    """The connections to one origin.

    Newest first, because the longest unused connection is the likeliest to have been closed at the other end, and so
    that a quiet time lets the surplus expire. Above the bound, requests wait in order.
    """

    def __init__(self, origin: Origin, dialer: Dialer, sweeper: Sweeper, cork: Cork) -> None:
        self.origin = origin
        self.open = 0
        """Connections that are open or being made."""
        self._address = origin.address
        self._loop = asyncio.get_running_loop()
        self._dialer = dialer
        self._sweeper = sweeper
        self._cork = cork
        self._members: set[Connection] = set()
        self._idle: list[Connection] = []
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._keepalive_s = 0.0
        self._expiry: asyncio.TimerHandle | None = None
        self._retired = False

    async def perform(self, job: Job) -> Exchange:
        """The exchange once the head of its answer is there.

        A request that died on a *reused* connection, at once and before any byte of an answer, is sent again, once: a
        server that closes an idle connection does so while the request is on its way, and has not read it (RFC 9112
        9.3.1 tells clients to expect this). A second is far more than that crossing takes and far less than a model
        takes to answer, so a request that dies later counts as taken, and its failure is the plan's to judge. A
        request whose body is made as it goes is never sent again: its bytes are gone.

        Raises:
            UpstreamFull: no connection came free.
            UpstreamFault: no head arrived. Cancelled, it closes the connection.
        """
        sent_s = self._loop.time()
        total_at_s = sent_s + job.total_timeout_s
        self._keepalive_s = job.connections.keepalive_s
        connection = self._idle_connection(sent_s)
        if connection is None:
            connection = await self._acquire(job, total_at_s)
            sent_s = self._loop.time()
        resent = False
        while True:
            exchange = connection.begin(job, sent_s, total_at_s)
            if not exchange.sent:
                await self._upload(connection, exchange, job)
            try:
                while not exchange.status and exchange.fault is None:
                    await exchange.news()
            except asyncio.CancelledError:
                exchange.abort()
                raise
            if exchange.fault is None or exchange.status:
                exchange.due_s = inf  # until it is read only its total counts
                exchange.handed_over = True
                return exchange
            if resent or not self._is_stale(exchange, job, sent_s):
                raise exchange.fault
            connection, resent = await self._acquire(job, total_at_s), True
            sent_s = self._loop.time()

    def retire(self) -> None:
        """Close what is idle, and from now on every connection after its exchange."""
        self._retired = True
        self._close_idle()

    def close(self) -> None:
        """Retire, and stop the timer."""
        self.retire()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _is_stale(self, exchange: Exchange, job: Job, sent_s: float) -> bool:
        """Whether a reused connection was closed before it was used for *job*; see `perform`."""
        fault = exchange.fault
        if not isinstance(fault, UpstreamReset) or fault.received or not isinstance(job.body, bytes | Pieces):
            return False
        is_reused = exchange.connect_ms is None
        return is_reused and self._loop.time() - sent_s <= STALE_WITHIN_S

    async def _upload(self, connection: Connection, exchange: Exchange, job: Job) -> None:
        """Send what follows the head; a body that is there already, within the time for the answer's head."""
        ended = False
        try:
            if isinstance(job.body, Pieces):
                async with aclosing(job.body.chunks()) as chunks:
                    await connection.upload(exchange, chunks)
            else:
                assert not isinstance(job.body, bytes)
                await connection.upload_made(exchange, job.body, job)
            ended = True
        finally:
            if not ended:
                exchange.abort()

    # Taking

    def _idle_connection(self, now_s: float) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable() and connection.idle_since_s + self._keepalive_s > now_s:
                return connection
            connection.close()
        return None

    async def _acquire(self, job: Job, total_at_s: float) -> Connection:
        """A new connection, or the next that is given back when there are too many.

        Waiting for room and dialling have a connect timeout each: how long others keep their connections says nothing
        about the provider.
        """
        connection = await self._room(job, total_at_s)
        if connection is not None:
            return connection
        connect_at_s = self._loop.time() + job.connect_timeout_s
        due_s = min(connect_at_s, total_at_s)
        try:
            async with asyncio.timeout_at(due_s):
                return await self._dial(due_s)
        except TimeoutError as exc:
            total = total_at_s < connect_at_s
            kind = OutcomeKind.TIMEOUT_TOTAL if total else OutcomeKind.CONNECT
            raise UpstreamTimeout("no connection in time", kind=kind) from exc

    async def _room(self, job: Job, total_at_s: float) -> Connection | None:
        """A connection that was given back, or None for a slot to dial in, which is counted."""
        if self.open >= job.connections.max:
            try:
                async with asyncio.timeout_at(min(self._loop.time() + job.connect_timeout_s, total_at_s)):
                    while self.open >= job.connections.max:
                        connection = await self._given_back()
                        if connection is None or connection.is_usable():
                            return connection
            except TimeoutError as exc:
                raise UpstreamFull("no connection came free: connections.max is reached") from exc
        self.open += 1
        return None

    async def _dial(self, due_s: float) -> Connection:
        """A new connection in a slot that is counted already; the slot is freed when it fails."""
        adopted = False
        try:
            connection = await self._dialer.dial(self.origin, self._connection, due_s)
            adopted = connection.is_usable()
            if not adopted:
                raise UpstreamReset("the connection was closed as soon as it was made")
        finally:
            if not adopted:
                self._slot_freed()
        self._members.add(connection)
        return connection

    def _connection(self) -> Connection:
        return Connection(
            address=self._address,
            sweeper=self._sweeper,
            cork=self._cork,
            released=self._released,
            gone=self._gone,
        )

    async def _given_back(self) -> Connection | None:
        """The next connection that is released; None for the slot of one that was closed."""
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):
                    self._waiters.remove(waiter)
            else:  # handed over in the same turn of the loop as the cancellation
                self._pass_on(waiter.result())
            raise

    # Giving back

    def _released(self, connection: Connection) -> None:
        """A connection is free again."""
        if self._retired:
            connection.close()
            return
        waiter = self._next_waiter() if self._waiters else None
        if waiter is not None:
            waiter.set_result(connection)
            return
        connection.idle_since_s = self._loop.time()
        self._idle.append(connection)
        if self._expiry is None:
            self._expiry = self._loop.call_later(self._keepalive_s, self._expire)

    def _gone(self, connection: Connection) -> None:
        """A connection was closed, by either side. One that was never adopted gives back its slot in `_dial`."""
        if connection not in self._members:
            return
        self._members.remove(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        self._slot_freed()

    def _slot_freed(self) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)
        else:
            self.open -= 1

    def _pass_on(self, handed: Connection | None) -> None:
        if handed is None:
            self._slot_freed()
        elif handed.is_usable():
            self._released(handed)

    def _next_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    # Expiry

    def _expire(self) -> None:
        """Close what has been idle too long, and look again when the next one will have been."""
        self._expiry = None
        now_s = self._loop.time()
        for connection in [idle for idle in self._idle if idle.idle_since_s + self._keepalive_s <= now_s]:
            connection.close()
        if self._idle:
            due_s = self._idle[0].idle_since_s + self._keepalive_s
            self._expiry = self._loop.call_at(due_s, self._expire)

    def _close_idle(self) -> None:
        for connection in tuple(self._idle):
            connection.close()


class Pools:
    """All pools of a worker, by fingerprint of their origin. They outlive snapshots."""

    def __init__(self, dialer: Dialer, cork: Cork) -> None:
        self._dialer = dialer
        self._cork = cork
        self._sweeper = Sweeper()
        self._pools: dict[str, Pool] = {}

    def pool(self, origin: Origin) -> Pool:
        """The pool of *origin*, new or known. Must be called on the loop that will use it."""
        try:
            return self._pools[origin.fingerprint]
        except KeyError:
            pool = self._pools[origin.fingerprint] = Pool(origin, self._dialer, self._sweeper, self._cork)
            return pool

    def retain(self, origins: set[Origin]) -> None:
        """Retire every pool that is not of one of *origins*; exchanges under way end in peace."""
        for fingerprint in self._pools.keys() - {origin.fingerprint for origin in origins}:
            self._pools.pop(fingerprint).retire()

    def close(self) -> None:
        """Close what is idle and stop all timers; exchanges under way must have ended."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        self._sweeper.close()
