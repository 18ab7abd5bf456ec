"""A worker's end of the broker of access tokens: asks it, and hands on what it answers."""

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from engine.live.control import Message, TokenAsk, TokenFailed, TokenFetched, TokenLease, TokenLeave, TokenTold
from engine.values import AccessToken, TokenStanding

__all__ = ["TokenLink"]

Hear = Callable[[TokenStanding | None], None]


class _Asked(NamedTuple):
    ask: int
    hear: Hear


class TokenLink:
    """The broker as a worker sees it. Implements `upstream.broker.Broker`."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._numbers = count(1)
        self._asked: dict[str, _Asked] = {}
        """Account → the last ask."""

    def ask(self, account: str, seen: int, hear: Hear) -> None:
        """See `upstream.broker.Broker.ask`."""
        asked = self._asked[account] = _Asked(next(self._numbers), hear)
        self._send(TokenAsk(account, seen, asked.ask))

    def fetched(self, account: str, token: AccessToken) -> None:
        """See `upstream.broker.Broker.fetched`."""
        if asked := self._asked.get(account):
            self._send(TokenFetched(account, asked.ask, token))

    def failed(self, account: str, detail: str) -> None:
        """See `upstream.broker.Broker.failed`."""
        if asked := self._asked.get(account):
            self._send(TokenFailed(account, asked.ask, detail))

    def leave(self, account: str) -> None:
        """See `upstream.broker.Broker.leave`."""
        if self._asked.pop(account, None):
            self._send(TokenLeave(account))

    def take(self, message: TokenTold | TokenLease) -> None:
        """Pass *message* to whoever asked. Replies to an earlier ask are dropped: the latest ask gets a newer reply."""
        asked = self._asked.get(message.account)
        if asked is not None and message.ask == asked.ask:
            asked.hear(message.standing if isinstance(message, TokenTold) else None)
