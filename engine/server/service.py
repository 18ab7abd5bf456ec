"""What the endpoints need of the process they run in, handed over once when the application is built."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from engine.gateway import Gateway
from engine.live.current import Current, Status
from engine.live.log import Log
from engine.server.queried import Queried
from engine.server.uploads import Uploads

__all__ = ["Service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One worker's parts, as the endpoints see them."""

    gateway: Gateway
    current: Current
    metrics: Callable[[], tuple[str, bytes]]
    """Content type and body of `/metrics`, all workers merged."""
    reload: Callable[[], Awaitable[Status]]
    """Read the files again; what came of it."""
    query: Callable[[str], Awaitable[Queried]]
    """Run one SELECT over the catalog in a process of its own. Raises Bug when that failed."""
    log: Log
    body_limit_bytes: int
    uploads: Uploads
    trusted_proxies: Sequence[IPv4Network | IPv6Network] = ()
