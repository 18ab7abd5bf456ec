"""The egress guard: which addresses may be dialled. A name is resolved, checked, and the checked address is dialled."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import SOCK_STREAM
from time import monotonic

from engine.errors import UpstreamUnreachable

__all__ = ["CACHED_S", "Guard", "Resolve", "is_allowed", "system_resolve"]

CACHED_S = 30.0
"""How long the addresses of a name are kept: as long as common resolvers' shortest sensible time to live."""
MAX_CACHED = 4_096
"""Names kept at once, so that no caller of the httpx client can grow the cache without end."""

Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) → its addresses in the order to be tried. Raises OSError."""

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""RFC 6052 and 8215: IPv6 addresses that a translator turns into the IPv4 address in their last four bytes."""


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says, asked in a thread."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_allowed(address: str, allow_private: Sequence[Network]) -> bool:
    """Whether *address* may be dialled: it is public, or within one of *allow_private*.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64) are judged as what they lead to.
    """
    dialled = _led_to(ip_address(address.partition("%")[0]))
    if any(dialled.version == network.version and dialled in network for network in allow_private):
        return True
    return dialled.is_global and not dialled.is_multicast and not dialled.is_reserved


def _led_to(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


class Guard:
    """Resolves and checks, before every dial. Answers of the resolver are kept for `CACHED_S`; verdicts are not."""

    def __init__(self, resolve: Resolve = system_resolve, now: Callable[[], float] = monotonic) -> None:
        self._resolve = resolve
        self._now = now
        self._cache: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}

    async def addresses(self, host: str, port: int, allow_private: Sequence[Network]) -> Sequence[str]:
        """The addresses to dial for *host*, in order, all of them allowed.

        One forbidden address refuses the whole name: a name that mixes public and private ones is not what anyone
        configured on purpose.

        Raises:
            UpstreamUnreachable: the name has no address, or a forbidden one.
        """
        found = await self._looked_up(host, port)
        if not all(is_allowed(address, allow_private) for address in found):
            raise UpstreamUnreachable("the egress guard forbids a private address that allow_private does not name")
        return found

    async def _looked_up(self, host: str, port: int) -> Sequence[str]:
        key = (host, port)
        known = self._cache.get(key)
        if known is not None and self._now() < known[0]:
            return known[1]
        try:
            found = tuple(dict.fromkeys(await self._resolve(host, port)))
        except (OSError, UnicodeError) as exc:  # UnicodeError: a label that IDNA cannot encode
            raise UpstreamUnreachable("the host name cannot be resolved") from exc
        if not found:
            raise UpstreamUnreachable("the host name has no address")
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[key] = (self._now() + CACHED_S, found)
        return found
