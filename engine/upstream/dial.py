"""Makes connections: resolve, check, connect, TLS."""

import asyncio
import ssl
from collections.abc import Callable
from time import monotonic

from engine.errors import UpstreamUnreachable
from engine.upstream.connection import Connection
from engine.upstream.egress import Guard
from engine.upstream.origin import Origin
from engine.upstream.tls import TlsContexts

__all__ = ["Dialer", "reason"]


def reason(exc: OSError) -> str:
    """Why a connection could not be made, without addresses."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"TLS: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"TLS: {exc.reason or 'handshake failed'}"
    if isinstance(exc, ConnectionRefusedError):
        return "connection refused"
    return f"no connection: {type(exc).__name__}"


class Dialer:
    """Dials checked addresses only; `Guard` and `TlsContexts` are shared by all pools of a worker."""

    def __init__(self, guard: Guard, contexts: TlsContexts) -> None:
        self.guard = guard
        self.contexts = contexts

    async def dial(self, origin: Origin, factory: Callable[[], Connection], due_s: float) -> Connection:
        """An open connection, by the first address that answers.

        An address may use an equal share of the time left until *due_s* (loop time), so that one that swallows packets
        leaves room for the next. The caller bounds the whole.

        Raises:
            UpstreamUnreachable: no address could be connected to, or TLS failed, or the guard forbids it.
        """
        began_s = monotonic()
        addresses = await self.guard.addresses(origin.host, origin.port, origin.allow_private)
        last: UpstreamUnreachable | None = None
        for position, address in enumerate(addresses):
            loop = asyncio.get_running_loop()
            share_s = (due_s - loop.time()) / (len(addresses) - position)
            try:
                async with asyncio.timeout(share_s if position < len(addresses) - 1 else None):
                    connection = await self._connect(origin, address, factory)
            except OSError as exc:  # asyncio's TimeoutError is one
                last = UpstreamUnreachable(reason(exc))
                last.__cause__ = exc
            else:
                connection.connect_ms = (monotonic() - began_s) * 1_000
                return connection
        raise last or UpstreamUnreachable("the host name has no address")

    async def _connect(self, origin: Origin, address: str, factory: Callable[[], Connection]) -> Connection:
        loop = asyncio.get_running_loop()
        if not origin.is_tls:
            _, connection = await loop.create_connection(factory, address, origin.port)
            return connection
        context = self.contexts.context(origin.ca_file)
        raw, _ = await loop.create_connection(asyncio.Protocol, address, origin.port)
        connection = factory()
        is_secured = False
        try:
            transport = await loop.start_tls(raw, connection, context, server_hostname=origin.host)
            is_secured = transport is not None
        finally:
            if not is_secured:
                raw.abort()
        if transport is None:  # it ended in the turn in which the handshake was done
            raise ConnectionResetError
        connection.secured(transport, raw)
        return connection
