"""The port `gateway.Upstream`, over both transports, against real servers on loopback."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from math import inf

import httpx
import pytest

from engine.errors import (
    Bug,
    OutcomeKind,
    UpstreamFull,
    UpstreamMalformed,
    UpstreamReset,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from engine.gateway import Answer, Call, Cork
from engine.rules.program import Auth, Connections, Key, Provider, Scheme, Timeouts
from engine.upstream import EnvAndFiles, Upstreams
from engine.values import SecretRef

MakeProvider = Callable[..., Provider]
MakeCall = Callable[..., Call]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Handler], Awaitable[int]]

SECRET = "sk-canary-0123456789"
OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\nX-Request-Id: r7\r\n\r\nhello"


@pytest.fixture
async def upstreams(secrets: EnvAndFiles) -> AsyncIterator[Upstreams]:
    """All upstreams of a worker."""
    made = Upstreams(secrets, {}, cork=Cork())
    yield made
    await made.close()


@pytest.fixture(params=["own", "httpx"])
def provider_at(request: pytest.FixtureRequest, make_provider: MakeProvider) -> Callable[..., Provider]:
    """`provider_at(port, **changes)`: a provider on loopback, once for each transport."""

    def make(port: int, **changes: object) -> Provider:
        return make_provider(f"http://127.0.0.1:{port}/v1", transport=request.param, **changes)

    return make


def answering(*parts: bytes | float, then: str = "hold") -> Handler:
    """A server that answers each request with *parts*; a number is a pause in seconds. `hold`, or `close`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            for part in parts:
                if isinstance(part, float):
                    await asyncio.sleep(part)
                else:
                    writer.write(part)
            if then == "close":
                return

    return handle


async def read_to_end(answer: Answer, timeout_s: float = 1.0) -> bytes:
    """All of the body, piece by piece."""
    parts = []
    while part := await answer.read(timeout_s):
        parts.append(part)
    return b"".join(parts)


async def test_an_exchange(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """Status, headers in lower case, address and body come back; the second call uses the same connection."""
    port = await loopback(answering(HELLO))
    call = make_call(provider_at(port))
    first = await upstreams.send(call)
    assert await first.read_all(100) == b"hello"
    second = await upstreams.send(call)
    assert await read_to_end(second) == b"hello"
    assert (second.status, (b"x-request-id", b"r7") in second.headers) == (200, True)
    assert second.address == f"127.0.0.1:{port}"
    assert first.connect_ms is not None
    assert 0 <= first.connect_ms < 1_000
    assert second.connect_ms is None
    first.abort()
    second.abort()


async def test_what_is_sent(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """A large body arrives whole, with the credential, a length and no compression asked for."""
    seen: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).lower())
        seen.append(await reader.readexactly(3_000_000))
        writer.write(HELLO)
        await reader.read()

    body = bytes(range(250)) * 12_000
    call = make_call(provider_at(await loopback(keep)), body=body, headers=((b"x-trace", b"7"),))
    answer = await upstreams.send(call)
    assert await answer.read_all(100) == b"hello"
    assert seen[1] == body
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "post /v1/chat/completions http/1.1"
    for line in (
        f"authorization: bearer {SECRET}",
        "content-length: 3000000",
        "accept-encoding: identity",
        "x-trace: 7",
    ):
        assert lines.count(line) == 1


async def test_errors_are_answers(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """A status of any kind is an answer with its body."""
    port = await loopback(answering(b"HTTP/1.1 429 Slow\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\nno"))
    answer = await upstreams.send(make_call(provider_at(port)))
    assert (answer.status, await answer.read_all(10)) == (429, b"no")
    assert (b"retry-after", b"3") in answer.headers


@pytest.mark.parametrize(
    ("head_s", "total_s", "kind"),
    [(0.5, 3.0, OutcomeKind.TIMEOUT_FIRST_TOKEN), (0.5, 0.5, OutcomeKind.TIMEOUT_TOTAL)],
    ids=["stream", "whole"],
)
async def test_no_head_in_time(
    head_s: float,
    total_s: float,
    kind: OutcomeKind,
    *,
    upstreams: Upstreams,
    loopback: Loopback,
    provider_at: MakeProvider,
    make_call: MakeCall,
) -> None:
    """A head that does not come is the first token's timeout for streams, and the total's for the rest."""
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()

    call = make_call(provider_at(await loopback(silent)), head_timeout_s=head_s, total_timeout_s=total_s)
    async with asyncio.timeout(10):
        with pytest.raises(UpstreamTimeout) as caught:
            await upstreams.send(call)
        assert (caught.value.kind, caught.value.received) == (kind, False)
        await ended.wait()


async def test_a_stall_between_reads(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """A pause longer than a read allows is the timeout between tokens; what came before it was read."""
    port = await loopback(answering(OK + b"\r\n", b"one", 1.0))
    answer = await upstreams.send(make_call(provider_at(port)))
    assert await answer.read(1.0) == b"one"
    with pytest.raises(UpstreamTimeout) as caught:
        await answer.read(0.1)
    assert (caught.value.kind, caught.value.received) == (OutcomeKind.TIMEOUT_BETWEEN_TOKENS, True)


async def test_the_total_ends_a_lively_stream(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """However steadily bytes come, the total ends it."""
    port = await loopback(answering(OK + b"\r\n", *(b"x", 0.02) * 50))
    answer = await upstreams.send(make_call(provider_at(port), total_timeout_s=0.2))
    with pytest.raises(UpstreamTimeout) as caught:
        await read_to_end(answer)
    assert caught.value.kind is OutcomeKind.TIMEOUT_TOTAL


async def test_the_total_holds_while_nobody_reads(
    upstreams: Upstreams, loopback: Loopback, make_provider: MakeProvider, make_call: MakeCall
) -> None:
    """A reader that is held up elsewhere does not keep a connection beyond the total; httpx has no such clock."""
    ended = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"\r\n")
        await reader.read()
        await reader.read()
        ended.set()

    provider = make_provider(f"http://127.0.0.1:{await loopback(hold)}")
    answer = await upstreams.send(make_call(provider, body=b"", total_timeout_s=0.1))
    async with asyncio.timeout(10):
        await ended.wait()
    with pytest.raises(UpstreamTimeout):
        await answer.read(1.0)


async def test_an_answer_that_breaks_off(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """What came is read, then the break is told: `reset` by ours, `malformed` by httpx, whose word is the same."""
    port = await loopback(answering(OK + b"content-length: 9\r\n\r\n", 0.05, b"half", then="close"))
    answer = await upstreams.send(make_call(provider_at(port)))
    assert await answer.read(1.0) == b"half"
    with pytest.raises((UpstreamReset, UpstreamMalformed)) as caught:
        await answer.read(1.0)
    assert caught.value.received


async def test_an_answer_that_becomes_malformed(
    upstreams: Upstreams, loopback: Loopback, make_provider: MakeProvider, make_call: MakeCall
) -> None:
    """What stood before the break is read, even where both arrived together; `read_all` gives no half."""
    chunked = OK + b"transfer-encoding: chunked\r\n\r\n"
    port = await loopback(answering(chunked, 0.05, b"4\r\nhalf\r\njunk\r\n"))
    call = make_call(make_provider(f"http://127.0.0.1:{port}"))
    answer = await upstreams.send(call)
    assert await answer.read(1.0) == b"half"
    for _ in range(2):
        with pytest.raises(UpstreamMalformed) as caught:
            await answer.read(1.0)
        assert caught.value.received
    with pytest.raises(UpstreamMalformed):
        await (await upstreams.send(call)).read_all(100)


async def test_a_limit_on_the_whole(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """`read_all` takes up to its limit, and gives up above it."""
    port = await loopback(answering(HELLO))
    call = make_call(provider_at(port))
    assert await (await upstreams.send(call)).read_all(5) == b"hello"
    answer = await upstreams.send(call)
    with pytest.raises(UpstreamMalformed):
        await answer.read_all(4)


async def test_compressed_answers(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """Compression is undone in pieces; a bomb and an encoding that we do not know are malformed."""
    text, bomb = gzip.compress(b"hello" * 50_000), gzip.compress(bytes(4 * 1_048_576))
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    port = await loopback(answering(head % len(text) + text))
    assert await read_to_end(await upstreams.send(make_call(provider_at(port)))) == b"hello" * 50_000
    port = await loopback(answering(head % len(bomb) + bomb))
    answer = await upstreams.send(make_call(provider_at(port)))
    with pytest.raises(UpstreamMalformed):
        await read_to_end(answer)
    port = await loopback(answering(OK + b"content-encoding: br\r\ncontent-length: 1\r\n\r\nx"))
    with pytest.raises(UpstreamMalformed):
        await upstreams.send(make_call(provider_at(port)))


PATIENCE_S = 10
"""Without the end the test would wait for ever; a busy machine takes a second to build what TLS needs."""


@pytest.mark.parametrize("act", ["cancel the send", "abort", "cancel a read"])
async def test_giving_up_closes_the_connection(
    act: str, upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """Whichever way a call is given up, the server sees the end at once."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        if act != "cancel the send":
            writer.write(OK + b"content-length: 9\r\n\r\nhalf")
        await reader.read()
        ended.set()

    call = make_call(provider_at(await loopback(hold)), body=b"")
    async with asyncio.timeout(PATIENCE_S):
        if act == "cancel the send":
            await _cancelled(upstreams.send(call), begun)
        else:
            answer = await upstreams.send(call)
            assert await answer.read(PATIENCE_S) == b"half"
            if act == "abort":
                answer.abort()
            else:
                await _cancelled(answer.read(PATIENCE_S), begun)
        await ended.wait()


async def _cancelled(waiting: Awaitable[object], begun: asyncio.Event) -> None:
    task = asyncio.ensure_future(waiting)
    await begun.wait()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_private_addresses_are_not_dialled(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """Without `allow_private` a server on this machine is out of reach, and never sees a connection."""
    connections = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1

    port = await loopback(count)
    for networks in ((), (ip_network("10.0.0.0/8"),)):
        with pytest.raises(UpstreamUnreachable):
            await upstreams.send(make_call(provider_at(port, allow_private=networks)))
    assert connections == 0


async def test_no_secret_in_an_exception(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """Whatever goes wrong, neither the exception nor its causes hold the credential."""
    auth = Auth(scheme=Scheme.QUERY, name="key", keys=(Key(label="main", secret=SecretRef("env", "KEY")),))
    port = await loopback(answering(b"junk\r\n\r\n", then="close"))
    for at in (port, 1):
        with pytest.raises((UpstreamMalformed, UpstreamUnreachable)) as caught:
            await upstreams.send(make_call(provider_at(at, auth=auth)))
        error: BaseException | None = caught.value
        while error is not None:
            assert SECRET not in repr(error) + str(error)
            error = error.__cause__ or error.__context__


async def test_retain_keeps_what_is_still_used(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """A reload that does not change where a provider is keeps its connection; one without it closes it, in peace."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answering(HELLO)(reader, writer)
        finally:
            ended.set()

    port = await loopback(serve)
    before, after = provider_at(port), provider_at(port, connections=Connections(max=9, keepalive_s=9.0))
    await (await upstreams.send(make_call(before))).read_all(100)
    await upstreams.retain([after])
    answer = await upstreams.send(make_call(after))
    assert answer.connect_ms is None
    await upstreams.retain([])
    assert await answer.read_all(100) == b"hello"
    await upstreams.retain([])
    async with asyncio.timeout(10):
        await ended.wait()
    assert (await upstreams.send(make_call(after))).connect_ms is not None


async def test_protocols_served_in_process(make_provider: MakeProvider, make_call: MakeCall) -> None:
    """A protocol that was injected gets its calls, whatever transport is named; it needs no address."""

    class Echo:
        async def send(self, call: Call) -> Answer:
            assert isinstance(call.body, bytes)
            raise UpstreamReset(call.body.decode())

    upstreams = Upstreams(EnvAndFiles({}), {"sandbox": Echo()}, cork=Cork())
    provider = make_provider("", protocol="sandbox", auth=Auth(scheme=Scheme.NONE))
    with pytest.raises(UpstreamReset, match="hi"):
        await upstreams.send(make_call(provider, body=b"hi"))
    assert upstreams.configured(provider)
    await upstreams.retain([provider])
    with pytest.raises(Bug):
        await upstreams.send(make_call(make_provider(transport="carrier pigeon")))


async def test_configured(upstreams: Upstreams, make_provider: MakeProvider) -> None:
    """A provider is configured when every reference it makes has a value."""
    assert upstreams.configured(make_provider())
    lacking = make_provider("https://${env:NOPE}")
    assert not upstreams.configured(lacking)
    assert upstreams.missing(lacking) == (SecretRef("env", "NOPE"),)
    await upstreams.retain([lacking, make_provider("junk")])


async def test_the_client_for_everything_else(upstreams: Upstreams, loopback: Loopback) -> None:
    """Sinks and probes get an httpx client behind the same guard: no private address at all."""
    port = await loopback(answering(HELLO))
    async with upstreams.client(timeout_s=1.0) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://localhost:{port}/")


async def test_no_connection_comes_free(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """With every connection taken, a call waits its connect timeout and no longer, and blames nobody else for it."""
    port = await loopback(answering(OK + b"content-length: 9\r\n\r\nhalf"))
    times = Timeouts(connect_s=0.1, first_token_s=1.0, between_tokens_s=1.0, total_s=5.0)
    provider = provider_at(port, connections=Connections(max=1, keepalive_s=9.0), timeouts=times)
    answer = await upstreams.send(make_call(provider))
    with pytest.raises(UpstreamFull):
        await upstreams.send(make_call(provider))
    answer.abort()
    second = await upstreams.send(make_call(provider))
    assert await second.read(inf) == b"half"
    second.abort()


async def test_callers_who_hang_up_cost_no_connection(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """Whenever callers leave (waiting for room, connecting, waiting for an answer), the provider keeps its bound."""
    port = await loopback(answering(0.005, OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello", then="close"))
    call = make_call(provider_at(port, connections=Connections(max=2, keepalive_s=9.0)))

    async def ask() -> bytes:
        return await (await upstreams.send(call)).read_all(100)

    for turns in range(40):
        asking = [asyncio.create_task(ask()) for _ in range(6)]
        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        for _ in range(turns % 10):
            await asyncio.sleep(0)
        for task in asking[turns % 4 :]:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*(ask() for _ in range(4))) == [b"hello"] * 4


async def test_who_left_before_there_was_room_sends_nothing(
    upstreams: Upstreams, loopback: Loopback, provider_at: MakeProvider, make_call: MakeCall
) -> None:
    """A request whose caller has gone never reaches the provider, and its place goes to the next one."""
    seen: list[bytes] = []
    let = asyncio.Event()

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            seen.append(head)
            await reader.readexactly(2)
            await let.wait()
            writer.write(HELLO)

    provider = provider_at(await loopback(count), connections=Connections(max=1, keepalive_s=9.0))
    call = make_call(provider, body=b"{}")
    first = asyncio.create_task(upstreams.send(call))
    await asyncio.sleep(0.05)
    left = asyncio.create_task(upstreams.send(call))
    await asyncio.sleep(0.05)
    left.cancel()
    await asyncio.wait((left,))
    let.set()
    await (await first).read_all(100)
    last = await upstreams.send(call)
    assert await last.read_all(100) == b"hello"
    assert len(seen) == 2
