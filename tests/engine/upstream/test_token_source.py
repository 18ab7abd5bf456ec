import asyncio
from collections.abc import Callable
from time import monotonic

import pytest

from engine.errors import UpstreamUnreachable
from engine.live.control import Message, TokenAsk, TokenFailed, TokenFetched, TokenLeave
from engine.live.token_broker import Said, TokenBroker
from engine.live.token_link import TokenLink
from engine.upstream.broker import Alone, Broker
from engine.upstream.token_source import Credential, Inputs, Pace, Tokens, TokenSource
from engine.upstream.tokens import FETCH_TIMEOUT_S, Token
from engine.values import LEASE_S, AccessToken, TokenStanding

QUICK = Pace(margin_s=0.01, least_s=0.01, retry_min_s=0.02, retry_max_s=0.05)


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

    def credential(self) -> Credential:
        return Credential(read=lambda: self.inputs, account=repr, fetch=self.ask)

    def source(self, pace: Pace = QUICK, broker: Broker | None = None) -> TokenSource:
        return TokenSource(
            self.credential(),
            broker or Alone(),
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

    credential = Credential(read=lambda: (), account=repr, fetch=broken)
    source = TokenSource(credential, Alone(), failed=lambda *_: None, pace=QUICK)
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


def test_a_lease_outlasts_a_fetch() -> None:
    """Only a worker that has stopped in the middle of a fetch loses the lease."""
    assert FETCH_TIMEOUT_S < LEASE_S


def test_nothing_of_a_token_is_shown() -> None:
    """Neither a token's `repr` nor that of what holds it shows its text."""
    standing = TokenStanding().fetched(AccessToken("t0k-canary", 1.0), 0.5)
    assert "canary" not in repr(standing)
    assert standing.token is not None


class Lines:
    """A log that is a list."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, /, **fields: object) -> None:
        self.lines.append((event, fields))


async def test_sources_are_shared_and_dropped() -> None:
    """Equal slots share a source, over reloads; one that is not retained is stopped; failures are logged."""
    endpoint, log = Endpoint(), Lines()
    tokens = Tokens(log, Alone(), pace=QUICK)
    first = tokens.source("a", endpoint.credential(), provider="p", key="main")
    other = tokens.source("b", Endpoint().credential(), provider="q", key="main")
    assert tokens.source("a", endpoint.credential(), provider="p", key="main") is first
    tokens.retain([first])
    assert tokens.source("b", Endpoint().credential(), provider="q", key="main") is not other
    endpoint.fault = "down"
    with pytest.raises(UpstreamUnreachable):
        await sent(first)
    assert log.lines[0] == (
        "token_refresh_failed",
        {"provider": "p", "key": "main", "detail": "down", "valid_for_s": 0},
    )
    tokens.close()


class Host:
    """The broker of a host, and the links that its workers have to it."""

    def __init__(self) -> None:
        self.broker = TokenBroker()
        self.links: dict[int, TokenLink] = {}

    def worker(self, slot: int) -> TokenLink:
        """A new process in that slot."""

        def take(message: Message) -> None:
            assert isinstance(message, TokenAsk | TokenFetched | TokenFailed | TokenLeave)
            self.pass_on(self.broker.take(slot, message, monotonic()))

        def send(message: Message) -> None:
            asyncio.get_running_loop().call_soon(take, message)

        self.links[slot] = TokenLink(send)
        return self.links[slot]

    def kill(self, slot: int) -> None:
        del self.links[slot]
        self.pass_on(self.broker.gone(slot, monotonic()))

    def pass_on(self, said: list[Said]) -> None:
        for slot, message in said:
            if slot in self.links:
                asyncio.get_running_loop().call_soon(self.links[slot].take, message)


async def test_workers_share_one_fetch() -> None:
    """Three workers that start together fetch once, and each sends the token."""
    endpoint, host = Endpoint(), Host()
    sources = [endpoint.source(broker=host.worker(slot)) for slot in range(3)]
    assert await asyncio.gather(*map(sent, sources)) == ["1"] * 3
    late = endpoint.source(broker=host.worker(3))
    assert await sent(late) == "1"
    assert len(endpoint.asked) == 1
    for source in (*sources, late):
        source.stop()


async def test_one_renewal_for_all() -> None:
    """Each token of a short life is fetched once, and reaches every worker."""
    endpoint, host = Endpoint(lasts_s=0.2), Host()
    sources = [endpoint.source(broker=host.worker(slot)) for slot in range(3)]
    began_s = monotonic()
    for source in sources:
        source.start()
    await until(lambda: endpoint.given == 5)
    assert monotonic() - began_s > 4 * 0.2 * QUICK.share
    await until(lambda: len({source._token.text for source in sources} | {str(endpoint.given)}) == 1)
    for source in sources:
        source.stop()


async def test_a_failure_is_shared_as_well() -> None:
    """After a failure all pause together, longer each time; the first success reaches everyone at once."""
    endpoint, host = Endpoint(), Host()
    endpoint.fault = "the token endpoint answered 503"
    sources = [endpoint.source(Pace(retry_min_s=0.5), broker=host.worker(slot)) for slot in range(3)]
    for source in sources:
        with pytest.raises(UpstreamUnreachable, match="answered 503"):
            await sent(source)
    assert len(endpoint.asked) == 1
    newcomer = endpoint.source(broker=host.worker(3))
    with pytest.raises(UpstreamUnreachable, match="answered 503"):
        await sent(newcomer)
    assert len(endpoint.asked) == 1
    newcomer.stop()
    endpoint.fault = ""
    await until(lambda: endpoint.given == 1)
    await until(lambda: all(source._token.text == "1" for source in sources))
    assert len(endpoint.asked) == 2
    assert len(endpoint.failures) == 1
    for source in sources:
        source.stop()


async def test_a_dead_workers_fetch_passes_on() -> None:
    """The worker that fetches dies in the middle of it: one that waits fetches instead."""
    endpoint, host = Endpoint(), Host()
    endpoint.hold = asyncio.Event()
    first = endpoint.source(broker=host.worker(0))
    first.start()
    await until(lambda: len(endpoint.asked) == 1)
    second = endpoint.source(broker=host.worker(1))
    waiting = asyncio.create_task(sent(second))
    await until(lambda: any(account.waiting for account in host.broker._accounts.values()))
    assert len(endpoint.asked) == 1
    assert first._task is not None
    first._task.cancel()
    host.kill(0)
    await until(lambda: len(endpoint.asked) == 2)
    endpoint.hold.set()
    assert await waiting == "1"
    again = endpoint.source(broker=host.worker(0))
    assert await sent(again) == "1"
    assert len(endpoint.asked) == 2
    again.stop()
    second.stop()


async def test_a_changed_secret_is_fetched_with_once() -> None:
    """Workers notice a changed secret at different times: who comes first fetches, the others get what came."""
    endpoint, host = Endpoint(), Host()
    sources = [endpoint.source(Pace(), broker=host.worker(slot)) for slot in range(2)]
    assert await asyncio.gather(*map(sent, sources)) == ["1", "1"]
    endpoint.inputs = ("two",)
    assert await sent(sources[0]) == "1"
    await until(lambda: sources[0]._token.text == "2")
    assert await sent(sources[1]) == "1"
    await until(lambda: sources[1]._token.text == "2")
    assert endpoint.asked == [("one",), ("two",)]
    assert list(host.broker._accounts) == ["('two',)"]
    for source in sources:
        source.stop()
    await until(lambda: not host.broker._accounts)


async def test_what_is_not_answered_is_asked_again() -> None:
    """A source that hears nothing asks again when whoever has the lease has had it for too long."""
    endpoint, asks = Endpoint(), list[Message]()
    source = endpoint.source(broker=TokenLink(asks.append))
    for _ in range(2):
        assert await source._step(source._follow()) == LEASE_S
    assert asks == [TokenAsk("('one',)", 0, 1), TokenAsk("('one',)", 0, 2)]


async def test_a_source_that_is_replaced_at_once() -> None:
    """A reload that drops a credential and one that brings it back, in the middle of a fetch: another fetch is had."""
    endpoint, host = Endpoint(), Host()
    endpoint.hold = asyncio.Event()
    link = host.worker(0)
    first = endpoint.source(broker=link)
    first.start()
    await until(lambda: len(endpoint.asked) == 1)
    first.stop()
    second = endpoint.source(broker=link)
    second.start()
    endpoint.hold.set()
    assert await sent(second) == "1"
    second.stop()
