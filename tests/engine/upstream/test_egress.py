import asyncio
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest
import uvloop

from engine.errors import UpstreamUnreachable
from engine.upstream.egress import CACHED_S, PATIENCE_S, STALE_S, Guard, is_allowed, system_resolve

FORBIDDEN = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b:1::a00:1", "64:ff9b:1::808:808", "64:ff9b:1:a00:0:1:808:808", "fec0::1", "feff::1",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_private_addresses_are_forbidden(address: str) -> None:
    """Nothing that is not public may be dialled, however it is spelled or wrapped."""
    assert not is_allowed(address, ())


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    """Public addresses need no leave."""
    assert is_allowed(address, ())


def test_a_provider_may_declare_networks() -> None:
    """`allow_private` opens its networks and no others, of either version."""
    networks = (ip_network("10.0.0.0/8"), ip_network("fc00::/7"))
    assert [is_allowed(a, networks) for a in ("10.1.1.1", "::ffff:10.1.1.1", "fc00::1", "192.168.0.1", "::1")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1", "::1"]
)
async def test_every_spelling_of_loopback_is_caught(host: str) -> None:
    """The system resolves all of these to this machine; the guard judges what comes out, not what is written."""
    with pytest.raises(UpstreamUnreachable):
        await Guard(system_resolve).addresses(host, 80, ())


class Resolver:
    """Gives one answer after the other, the last for ever, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_one_bad_address_spoils_the_name() -> None:
    """A name with a public and a private address is refused."""
    with pytest.raises(UpstreamUnreachable):
        await Guard(Resolver(["1.1.1.1", "10.0.0.1"])).addresses("x", 443, ())


async def test_answers_are_kept_for_a_while_and_checked_every_time() -> None:
    """A name is resolved once in 30 s; when it moves to a private address (rebinding), that is seen and refused."""
    now = 0.0
    resolver = Resolver(["1.1.1.1", "1.1.1.1"], ["127.0.0.1"])
    guard = Guard(resolver, now=lambda: now)
    assert await guard.addresses("x", 443, ()) == ("1.1.1.1",)
    now = CACHED_S - 1
    assert await guard.addresses("x", 443, ()) == ("1.1.1.1",)
    assert resolver.asked == 1
    now = CACHED_S
    for _ in range(2):
        with pytest.raises(UpstreamUnreachable):
            await guard.addresses("x", 443, ())
    assert await guard.addresses("x", 443, (ip_network("127.0.0.0/8"),)) == ("127.0.0.1",)
    assert resolver.asked == 2


async def test_a_name_that_is_none() -> None:
    """Failures of the resolver are unreachable, without the name in the message."""

    async def fails(host: str, port: int) -> Sequence[str]:
        raise OSError(host)

    for guard in (Guard(fails), Guard(Resolver([]))):
        with pytest.raises(UpstreamUnreachable) as caught:
            await guard.addresses("secret-host.internal", 443, ())
        assert "secret-host" not in caught.value.detail


async def test_an_address_needs_no_resolver() -> None:
    """A literal address is dialled as it is, and judged like any other."""
    resolver = Resolver([])
    guard = Guard(resolver)
    assert await guard.addresses("1.1.1.1", 443, ()) == ("1.1.1.1",)
    assert await guard.addresses("2606:4700:4700::1111", 443, ()) == ("2606:4700:4700::1111",)
    with pytest.raises(UpstreamUnreachable):
        await guard.addresses("10.0.0.1", 443, ())
    assert resolver.asked == 0


class Hanging(Resolver):
    """Answers when it is let; `fails` then makes it raise."""

    def __init__(self, *answers: Sequence[str]) -> None:
        super().__init__(*answers)
        self.let = asyncio.Event()
        self.fails = False

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        found = await super().__call__(host, port)
        await self.let.wait()
        if self.fails:
            raise OSError(host)
        return found


async def test_a_name_is_looked_up_once_at_a_time() -> None:
    """However many wait for a name and give up, one look-up is under way; its answer is everybody's."""
    resolver = Hanging(["1.1.1.1"])
    guard = Guard(resolver)
    waiting = [asyncio.ensure_future(guard.addresses("x", 443, ())) for _ in range(50)]
    await asyncio.sleep(0)
    for given_up in waiting[:40]:
        given_up.cancel()
    await asyncio.wait(waiting[:40])
    waiting += [asyncio.ensure_future(guard.addresses("x", 443, ())) for _ in range(10)]
    await asyncio.sleep(0)
    resolver.let.set()
    assert await asyncio.gather(*waiting[40:]) == [("1.1.1.1",)] * 20
    assert resolver.asked == 1


async def test_a_failed_look_up_is_not_remembered() -> None:
    """All who waited learn of the failure, and the next one asks again."""
    resolver = Hanging(["1.1.1.1"])
    resolver.fails = True
    resolver.let.set()
    guard = Guard(resolver)
    ends = await asyncio.gather(*(guard.addresses("x", 443, ()) for _ in range(5)), return_exceptions=True)
    assert [type(end) for end in ends] == [UpstreamUnreachable] * 5
    resolver.fails = False
    assert await guard.addresses("x", 443, ()) == ("1.1.1.1",)
    assert resolver.asked == 2


@pytest.mark.parametrize("fails", [False, True], ids=["hangs", "fails"])
async def test_known_addresses_outlive_the_resolver(fails: bool) -> None:
    """While the resolver hangs or fails, what it said before is dialled for an hour; one look-up delays one dial."""
    now = 0.0
    resolver = Hanging(["1.1.1.1"], ["10.0.0.1"])
    guard = Guard(resolver, now=lambda: now)
    resolver.let.set()
    assert await guard.addresses("x", 443, ()) == ("1.1.1.1",)

    resolver.fails = fails
    if not fails:
        resolver.let.clear()
    now = STALE_S - 1
    began_s = time.monotonic()
    assert await guard.addresses("x", 443, ()) == ("1.1.1.1",)
    now += PATIENCE_S
    for _ in range(50):
        assert await guard.addresses("x", 443, ()) == ("1.1.1.1",)
    assert time.monotonic() - began_s < 10 * PATIENCE_S

    now = STALE_S
    if fails:
        with pytest.raises(UpstreamUnreachable):
            await guard.addresses("x", 443, ())
    else:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(guard.addresses("x", 443, ()), 0.01)
        resolver.let.set()
        with pytest.raises(UpstreamUnreachable, match="egress guard"):
            await guard.addresses("x", 443, ())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_look_ups_that_hang_hold_nobody(new_loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system hangs on a hundred names: others are resolved meanwhile, and the loop can be closed."""
    end = threading.Event()
    ask = socket.getaddrinfo

    def hang(host: str, *rest: Any, **named: Any) -> Any:
        if host.startswith("dead"):
            end.wait(10)
            raise OSError(host)
        return ask(host, *rest, **named)

    async def ask_all() -> None:
        guard = Guard()
        dead = [asyncio.ensure_future(guard.addresses(f"dead-{n}.example", 443, ())) for n in range(100)]
        async with asyncio.timeout(2):
            assert await guard.addresses("localhost", 443, (ip_network("127.0.0.0/8"), ip_network("::1/128")))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*dead), 0.05)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began_s = time.monotonic()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(ask_all())
    took_s = time.monotonic() - began_s
    end.set()
    assert took_s < 5
