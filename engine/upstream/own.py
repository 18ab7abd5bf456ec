"""The upstream over our own pool: what every provider uses unless it says `transport: httpx`."""

from engine.gateway import Call
from engine.upstream.credentials import JSON, Heads
from engine.upstream.exchange import Exchange
from engine.upstream.pool import Job, Pools

__all__ = ["OwnUpstream"]


class OwnUpstream:
    """Implements `gateway.Upstream`."""

    def __init__(self, heads: Heads, pools: Pools) -> None:
        self._heads = heads
        self._pools = pools

    async def send(self, call: Call) -> Exchange:
        """See `gateway.Upstream.send`."""
        provider = call.offer.provider
        head = self._heads.head(provider, call.path, call.key_label, typed=call.content_type == JSON)
        waited_s = await head.ready(call)
        job = Job(
            head=head.request(call),
            body=call.body,
            connections=provider.connections,
            connect_timeout_s=provider.timeouts.connect_s,
            head_timeout_s=call.head_timeout_s,
            total_timeout_s=call.total_timeout_s - waited_s,
        )
        return await self._pools.pool(head.origin).perform(job)
