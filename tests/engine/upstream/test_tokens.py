import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from math import inf

import httpx
import pytest

from engine.errors import UpstreamUnreachable
from engine.rules.program import Connections
from engine.upstream.dial import Dialer
from engine.upstream.egress import Guard
from engine.upstream.pool import Pools
from engine.upstream.tls import TlsContexts
from engine.upstream.tokens import MAX_REPLY_BYTES, Ask, Inputs, Pace, Token, Tokens, TokenSource, fetch
from engine.upstream.transport import client as client_over

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Handler], Awaitable[int]]

LOOPBACK = (ip_network("127.0.0.0/8"),)
SECRET = "s3cr3t-canary"
QUICK = Pace(margin_s=0.01, least_s=0.01, retry_min_s=0.02, retry_max_s=0.05)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The client that tokens are fetched with."""
    pools = Pools(Dialer(Guard(), TlsContexts()))
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


class Endpoint:
    """Gives tokens `1`, `2`, … that last *lasts_s*; fails while `fault` is set, waits while `hold` is."""

    def __init__(self, lasts_s: float = 3600.0) -> None:
        self.lasts_s = lasts_s
        self.fault = ""
        self.hold: asyncio.Event | None = None
        self.inputs: Inputs = ("one",)
        self.asked: list[Inputs] = []
        self.failures: list[tuple[str, float]] = []
        self.given = 0

    async def ask(self, inputs: Inputs) -> Token:
        self.asked.append(inputs)
        if self.hold is not None:
            await self.hold.wait()
        if self.fault:
            raise UpstreamUnreachable(self.fault)
        self.given += 1
        return Token(str(self.given), self.lasts_s)

    def source(self, pace: Pace = QUICK) -> TokenSource:
        return TokenSource(
            self.ask,
            lambda: self.inputs,
            failed=lambda detail, left_s: self.failures.append((detail, left_s)),
            pace=pace,
            draw=lambda: 0.5,
        )


async def sent(source: TokenSource, timeout_s: float = 1.0) -> str:
    """The token that a request carries now."""
    await source.ready(timeout_s)
    ((name, value),) = source.headers("https://a.example/", (), b"")
    assert name == "authorization"
    return value.removeprefix("Bearer ")


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(400):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


async def test_only_the_first_request_waits() -> None:
    """Requests that come before the first token share one fetch; later ones wait for nothing."""
    endpoint = Endpoint()
    endpoint.hold = asyncio.Event()
    source = endpoint.source()
    early = [asyncio.create_task(sent(source)) for _ in range(5)]
    await asyncio.sleep(0.02)
    endpoint.hold.set()
    assert await asyncio.gather(*early) == ["1"] * 5
    assert endpoint.asked == [("one",)]
    assert await source.ready(0.0) == 0.0
    source.stop()


async def test_a_request_does_not_wait_longer_than_it_may() -> None:
    """Where the first fetch takes too long the attempt fails as one without a connection; the fetch goes on."""
    endpoint = Endpoint()
    endpoint.hold = asyncio.Event()
    source = endpoint.source()
    with pytest.raises(UpstreamUnreachable, match="no token in time"):
        await source.ready(0.01)
    endpoint.hold.set()
    assert await sent(source) == "1"
    source.stop()


async def test_tokens_are_renewed_without_requests() -> None:
    """A token is replaced before its end, again and again, though nobody asks for it."""
    endpoint = Endpoint(lasts_s=0.1)
    source = endpoint.source()
    source.start()
    source.start()
    await until(lambda: endpoint.given >= 3)
    assert int(await sent(source)) >= 3
    source.stop()


async def test_a_failed_renewal_keeps_the_token_until_its_end() -> None:
    """While renewals fail the old token is sent; after its end the attempt fails with the reason; then all is well."""
    endpoint = Endpoint(lasts_s=0.2)
    source = endpoint.source()
    assert await sent(source) == "1"
    endpoint.fault = "the token endpoint answered 503"
    await until(lambda: bool(endpoint.failures))
    assert await sent(source) == "1"
    detail, left_s = endpoint.failures[0]
    assert (detail, 0 < left_s < 0.2) == (endpoint.fault, True)
    await asyncio.sleep(0.2)
    with pytest.raises(UpstreamUnreachable, match="no valid token: the token endpoint answered 503"):
        await sent(source)
    endpoint.fault = ""
    await until(lambda: endpoint.given == 2)
    assert await sent(source) == "2"
    source.stop()


async def test_a_first_fetch_that_fails() -> None:
    """Without any token a request fails with the reason, at once, until one of the retries succeeds."""
    endpoint = Endpoint()
    endpoint.fault = "the token endpoint answered 401 (invalid_client)"
    source = endpoint.source(Pace(retry_min_s=60.0))
    for _ in range(20):
        with pytest.raises(UpstreamUnreachable, match="invalid_client"):
            await sent(source)
    assert len(endpoint.asked) == 1
    source.stop()


async def test_a_changed_secret_is_used_at_once() -> None:
    """When the secret reads differently the next request starts a fetch with it; meanwhile the old token goes out."""
    endpoint = Endpoint()
    source = endpoint.source(Pace())
    assert await sent(source) == "1"
    endpoint.inputs = ("two",)
    assert await sent(source) == "1"
    await until(lambda: endpoint.given == 2)
    assert await sent(source) == "2"
    assert endpoint.asked == [("one",), ("two",)]
    source.stop()


async def test_a_source_that_is_stopped_lets_no_one_wait() -> None:
    """Who waits for a token of a credential that is no longer configured is told so."""
    endpoint = Endpoint()
    endpoint.hold = asyncio.Event()
    source = endpoint.source()
    waiting = asyncio.create_task(sent(source))
    await asyncio.sleep(0.01)
    source.stop()
    with pytest.raises(UpstreamUnreachable, match="no longer used"):
        await waiting
    with pytest.raises(UpstreamUnreachable, match="no longer used"):
        await sent(source)


async def test_a_bug_is_not_an_outage() -> None:
    """What a fetch raises beside its own fault reaches the request, whose last line logs it."""

    async def broken(inputs: Inputs) -> Token:
        raise ZeroDivisionError

    source = TokenSource(broken, lambda: (), failed=lambda *_: None, pace=QUICK)
    await source.ready(1.0)
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await source.ready(1.0)


@pytest.mark.parametrize(
    ("lasts_s", "draw", "renewal_s"), [(3600.0, 0.0, 2160.0), (3600.0, 1.0, 2880.0), (3.0, 1.0, 5.0)]
)
def test_renewals_are_spread_and_early(lasts_s: float, draw: float, renewal_s: float) -> None:
    """Between six and eight tenths of a life, never more often than every few seconds."""
    assert Pace().renewal_s(lasts_s, draw) == renewal_s


@pytest.mark.parametrize(("failures", "retry_s"), [(1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0), (10_000, 60.0)])
def test_retries_back_off(failures: int, retry_s: float) -> None:
    """Retries come at doubling pauses up to a minute, halved at most by the draw."""
    assert Pace().retry_s(failures, 1.0) == retry_s
    assert Pace().retry_s(failures, 0.0) == retry_s / 2


class Lines:
    """A log that is a list."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, /, **fields: object) -> None:
        self.lines.append((event, fields))


async def test_sources_are_shared_and_dropped() -> None:
    """Equal slots share a source, over reloads; one that is not retained is stopped; failures are logged."""
    endpoint, log = Endpoint(), Lines()
    tokens = Tokens(log, pace=QUICK)
    first = tokens.source("a", endpoint.ask, lambda: endpoint.inputs, provider="p", key="main")
    other = tokens.source("b", endpoint.ask, lambda: endpoint.inputs, provider="q", key="main")
    assert tokens.source("a", endpoint.ask, lambda: (), provider="p", key="main") is first
    tokens.retain([first])
    assert tokens.source("b", endpoint.ask, lambda: (), provider="q", key="main") is not other
    endpoint.fault = "down"
    with pytest.raises(UpstreamUnreachable):
        await sent(first)
    assert log.lines[0] == (
        "token_refresh_failed",
        {"provider": "p", "key": "main", "detail": "down", "valid_for_s": 0},
    )
    tokens.close()
