"""All upstreams behind one port: each call goes to the one its provider asks for."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

import httpx

from engine.errors import Bug
from engine.gateway import Answer, Call, Cork, Upstream
from engine.rules.program import Connections, Provider
from engine.upstream.broker import Broker
from engine.upstream.credentials import MINTED, Heads, missing
from engine.upstream.dial import Dialer
from engine.upstream.egress import Guard
from engine.upstream.httpx_upstream import HttpxUpstream
from engine.upstream.log import Log, Silent
from engine.upstream.minters import Minters
from engine.upstream.origin import Origin, split_base_url
from engine.upstream.own import OwnUpstream
from engine.upstream.pool import Pools
from engine.upstream.secrets import Secrets, expand
from engine.upstream.tls import TlsContexts
from engine.upstream.transport import client
from engine.values import SecretRef

__all__ = ["Upstreams"]

PROVIDERS_A_TURN = 25
"""Their addresses take some 15 µs each to be read."""
_CLIENT_CONNECTIONS = Connections(max=20, keepalive_s=30.0)
"""For the httpx clients of everything beside providers: those calls are few."""
_TOKEN_TIMEOUT_S = 5.0
"""For each phase of a call to a token endpoint."""


class Upstreams:
    """Implements `gateway.Upstream`; one for each worker, outliving snapshots.

    *injected* are the protocols that are served in process (`sandbox`), by name. Access tokens are shared over
    *broker*; without one they are this worker's alone.
    """

    def __init__(
        self,
        secrets: Secrets,
        injected: Mapping[str, Upstream],
        *,
        cork: Cork,
        guard: Guard | None = None,
        log: Log | None = None,
        broker: Broker | None = None,
    ) -> None:
        self._secrets = secrets
        self._injected = dict(injected)
        dialer = Dialer(guard or Guard(), TlsContexts())
        self._pools = Pools(dialer, cork)
        tokens_client = partial(client, self._pools, timeout_s=_TOKEN_TIMEOUT_S, connections=_CLIENT_CONNECTIONS)
        self._minters = Minters(secrets, tokens_client, log or Silent(), broker=broker)
        self._heads = Heads(secrets, self._minters)
        self._own = OwnUpstream(self._heads, self._pools)
        self._httpx = HttpxUpstream(self._heads, dialer.guard, dialer.contexts)

    def send(self, call: Call) -> Coroutine[Any, Any, Answer]:
        """See `gateway.Upstream.send`."""
        provider = call.offer.provider
        if provider.protocol in self._injected:
            return self._injected[provider.protocol].send(call)
        match provider.transport:
            case "own":
                return self._own.send(call)
            case "httpx":
                return self._httpx.send(call)
            case other:
                raise Bug(f"no transport {other!r}")

    def missing(self, provider: Provider) -> tuple[SecretRef, ...]:
        """The references of *provider* that have no value now."""
        return missing(provider, self._secrets)

    def configured(self, provider: Provider) -> bool:
        """Whether *provider* has every secret it refers to."""
        return not self.missing(provider)

    async def retain(self, providers: Iterable[Provider]) -> None:
        """Keep connections, heads and tokens of *providers*, all that a new snapshot's offers hold; drop the others'.

        Connections whose origin is unchanged stay open; exchanges under way end in peace. Tokens that are not there yet
        are asked for from now on.
        """
        kept = {id(provider): provider for provider in providers}
        origins: set[Origin] = set()
        for n, provider in enumerate(kept.values(), start=1):
            origin = self._origin(provider)
            if origin is not None:
                origins.add(origin)
            if n % PROVIDERS_A_TURN == 0:  # requests are served between
                await asyncio.sleep(0)
        self._heads.retain(set(kept))
        self._pools.retain(origins)
        minted = [p for p in kept.values() if p.auth.scheme in MINTED and not p.disabled]
        await self._minters.retain(p for p in minted if self.configured(p))
        await self._httpx.retain(origins)

    def client(self, *, timeout_s: float) -> httpx.AsyncClient:
        """An httpx client over the same pools, public addresses only: for sinks and probes."""
        return client(self._pools, timeout_s=timeout_s, connections=_CLIENT_CONNECTIONS)

    async def close(self) -> None:
        """Close what is idle and stop all timers."""
        self._minters.close()
        self._pools.close()
        await self._httpx.close()

    def _origin(self, provider: Provider) -> Origin | None:
        """None for a provider that is served in process, or that lacks what its address is made of."""
        base_url = expand(provider.base_url, self._secrets)
        if provider.protocol in self._injected or base_url is None:
            return None
        try:
            origin, _ = split_base_url(
                base_url, provider=provider.id, ca_file=provider.ca_file, allow_private=provider.allow_private
            )
        except ValueError:
            return None
        return origin
