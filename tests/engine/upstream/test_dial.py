"""Dialling: TLS as it must be, and more than one address."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest

from engine.errors import UpstreamTimeout, UpstreamUnreachable
from engine.gateway import Call, Cork
from engine.rules.program import Provider
from engine.upstream import EnvAndFiles, Guard, Upstreams
from engine.upstream.tls import TlsContexts

MakeProvider = Callable[..., Provider]
MakeCall = Callable[..., Call]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TLS = Path(__file__).parent / "tls"
HELLO = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"


async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await reader.read()
    finally:
        writer.close()


class Server:
    """A TLS server on loopback, with the certificate of a name; remembers what was asked for."""

    def __init__(self) -> None:
        self.port = 0
        self.server_names: list[str | None] = []
        self.protocols: list[str | None] = []


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[str], Awaitable[Server]]]:
    """Starts TLS servers, each with a self-signed certificate for the name it is given."""
    running: list[asyncio.Server] = []

    async def start(name: str) -> Server:
        server = Server()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / f"{name}.pem", TLS / f"{name}.key.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.sni_callback = lambda _, asked, __: server.server_names.append(asked)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server.protocols.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
            await hello(reader, writer)

        made = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        running.append(made)
        server.port = made.sockets[0].getsockname()[1]
        return server

    yield start
    for made in running:
        made.close()
    await asyncio.sleep(0.02)


async def resolve_to_loopback(host: str, port: int) -> Sequence[str]:
    """Any name is this machine."""
    return ["127.0.0.1"]


@pytest.fixture
async def upstreams(secrets: EnvAndFiles) -> AsyncIterator[Upstreams]:
    """Upstreams for whom every name is this machine."""
    made = Upstreams(secrets, {}, cork=Cork(), guard=Guard(resolve_to_loopback))
    yield made
    await made.close()


async def outcome(upstreams: Upstreams, call: Call) -> str:
    """What came of a call: its body, or the detail of its fault."""
    try:
        async with asyncio.timeout(5):
            return (await (await upstreams.send(call)).read_all(100)).decode()
    except UpstreamUnreachable as fault:
        return fault.detail


@pytest.mark.parametrize("transport", ["own", "httpx"])
async def test_a_trusted_certificate(
    transport: str, upstreams: Upstreams, serve: Callable[[str], Awaitable[Server]],
    make_provider: MakeProvider, make_call: MakeCall,
) -> None:  # fmt: skip
    """With its authority named, a server is spoken to over TLS: SNI carries its name, ALPN asks for HTTP/1.1 only."""
    server = await serve("localhost")
    provider = make_provider(
        f"https://localhost:{server.port}", ca_file=str(TLS / "localhost.pem"), transport=transport
    )
    assert await outcome(upstreams, make_call(provider)) == "hello"
    assert (server.server_names, server.protocols) == (["localhost"], ["http/1.1"])


@pytest.mark.parametrize("transport", ["own", "httpx"])
@pytest.mark.parametrize(
    ("host", "certificate", "ca"),
    [("localhost", "localhost", None), ("localhost", "other", "other"), ("localhost", "localhost", "other")],
    ids=["an unknown authority", "another name", "another authority"],
)
async def test_a_certificate_that_is_not_trusted(
    transport: str, host: str, certificate: str, ca: str | None, *, upstreams: Upstreams,
    serve: Callable[[str], Awaitable[Server]], make_provider: MakeProvider, make_call: MakeCall,
) -> None:  # fmt: skip
    """An unknown authority or another name is unreachable, and nothing of the request was sent."""
    server = await serve(certificate)
    ca_file = str(TLS / f"{ca}.pem") if ca else None
    provider = make_provider(f"https://{host}:{server.port}", ca_file=ca_file, transport=transport)
    detail = await outcome(upstreams, make_call(provider))
    assert detail.startswith("TLS: " if transport == "own" else "httpx: ConnectError")
    assert server.protocols == []


async def test_a_changed_authority_holds_for_new_connections(
    upstreams: Upstreams, serve: Callable[[str], Awaitable[Server]], tmp_path: Path,
    make_provider: MakeProvider, make_call: MakeCall,
) -> None:  # fmt: skip
    """When the file of an authority is replaced, the next connection goes by it."""
    server = await serve("localhost")
    ca_file = tmp_path / "ca.pem"
    provider = make_provider(f"https://localhost:{server.port}", ca_file=str(ca_file))
    outcomes = []
    for name in (None, "other", "localhost"):
        if name:
            shutil.copy(TLS / f"{name}.pem", ca_file)
        outcomes.append(await outcome(upstreams, make_call(provider)))
    assert outcomes[0].startswith("no connection")
    assert outcomes[1].startswith("TLS: ")
    assert outcomes[2] == "hello"


def test_contexts_are_kept() -> None:
    """A context is made once: reading the certificates takes tens of milliseconds."""
    contexts = TlsContexts()
    ca_file = str(TLS / "localhost.pem")
    assert contexts.context(None) is contexts.context(None)
    assert contexts.context(ca_file) is contexts.context(ca_file)
    assert contexts.context(None).verify_mode is ssl.CERT_REQUIRED
    assert contexts.context(ca_file).check_hostname
    assert len(contexts.context(ca_file).get_ca_certs()) == 1


@pytest.mark.parametrize("transport", ["own", "httpx"])
async def test_the_next_address_is_tried(
    transport: str, secrets: EnvAndFiles, loopback: Callable[[Handler], Awaitable[int]],
    make_provider: MakeProvider, make_call: MakeCall,
) -> None:  # fmt: skip
    """An address that refuses does not keep the next one from being dialled."""

    async def two(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.9", "127.0.0.1"]

    upstreams = Upstreams(secrets, {}, cork=Cork(), guard=Guard(two))
    provider = make_provider(f"http://pool.example:{await loopback(hello)}", transport=transport)
    assert await outcome(upstreams, make_call(provider)) == "hello"
    await upstreams.close()


async def test_what_is_dialled_is_what_was_checked(
    secrets: EnvAndFiles,
    loopback: Callable[[Handler], Awaitable[int]],
    make_provider: MakeProvider,
    make_call: MakeCall,
) -> None:
    """The name is resolved once for a dial: a resolver that changes its mind in between changes nothing."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    upstreams = Upstreams(secrets, {}, cork=Cork(), guard=Guard(rebinding))
    provider = make_provider(f"http://x.example:{await loopback(hello)}", allow_private=(ip_network("127.0.0.1/32"),))
    assert await outcome(upstreams, make_call(provider)) == "hello"
    assert await outcome(upstreams, make_call(provider)) == "hello"
    assert len(answers) == 1
    await upstreams.close()


async def test_a_resolver_that_hangs_is_a_connect_timeout(
    secrets: EnvAndFiles, make_provider: MakeProvider, make_call: MakeCall
) -> None:
    """Resolving counts as connecting."""

    async def hang(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(10)
        return []

    upstreams = Upstreams(secrets, {}, cork=Cork(), guard=Guard(hang))
    call = make_call(make_provider("http://x.example"), total_timeout_s=0.1)
    with pytest.raises(UpstreamTimeout):
        await upstreams.send(call)
    await upstreams.close()
