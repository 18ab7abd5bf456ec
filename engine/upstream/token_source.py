"""Access tokens as requests carry them: there before the request, and renewed beside it.

The workers of a host share them through a broker, in memory only: what one of them fetches reaches the others over the
sockets that they were started with, and nothing of it is written to a disk. Each keeps what it has heard, so a request
asks nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from random import random
from time import monotonic

from engine.errors import UpstreamUnreachable
from engine.upstream.broker import Broker
from engine.upstream.log import Log
from engine.upstream.tokens import Token
from engine.values import LEASE_S, AccessToken, TokenStanding
from engine.wire.content import Body

__all__ = ["Credential", "Inputs", "Pace", "TokenSource", "Tokens"]

Inputs = tuple[str | None, ...]
"""What a token is fetched with: the values of its references."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When tokens are renewed."""

    share: float = 0.6
    """Of a token's life, after which it is renewed at the earliest: of an hour, 24 minutes are left for retries."""
    spread: float = 0.2
    """Of its life, over which the moments of hosts and workers are spread; of a host's workers the first one counts."""
    margin_s: float = 10.0
    """So long before its end a token is not sent any more: it has to arrive, and clocks differ."""
    least_s: float = 5.0
    """Between renewals at least: an endpoint that gives short lives is not asked without end."""
    retry_min_s: float = 1.0
    """After a failure; doubled with every further one, whichever worker's it was."""
    retry_max_s: float = 60.0

    def due_s(self, standing: TokenStanding, draw: float) -> float:
        """When the fetch after the one that *standing* tells of begins, on its clock."""
        if standing.failures:
            return standing.at_s + self.retry_s(standing.failures, draw)
        if standing.token is None:
            return standing.at_s
        return standing.at_s + self.renewal_s(standing.token.ends_s - standing.at_s, draw)

    def renewal_s(self, lasts_s: float, draw: float) -> float:
        """How long after a fetch the next one begins."""
        return max(self.least_s, lasts_s * (self.share + self.spread * draw))

    def retry_s(self, failures: int, draw: float) -> float:
        """How long after the last of *failures* in a row the next fetch begins; halved at most by the draw."""
        return min(self.retry_max_s, self.retry_min_s * 2.0 ** min(failures - 1, 16)) * (0.5 + 0.5 * draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is exchanged for tokens."""

    read: Callable[[], Inputs]
    """The inputs as they are now."""
    account: Callable[[Inputs], str]
    """The account that inputs make: another for others, and no trace of a secret in it."""
    fetch: Callable[[Inputs], Awaitable[Token]]
    """The token that inputs are exchanged for. Raises UpstreamUnreachable."""


class TokenSource:
    """The current token of one credential. Implements `minters.Minter`.

    Once started, it asks the broker at once, and from then on well before each token ends, whether or not requests
    come; it fetches when the broker says so. Only requests that arrive before the first fetch has finished wait. A
    fetch that fails leaves the token as it is.
    """

    names = frozenset({"authorization"})

    def __init__(
        self,
        credential: Credential,
        broker: Broker,
        *,
        failed: Callable[[str, float], None],
        pace: Pace,
        draw: Callable[[], float] = random,
    ) -> None:
        self._credential = credential
        self._broker = broker
        self._failed = failed
        self._pace = pace
        self._draw = draw
        self._inputs: Inputs | None = None
        """They make the account that is followed."""
        self._account = ""
        self._seen = 0
        """The version of what was last heard of it."""
        self._due_s = 0.0
        """When to ask for more."""
        self._leased = False
        """Its token is ours to fetch."""
        self._token = AccessToken("", 0.0)
        """What is sent: the newest of any account that was followed."""
        self._detail = "no token yet"
        self._heard = asyncio.Event()
        """The outcome of the very first fetch, good or not; or that there will be none."""
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Ask for a token, unless it has been started. Must be called on the loop that will use it."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._renew())

    def stop(self) -> None:
        """Ask no more. Who waits is told so."""
        self._detail = "the credential is no longer used"
        self._heard.set()
        self._broker.leave(self._account)
        if self._task is not None:
            self._task.cancel()

    async def ready(self, timeout_s: float) -> float:
        """See `minters.Minter.ready`."""
        self.start()
        assert self._task is not None
        if self._task.done() and not self._task.cancelled():
            self._task.result()  # raises what ended it: it never ends by itself
        if self._heard.is_set():
            if self._credential.read() != self._inputs:
                self._woken.set()
            return 0.0
        began_s = monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                await self._heard.wait()
        except TimeoutError:
            raise UpstreamUnreachable("no token in time") from None
        return monotonic() - began_s

    def headers(self, url: str, sent: Iterable[tuple[str, str]], body: Body) -> tuple[tuple[str, str], ...]:
        """See `minters.Minter.headers`."""
        del url, sent, body
        if not self._token.text or self._left_s() <= 0:
            raise UpstreamUnreachable(f"no valid token: {self._detail}")
        return (("authorization", f"Bearer {self._token.text}"),)

    async def _renew(self) -> None:
        try:
            while True:
                self._woken.clear()
                pause_s = await self._step(self._follow())
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._woken.wait()
        finally:
            self._heard.set()

    async def _step(self, inputs: Inputs) -> float:
        """Do whatever is due (fetch, ask the broker, or nothing) and return the seconds to sleep unless woken.

        An unanswered ask is repeated after `LEASE_S`, when another worker's lease must have lapsed.
        """
        left_s = self._due_s - monotonic()
        if self._leased:
            self._leased = False
            await self._fetch(inputs)
        elif left_s > 0:
            return left_s
        else:
            self._broker.ask(self._account, self._seen, self._hear)
        return LEASE_S

    def _follow(self) -> Inputs:
        """The inputs, once it is their account that is followed."""
        inputs = self._credential.read()
        if inputs != self._inputs:
            self._broker.leave(self._account)
            self._inputs, self._account = inputs, self._credential.account(inputs)
            self._seen, self._due_s, self._leased = 0, 0.0, False
        return inputs

    async def _fetch(self, inputs: Inputs) -> None:
        """Fetch, and tell the broker what came of it; it is heard from there."""
        began_s = monotonic()
        try:
            token = await self._credential.fetch(inputs)
        except UpstreamUnreachable as fault:
            self._failed(fault.detail, max(0.0, self._left_s()))
            self._broker.failed(self._account, fault.detail)
        else:
            self._broker.fetched(self._account, AccessToken(token.text, began_s + token.lasts_s))

    def _hear(self, standing: TokenStanding | None) -> None:
        """See `broker.Hear`."""
        self._leased = standing is None
        if standing is not None:
            self._seen = standing.version
            self._due_s = self._pace.due_s(standing, self._draw())
            self._token = standing.token or self._token
            self._detail = standing.detail or "it has run out"
            self._heard.set()
        self._woken.set()

    def _left_s(self) -> float:
        """How long the token may still be sent; negative when it has run out, or there is none."""
        return self._token.ends_s - self._pace.margin_s - monotonic()


class Tokens:
    """The sources of a worker, by what their tokens depend on. They outlive snapshots, and their tokens a reload."""

    def __init__(self, log: Log, broker: Broker, *, pace: Pace | None = None) -> None:
        self._log = log
        self._broker = broker
        self._pace = pace or Pace()
        self._sources: dict[Hashable, TokenSource] = {}

    def source(self, slot: Hashable, credential: Credential, **of: str) -> TokenSource:
        """The source of *slot*, known or made of *credential*; *of* says in the log whose it is."""
        known = self._sources.get(slot)
        if known is None:

            def failed(detail: str, left_s: float) -> None:
                self._log.warning("token_refresh_failed", detail=detail, valid_for_s=round(left_s), **of)

            known = self._sources[slot] = TokenSource(credential, self._broker, failed=failed, pace=self._pace)
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
