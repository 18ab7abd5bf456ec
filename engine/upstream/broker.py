"""Who fetches the access token of an account: a port, and the one implementation for a worker that is alone."""

from collections.abc import Callable
from time import monotonic
from typing import Protocol

from engine.values import AccessToken, TokenStanding

__all__ = ["Alone", "Broker", "Hear"]

Hear = Callable[[TokenStanding | None], None]
"""Called with what is known of an account's token whenever that changes; with None: its token is yours to fetch."""


class Broker(Protocol):
    """Shares the tokens of accounts between all that use them, and lets one at a time fetch.

    An account is a digest of everything that its token depends on. Each has one user here, who asks when it wants a
    token, fetches when it is told to, and says what came of it.
    """

    def ask(self, account: str, seen: int, hear: Hear) -> None:
        """Call *hear* with every later standing; grant a lease if nothing newer than *seen* is known.

        Asking gives up any lease held. Repeating an ask is harmless, and recovers a lost reply or an expired lease.
        """
        ...

    def fetched(self, account: str, token: AccessToken) -> None:
        """Say what was fetched. It is heard by every user, by this one as well."""
        ...

    def failed(self, account: str, detail: str) -> None:
        """Say why there is no token; the same goes for that. *detail* holds no secret."""
        ...

    def leave(self, account: str) -> None:
        """Hear no more of it, and fetch it no more."""
        ...


class Alone:
    """The broker of a worker that shares with nobody: whoever asks fetches."""

    def __init__(self) -> None:
        self._standings: dict[str, TokenStanding] = {}
        self._users: dict[str, Hear] = {}

    def ask(self, account: str, seen: int, hear: Hear) -> None:
        """See `Broker.ask`. Nobody else knows more."""
        del seen
        self._standings.setdefault(account, TokenStanding())
        self._users[account] = hear
        hear(None)

    def fetched(self, account: str, token: AccessToken) -> None:
        """See `Broker.fetched`."""
        self._tell(account, self._standings[account].fetched(token, monotonic()))

    def failed(self, account: str, detail: str) -> None:
        """See `Broker.failed`."""
        self._tell(account, self._standings[account].failed(detail, monotonic()))

    def leave(self, account: str) -> None:
        """See `Broker.leave`."""
        self._standings.pop(account, None)
        self._users.pop(account, None)

    def _tell(self, account: str, standing: TokenStanding) -> None:
        self._standings[account] = standing
        self._users[account](standing)
