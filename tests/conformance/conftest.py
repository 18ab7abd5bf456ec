import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpx
import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    CertificateBuilder,
    IPAddress,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    random_serial_number,
)
from cryptography.x509.oid import NameOID

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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, in one file with its key."""
    key = generate_private_key(SECP256R1())
    name = Name([NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        CertificateBuilder(name, name, key.public_key(), random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(SubjectAlternativeName([IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "loopback.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    """What a server on loopback needs to speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
async def transport(transport_name: str, certificate: Path) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """Our pool as a transport, or httpx's own; both keep at most two connections."""
    if transport_name == "httpx":
        limits = httpx.Limits(max_connections=LIMIT, max_keepalive_connections=LIMIT, keepalive_expiry=30)
        async with httpx.AsyncHTTPTransport(
            verify=ssl.create_default_context(cafile=certificate), trust_env=False, limits=limits
        ) as theirs:
            yield theirs
        return
    pools = Pools(Dialer(Guard(), TlsContexts()), Cork())
    connections = Connections(max=LIMIT, keepalive_s=30)
    yield PoolTransport(
        pools, allow_private=(ip_network("127.0.0.0/8"),), ca_file=str(certificate), connections=connections
    )
    pools.close()


@pytest.fixture
async def client(transport: httpx.AsyncBaseTransport) -> AsyncIterator[httpx.AsyncClient]:
    """An httpx client over the transport, in no hurry: tests that are about time say so themselves."""
    async with httpx.AsyncClient(
        transport=transport, trust_env=False, timeout=3, headers={"accept-encoding": "identity"}
    ) as made:
        yield made
