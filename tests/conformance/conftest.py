import asyncio
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network

import httpx
import pytest
import uvloop

from engine.gateway import Cork
from engine.rules.program import Connections
from engine.upstream.dial import Dialer
from engine.upstream.egress import Guard
from engine.upstream.pool import Pools
from engine.upstream.tls import TlsContexts
from engine.upstream.transport import PoolTransport

LIMIT = 2


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test runs on both loops: asyncio's own, and the one that serves."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["own", "httpx"])
def transport_name(request: pytest.FixtureRequest) -> str:
    """Over whose connections a test runs."""
    return str(request.param)


@pytest.fixture
async def transport(transport_name: str) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """Our pool as a transport, or httpx's own; both keep at most two connections."""
    if transport_name == "httpx":
        limits = httpx.Limits(max_connections=LIMIT, max_keepalive_connections=LIMIT, keepalive_expiry=30)
        async with httpx.AsyncHTTPTransport(trust_env=False, limits=limits) as theirs:
            yield theirs
        return
    pools = Pools(Dialer(Guard(), TlsContexts()), Cork())
    connections = Connections(max=LIMIT, keepalive_s=30)
    yield PoolTransport(pools, allow_private=(ip_network("127.0.0.0/8"),), connections=connections)
    pools.close()


@pytest.fixture
async def client(transport: httpx.AsyncBaseTransport) -> AsyncIterator[httpx.AsyncClient]:
    """An httpx client over the transport, in no hurry: tests that are about time say so themselves."""
    async with httpx.AsyncClient(
        transport=transport, trust_env=False, timeout=3, headers={"accept-encoding": "identity"}
    ) as made:
        yield made
