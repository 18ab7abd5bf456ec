"""The broker of access tokens: told what workers say, it answers what they are to be told. No I/O, no clock of its own.

It fetches nothing and knows no secret: an account is a digest, and what came of the last fetch is passed on as it was
reported. It keeps tokens in memory, and only while they can be used.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from engine.live.control import TokenAsk, TokenFailed, TokenFetched, TokenLease, TokenLeave, TokenTold, TokenWord
from engine.values import LEASE_S, TokenStanding

__all__ = ["Said", "TokenBroker"]

Said = tuple[int, TokenTold | TokenLease]
"""Worker, and what it is to be told."""


class TokenBroker:
    """One worker at a time fetches the token of an account; what comes of it reaches every worker that uses it.

    A failed fetch is told to all of them; each worker then waits a random pause, and the first to ask gets the next
    lease. A lease passes on when its worker goes, and can be taken over once it is `LEASE_S` old.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def take(self, worker: int, word: TokenWord, now_s: float) -> list[Said]:
        """What follows from *word*, which *worker* says at *now_s*."""
        account = self._accounts.setdefault(word.account, _Account(word.account))
        said = account.take(worker, word, now_s)
        self._forget(now_s)
        return said

    def gone(self, worker: int, now_s: float) -> list[Said]:
        """What follows when *worker* has gone; the process that takes its place is another worker.

        Its accounts stay while their tokens are good: that process needs them.
        """
        said = [one for account in self._accounts.values() for one in account.without(worker, now_s)]
        self._forget(now_s)
        return said

    def _forget(self, now_s: float) -> None:
        """Drop tokens that have ended, and accounts that have neither a user nor a token."""
        for account in self._accounts.values():
            account.standing = account.standing.holding(now_s)
        self._accounts = {name: each for name, each in self._accounts.items() if each.users or each.standing.token}


class _Lease(NamedTuple):
    worker: int
    ask: int
    until_s: float


@dataclass(slots=True)
class _Account:
    """What is known of one account, and who wants to know."""

    name: str
    standing: TokenStanding = field(default_factory=TokenStanding)
    users: dict[int, int] = field(default_factory=dict)
    """Worker → number of its last ask."""
    waiting: dict[int, int] = field(default_factory=dict)
    """Worker → number of its ask, the longest-waiting first."""
    lease: _Lease | None = None

    def take(self, worker: int, word: TokenWord, now_s: float) -> list[Said]:
        match word:
            case TokenAsk():
                return self._asked(worker, word, now_s)
            case TokenFetched():
                return self._ended(worker, word.ask, self.standing.fetched(word.token, now_s))
            case TokenFailed():
                return self._ended(worker, word.ask, self.standing.failed(word.detail, now_s))
            case TokenLeave():
                said = self.without(worker, now_s)
                if not self.users:  # the last of them has left, rather than died
                    self.standing = TokenStanding()
                return said
            case _:
                assert_never(word)

    def without(self, worker: int, now_s: float) -> list[Said]:
        """What follows when *worker* no longer uses the account: it neither waits nor fetches."""
        self.users.pop(worker, None)
        self.waiting.pop(worker, None)
        return self._passed_on(worker, now_s)

    def _asked(self, worker: int, word: TokenAsk, now_s: float) -> list[Said]:
        self.users[worker] = word.ask
        told: list[Said] = []
        if word.seen < self.standing.version:
            self.waiting.pop(worker, None)
            told.append((worker, TokenTold(self.name, word.ask, self.standing.holding(now_s))))
        else:
            self.waiting[worker] = word.ask
        return told + self._passed_on(worker, now_s)

    def _ended(self, worker: int, ask: int, standing: TokenStanding) -> list[Said]:
        """Tell every user *standing*, unless *worker* has lost the lease under which it fetched."""
        if self.lease is None or (worker, ask) != self.lease[:2]:
            return []
        self.lease, self.standing = None, standing
        self.waiting.clear()
        return [(user, TokenTold(self.name, last, standing)) for user, last in sorted(self.users.items())]

    def _passed_on(self, idle: int, now_s: float) -> list[Said]:
        """Give the lease, if it is free, to the worker that has waited longest; *idle* no longer holds it."""
        if self.lease is not None and (self.lease.worker == idle or self.lease.until_s <= now_s):
            self.lease = None
        if self.lease is not None or not self.waiting:
            return []
        worker = next(iter(self.waiting))
        self.lease = _Lease(worker, self.waiting.pop(worker), now_s + LEASE_S)
        return [(worker, TokenLease(self.name, self.lease.ask))]
