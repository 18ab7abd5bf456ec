"""Tokens that a credential is exchanged for: fetched and renewed beside the requests that carry them.

Each worker keeps its own, in memory only: a token on disk, or passed between processes, is one more place to steal it
from, and one fetch an hour for each worker costs nothing. The moments of renewal are drawn, so that workers do not
ask all at once.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from random import random
from urllib.parse import urlsplit

import httpx
import msgspec

from engine.errors import UpstreamFault, UpstreamUnreachable
from engine.upstream.log import Log

__all__ = ["Ask", "Pace", "Token", "TokenSource", "Tokens", "fetch"]

Network = IPv4Network | IPv6Network

FETCH_TIMEOUT_S = 10.0
"""Token endpoints answer within a second; ten of them fit into what is left of a token when its renewal begins."""
MAX_REPLY_BYTES = 262_144
"""Far above any token: Azure's with all group claims stay below 8 kB, where HTTP servers stop taking headers."""
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What may follow `Bearer` (RFC 6750 2.1), a little wider: nothing that ends a header line."""
_CODE = re.compile(r"[a-z_]{1,64}")
"""An error code of OAuth 2.0 (RFC 6749 5.2): the only part of an endpoint's refusal that is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request for a token. With *form* it is a POST of that form, without it a GET."""

    url: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[Network, ...] = ()
    """Where the endpoint lies although it is no public address, beside what the provider allows."""


@dataclass(frozen=True, slots=True)
class Token:
    """What an endpoint gave."""

    text: str = field(repr=False)
    lasts_s: float
    """From when it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When tokens are renewed."""

    share: float = 0.6
    """Of a token's life, after which it is renewed at the earliest: of an hour, 24 minutes are left for retries."""
    spread: float = 0.2
    """Of its life, over which the workers' moments are spread."""
    margin_s: float = 10.0
    """So long before its end a token is not sent any more: it has to arrive, and clocks differ."""
    least_s: float = 5.0
    """Between renewals at least: an endpoint that gives short lives is not asked without end."""
    retry_min_s: float = 1.0
    """After a failure; doubled with every further one."""
    retry_max_s: float = 60.0

    def renewal_s(self, lasts_s: float, draw: float) -> float:
        """How long after a fetch the next one begins."""
        return max(self.least_s, lasts_s * (self.share + self.spread * draw))

    def retry_s(self, failures: int, draw: float) -> float:
        """How long after the last of *failures* in a row the next fetch begins; halved at most by the draw."""
        return min(self.retry_max_s, self.retry_min_s * 2.0 ** min(failures - 1, 16)) * (0.5 + 0.5 * draw)


class _Reply(msgspec.Struct):
    """RFC 6749 5.1 and 5.2, as far as it is read."""

    access_token: str = ""
    expires_in: float = 0.0
    error: str = ""


async def fetch(client: httpx.AsyncClient, ask: Ask, allowed: Iterable[Network] = ()) -> Token:
    """The token that *ask* is answered with.

    Raises:
        UpstreamUnreachable: there is none. The detail holds nothing that was sent, and of the answer its status and
            error code only.
    """
    if not _is_safe(ask.url, (*ask.networks, *allowed)):
        raise UpstreamUnreachable("the token endpoint is not an https URL")
    method = "GET" if ask.form is None else "POST"
    try:
        async with (
            asyncio.timeout(FETCH_TIMEOUT_S),
            client.stream(method, ask.url, data=ask.form, headers=ask.headers) as response,
        ):
            return _token(response.status_code, await _body(response))
    except TimeoutError:
        raise UpstreamUnreachable("the token endpoint did not answer in time") from None
    except httpx.RequestError as exc:
        cause = exc.__cause__
        detail = cause.detail if isinstance(cause, UpstreamFault) else type(exc).__name__
        raise UpstreamUnreachable(f"the token endpoint cannot be reached: {detail}") from None


def _is_safe(url: str, networks: tuple[Network, ...]) -> bool:
    """Whether a secret may be sent to *url*: over TLS, or to an address within one of *networks*."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https" or not host:
            return bool(host)
        address = ip_address(host)
    except ValueError:  # no address, or no URL at all
        return False
    return parts.scheme == "http" and any(address in network for network in networks)


async def _body(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_REPLY_BYTES:
            raise UpstreamUnreachable("the token endpoint's answer is too long")
    return body


def _token(status: int, body: bytes) -> Token:
    reply = _Reply()
    with suppress(msgspec.DecodeError):
        reply = msgspec.json.decode(body, type=_Reply, strict=False)
    if status != 200:
        code = f" ({reply.error})" if _CODE.fullmatch(reply.error) else ""
        raise UpstreamUnreachable(f"the token endpoint answered {status}{code}")
    if not _TOKEN.fullmatch(reply.access_token) or not 0 < reply.expires_in < float("inf"):
        raise UpstreamUnreachable("the token endpoint's answer holds no token with a lifetime")
    return Token(reply.access_token, reply.expires_in)


Inputs = tuple[str | None, ...]
"""What a token is fetched with: the values of its references."""


class TokenSource:
    """The current token of one credential. Implements `credentials.Minter`.

    Started, it fetches at once, and from then on well before each token ends, whether or not requests come. Only who
    comes before the very first fetch has ended waits for it. A fetch that fails leaves the token as it is.
    """

    names = frozenset({"authorization"})

    def __init__(
        self,
        ask: Callable[[Inputs], Awaitable[Token]],
        read: Callable[[], Inputs],
        *,
        failed: Callable[[str, float], None],
        pace: Pace,
        draw: Callable[[], float] = random,
    ) -> None:
        self._ask = ask
        self._read = read
        self._failed = failed
        self._pace = pace
        self._draw = draw
        self._token = ""
        self._ends_s = 0.0
        self._inputs: Inputs | None = None
        """With which the last fetch began."""
        self._detail = "no token yet"
        self._asked = asyncio.Event()
        """The very first fetch has ended, well or not."""
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Fetch, unless it has been started. Must be called on the loop that will use it."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._renew())

    def stop(self) -> None:
        """Fetch no more. Who waits is told so."""
        self._detail = "the credential is no longer used"
        self._asked.set()
        if self._task is not None:
            self._task.cancel()

    async def ready(self, timeout_s: float) -> float:
        """See `credentials.Minter.ready`."""
        self.start()
        assert self._task is not None
        if self._task.done() and not self._task.cancelled():
            self._task.result()  # raises what ended it: it never ends by itself
        if self._asked.is_set():
            if self._read() != self._inputs:
                self._changed.set()
            return 0.0
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(timeout_s):
                await self._asked.wait()
        except TimeoutError:
            raise UpstreamUnreachable("no token in time") from None
        return loop.time() - began_s

    def headers(self, url: str, sent: Iterable[tuple[str, str]], body: bytes) -> tuple[tuple[str, str], ...]:
        """See `credentials.Minter.headers`."""
        del url, sent, body
        if not self._token or self._left_s() <= 0:
            raise UpstreamUnreachable(f"no valid token: {self._detail}")
        return (("authorization", f"Bearer {self._token}"),)

    async def _renew(self) -> None:
        failures = 0
        try:
            while True:
                failures = 0 if await self._renewed() else failures + 1
                self._asked.set()
                if failures:
                    pause_s = self._pace.retry_s(failures, self._draw())
                else:
                    pause_s = self._pace.renewal_s(self._left_s() + self._pace.margin_s, self._draw())
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._changed.wait()
        finally:
            self._asked.set()

    async def _renewed(self) -> bool:
        """Whether there is a new token."""
        self._changed.clear()
        self._inputs = self._read()
        began_s = asyncio.get_running_loop().time()
        try:
            token = await self._ask(self._inputs)
        except UpstreamUnreachable as fault:
            self._detail = fault.detail
            self._failed(fault.detail, max(0.0, self._left_s()))
            return False
        self._token, self._ends_s = token.text, began_s + token.lasts_s
        self._detail = "it has run out"
        return True

    def _left_s(self) -> float:
        """How long the token may still be sent; negative when it has run out, or there is none."""
        return self._ends_s - self._pace.margin_s - asyncio.get_running_loop().time()


class Tokens:
    """The sources of a worker, by what their tokens depend on. They outlive snapshots, and their tokens a reload."""

    def __init__(self, log: Log, *, pace: Pace | None = None) -> None:
        self._log = log
        self._pace = pace or Pace()
        self._sources: dict[Hashable, TokenSource] = {}

    def source(
        self,
        slot: Hashable,
        ask: Callable[[Inputs], Awaitable[Token]],
        read: Callable[[], Inputs],
        **of: str,
    ) -> TokenSource:
        """The source of *slot*, known or made with the rest; *of* says in the log whose it is."""
        known = self._sources.get(slot)
        if known is None:

            def failed(detail: str, left_s: float) -> None:
                self._log.warning("token_refresh_failed", detail=detail, valid_for_s=round(left_s), **of)

            known = self._sources[slot] = TokenSource(ask, read, failed=failed, pace=self._pace)
        return known

    def retain(self, sources: Iterable[TokenSource]) -> None:
        """Stop every source that is not among *sources*."""
        kept = {id(source) for source in sources}
        for slot, source in tuple(self._sources.items()):
            if id(source) not in kept:
                del self._sources[slot]
                source.stop()

    def close(self) -> None:
        """Stop all of them."""
        self.retain(())
