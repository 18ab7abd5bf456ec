"""The upstream over our own pool: what every provider uses unless it says `transport: httpx`."""

from collections.abc import Coroutine
from typing import Any

from engine.gateway import Call
from engine.upstream.connection import Job
from engine.upstream.credentials import JSON, Head, Heads
from engine.upstream.exchange import Exchange
from engine.upstream.pool import Pools

__all__ = ["OwnUpstream"]


class OwnUpstream:
    """Implements `gateway.Upstream`."""

    def __init__(self, heads: Heads, pools: Pools) -> None:
        self._heads = heads
        self._pools = pools

    def send(self, call: Call) -> Coroutine[Any, Any, Exchange]:
        """See `gateway.Upstream.send`."""
        head = self._heads.head(call.offer.provider, call.path, call.key_label, typed=call.content_type == JSON)
        if head.minter is None:
            return self._perform(call, head, 0.0)
        return self._send_minted(call, head)

    async def _send_minted(self, call: Call, head: Head) -> Exchange:
        return await self._perform(call, head, await head.ready(call))

    def _perform(self, call: Call, head: Head, waited_s: float) -> Coroutine[Any, Any, Exchange]:
        provider = head.provider
        job = Job(
            head=head.request(call),
            body=call.body,
            connections=provider.connections,
            connect_timeout_s=provider.timeouts.connect_s,
            head_timeout_s=call.head_timeout_s,
            total_timeout_s=call.total_timeout_s - waited_s,
        )
        return self._pools.pool(head.origin).perform(job)
