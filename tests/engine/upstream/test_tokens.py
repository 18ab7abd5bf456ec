import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from math import inf

import httpx
import pytest

from engine.errors import UpstreamUnreachable
from engine.gateway import Cork
from engine.rules.program import Connections
from engine.upstream.dial import Dialer
from engine.upstream.egress import Guard
from engine.upstream.pool import Pools
from engine.upstream.tls import TlsContexts
from engine.upstream.tokens import MAX_REPLY_BYTES, Ask, Token, fetch
from engine.upstream.transport import client as client_over

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Handler], Awaitable[int]]

LOOPBACK = (ip_network("127.0.0.0/8"),)
SECRET = "s3cr3t-canary"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The client that tokens are fetched with."""
    pools = Pools(Dialer(Guard(), TlsContexts()), Cork())
    connections = Connections(max=2, keepalive_s=5.0)
    async with client_over(pools, timeout_s=2.0, allow_private=LOOPBACK, connections=connections) as made:
        yield made
    pools.close()


def answering(status: int, body: bytes, seen: list[bytes] | None = None) -> Handler:
    """An endpoint that answers every request alike, and keeps what it was sent."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            sent = await reader.readexactly(int(lines[0].split(b":")[1])) if lines else b""
            if seen is not None:
                seen.append(head + sent)
            writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body)

    return handle


def reply(text: str = "tok", lasts_s: object = 3600) -> bytes:
    return json.dumps({"access_token": text, "expires_in": lasts_s, "token_type": "Bearer"}).encode()


async def test_a_token_is_fetched(client: httpx.AsyncClient, loopback: Loopback) -> None:
    """The form goes to the endpoint as it is meant, and the token comes back with its life."""
    seen: list[bytes] = []
    port = await loopback(answering(200, reply(lasts_s="3599"), seen))
    ask = Ask(url=f"http://127.0.0.1:{port}/t", form={"a": "b c", "secret": SECRET})
    assert await fetch(client, ask, LOOPBACK) == Token("tok", 3599.0)
    assert seen[0].startswith(b"POST /t HTTP/1.1\r\n")
    assert b"content-type: application/x-www-form-urlencoded\r\n" in seen[0].lower()
    assert seen[0].endswith(b"\r\n\r\na=b+c&secret=" + SECRET.encode())
    assert SECRET not in repr(ask)
    assert "tok" not in repr(Token("tok", 1.0))


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (401, b'{"error": "invalid_client", "error_description": "s3cr3t-canary is wrong"}', "401 (invalid_client)"),
        (400, b'{"error": "s3cr3t-canary"}', "answered 400"),
        (500, b"s3cr3t-canary", "answered 500"),
        (302, b"", "answered 302"),
        (200, b"{", "no token with a lifetime"),
        (200, reply(text=""), "no token with a lifetime"),
        (200, reply(text="a\r\nx: s3cr3t-canary"), "no token with a lifetime"),
        (200, reply(lasts_s=0), "no token with a lifetime"),
        (200, reply(lasts_s=inf), "no token with a lifetime"),
        (200, b'{"access_token": "tok"}', "no token with a lifetime"),
        (200, bytes(MAX_REPLY_BYTES + 1), "too long"),
    ],
)
async def test_no_token(status: int, body: bytes, detail: str, client: httpx.AsyncClient, loopback: Loopback) -> None:
    """What is not an answer with a token is unreachable, and only a code of OAuth's own is repeated of it."""
    port = await loopback(answering(status, body))
    with pytest.raises(UpstreamUnreachable) as caught:
        await fetch(client, Ask(url=f"http://127.0.0.1:{port}/", form={"s": SECRET}), LOOPBACK)
    assert detail in caught.value.detail
    assert SECRET not in caught.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",  # a secret in the clear
        "http://127.0.0.2/",  # an address that is not named
        "ftp://127.0.0.1/",
        "https://",
        "http://[",
        "nonsense",
    ],
)
async def test_where_no_secret_is_sent(url: str, client: httpx.AsyncClient) -> None:
    """Without TLS a secret goes only to an address that was named; nothing is dialled."""
    with pytest.raises(UpstreamUnreachable, match="not an https URL"):
        await fetch(client, Ask(url=url, form={}), (ip_network("127.0.0.1/32"),))


async def test_the_guard_holds_for_token_endpoints(client: httpx.AsyncClient) -> None:
    """A private address that nobody named is not dialled for a token either."""
    with pytest.raises(UpstreamUnreachable, match="egress guard"):
        await fetch(client, Ask(url="https://10.0.0.1/", form={}))
