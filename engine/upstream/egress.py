"""The egress guard: which addresses may be dialled. A name is resolved, checked, and the checked address is dialled."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from math import inf
from threading import Thread
from time import monotonic

from engine.errors import UpstreamUnreachable

__all__ = ["CACHED_S", "PATIENCE_S", "STALE_S", "Guard", "Resolve", "is_allowed", "system_resolve"]

CACHED_S = 30.0
"""How long the addresses of a name are kept: as long as common resolvers' shortest sensible time to live."""
STALE_S = 3_600.0
"""How long they are dialled when the resolver says nothing newer. RFC 8767 allows days, so that an outage of DNS is not
one of what it names; after an hour an address may well be somebody else's, or withdrawn on purpose."""
PATIENCE_S = 0.25
"""How long such addresses wait for newer ones: far more than a resolver in working order takes, and a small part of any
timeout. Counted from the start of a look-up, so that one that hangs delays dials once and not each of them."""
MAX_CACHED = 4_096
"""Names kept at once, so that no caller of the httpx client can grow the cache without end."""

Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) → its addresses in the order to be tried. Raises OSError, and ValueError for what cannot be a name."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: IPv6 addresses that a translator turns into the IPv4 address in their last four bytes.

Not so 64:ff9b:1::/48 (RFC 8215): a site's own translator may keep it elsewhere in there, so that is private as a whole.
"""


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says, asked in a thread of its own.

    A look-up cannot be cancelled and may hang for tens of seconds. In a shared pool of threads it would keep those of
    other names waiting, and whoever shuts the pool down; a daemon thread keeps nobody.
    """
    answer: Future[Sequence[str]] = Future()
    answer.set_running_or_notify_cancel()  # whoever waits may go; the thread can always deliver
    Thread(target=_ask_system, args=(host, port, answer), name=f"resolve {host}", daemon=True).start()
    return await asyncio.wrap_future(answer)


def _ask_system(host: str, port: int, answer: Future[Sequence[str]]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as exc:
        answer.set_exception(exc)
    else:
        answer.set_result([str(address[0]) for *_, address in found])


def is_allowed(address: str, allow_private: Sequence[Network]) -> bool:
    """Whether *address* may be dialled: it is public, or within one of *allow_private*.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64) are judged as what they lead to.
    """
    dialled = _led_to(ip_address(address.partition("%")[0]))
    if any(dialled.version == network.version and dialled in network for network in allow_private):
        return True
    if isinstance(dialled, IPv6Address) and dialled.is_site_local:  # deprecated by RFC 3879, and routed by some still
        return False
    return dialled.is_global and not dialled.is_multicast and not dialled.is_reserved


def _led_to(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


@dataclass(frozen=True, slots=True)
class _Known:
    """What the resolver said of a name, and when."""

    addresses: Sequence[str]
    at_s: float


@dataclass(frozen=True, slots=True)
class _LookUp:
    """A question to the resolver that is under way, for all who wait for its answer."""

    task: asyncio.Task[Sequence[str] | Exception]
    """Ends with the addresses, of which there may be none, or why there are none: nobody may be left to raise it to."""
    began_s: float


class Guard:
    """Resolves and checks, before every dial. Answers of the resolver are kept for `CACHED_S`; verdicts are not.

    One look-up of a name is under way at a time, whoever waits for it and gives up. While it hangs or fails, the
    addresses known before are dialled, for up to `STALE_S`.
    """

    def __init__(self, resolve: Resolve = system_resolve, now: Callable[[], float] = monotonic) -> None:
        self._resolve = resolve
        self._now = now
        self._known: dict[tuple[str, int], _Known] = {}
        self._look_ups: dict[tuple[str, int], _LookUp] = {}

    async def addresses(self, host: str, port: int, allow_private: Sequence[Network]) -> Sequence[str]:
        """The addresses to dial for *host*, in order, all of them allowed.

        One forbidden address refuses the whole name: a name that mixes public and private ones is not what anyone
        configured on purpose.

        Raises:
            UpstreamUnreachable: the name has no address, or a forbidden one.
        """
        found = (host,) if _is_address(host) else await self._looked_up(host, port)
        if not all(is_allowed(address, allow_private) for address in found):
            raise UpstreamUnreachable("the egress guard forbids a private address that allow_private does not name")
        return found

    async def _looked_up(self, host: str, port: int) -> Sequence[str]:
        key = (host, port)
        known = self._known.get(key)
        age_s = inf if known is None else self._now() - known.at_s
        if known is not None and age_s < CACHED_S:
            return known.addresses
        look_up = self._look_ups.get(key) or self._begin(key)
        fallback = known.addresses if known is not None and age_s < STALE_S else ()
        patience_s = max(0.0, look_up.began_s + PATIENCE_S - self._now()) if fallback else None
        await asyncio.wait((look_up.task,), timeout=patience_s)  # which leaves the task alone, whatever comes
        if fallback and not look_up.task.done():
            return fallback
        found = look_up.task.result()
        if not isinstance(found, Exception) and found:
            return found
        if fallback:
            return fallback
        if isinstance(found, Exception):
            raise UpstreamUnreachable("the host name cannot be resolved") from found
        raise UpstreamUnreachable("the host name has no address")

    def _begin(self, key: tuple[str, int]) -> _LookUp:
        task = asyncio.get_running_loop().create_task(self._ask(key))
        look_up = self._look_ups[key] = _LookUp(task, self._now())
        return look_up

    async def _ask(self, key: tuple[str, int]) -> Sequence[str] | Exception:
        """One look-up, remembered when it succeeds."""
        try:
            found = tuple(dict.fromkeys(await self._resolve(*key)))
        except (OSError, ValueError) as exc:  # ValueError: a label that IDNA cannot encode
            return exc
        finally:
            del self._look_ups[key]
        if found:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            self._known[key] = _Known(found, self._now())
        return found


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
