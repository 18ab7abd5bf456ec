"""Laws of the broker of access tokens: however words cross, one fetches, all hear of it, and nobody waits for ever.

Workers are modelled on the real link: each does one thing at a time for an account, as a token source does. Messages
stand in a queue in each direction, and any of the queues may move next.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.live.control import Message, TokenAsk, TokenFailed, TokenFetched, TokenLease, TokenLeave, TokenTold
from engine.live.token_broker import TokenBroker
from engine.live.token_link import TokenLink
from engine.values import LEASE_S, AccessToken, TokenStanding

ACCOUNTS = ("a", "b")
WORKERS = 3
STEP_S = 0.001
ENDS_S = 1e6


class Process:
    """A worker's process: what it has seen of each account, what it waits for and what it fetches."""

    def __init__(self) -> None:
        self.said: deque[Message] = deque()
        self.heard: deque[TokenTold | TokenLease] = deque()
        self.link = TokenLink(self.said.append)
        self.seen: dict[str, int] = {}
        self.waiting: dict[str, int] = {}
        """Account → what it had seen when it began to wait."""
        self.fetching: set[str] = set()

    def ask(self, account: str) -> None:
        if account not in self.fetching:
            self.waiting[account] = self.seen.setdefault(account, 0)
            self.link.ask(account, self.seen[account], partial(self.hear, account))

    def hear(self, account: str, standing: TokenStanding | None) -> None:
        if standing is None:
            del self.waiting[account]
            self.fetching.add(account)
            return
        assert standing.version >= self.seen[account]
        self.seen[account] = standing.version
        if standing.version > self.waiting.get(account, standing.version):
            del self.waiting[account]

    def end(self, account: str, *, well: bool) -> None:
        if account in self.fetching:
            self.fetching.discard(account)
            self.waiting[account] = self.seen[account]  # for what comes of it
            if well:
                self.link.fetched(account, AccessToken("t", ENDS_S))
            else:
                self.link.failed(account, "no")

    def leave(self, account: str) -> None:
        self.link.leave(account)
        self.seen.pop(account, None)
        self.waiting.pop(account, None)
        self.fetching.discard(account)


class Host:
    """A broker and its workers."""

    def __init__(self) -> None:
        self.broker = TokenBroker()
        self.processes = [Process() for _ in range(WORKERS)]
        self.now_s = 0.0

    def ask(self, slot: int, account: str) -> None:
        self.processes[slot].ask(account)

    def succeed(self, slot: int, account: str) -> None:
        self.processes[slot].end(account, well=True)

    def fail(self, slot: int, account: str) -> None:
        self.processes[slot].end(account, well=False)

    def leave(self, slot: int, account: str) -> None:
        self.processes[slot].leave(account)

    def carry(self, slot: int, account: str) -> None:
        """One word of the worker's arrives."""
        if self.processes[slot].said:
            word = self.processes[slot].said.popleft()
            assert isinstance(word, TokenAsk | TokenFetched | TokenFailed | TokenLeave)
            self.deliver(self.broker.take(slot, word, self.now_s))

    def hear(self, slot: int, account: str) -> None:
        """One word of the broker's arrives."""
        if self.processes[slot].heard:
            self.processes[slot].link.take(self.processes[slot].heard.popleft())

    def die(self, slot: int, account: str) -> None:
        """What it said last still arrives, as over a socket; what it was told is lost."""
        died, self.processes[slot] = self.processes[slot], Process()
        for word in died.said:
            assert isinstance(word, TokenAsk | TokenFetched | TokenFailed | TokenLeave)
            self.deliver(self.broker.take(slot, word, self.now_s), but=slot)
        self.deliver(self.broker.gone(slot, self.now_s), but=slot)

    def deliver(self, said: list[tuple[int, TokenTold | TokenLease]], but: int | None = None) -> None:
        for slot, message in said:
            if slot != but:
                self.processes[slot].heard.append(message)

    def fetching(self, account: str) -> int:
        return sum(account in process.fetching for process in self.processes)

    def rest(self) -> None:
        """Everything arrives, and every fetch ends well, until nothing moves."""
        while any(process.said or process.heard or process.fetching for process in self.processes):
            for slot, process in enumerate(self.processes):
                for account in ACCOUNTS:
                    self.succeed(slot, account)
                while process.said:
                    self.carry(slot, "")
                while process.heard:
                    self.hear(slot, "")
                assert_one_fetches(self)


STEPS: tuple[Callable[[Host, int, str], None], ...] = (
    Host.ask,
    Host.succeed,
    Host.fail,
    Host.leave,
    Host.carry,
    Host.hear,
    Host.die,
)
HISTORIES = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, WORKERS - 1), st.sampled_from(ACCOUNTS)), min_size=12, max_size=60
)


def assert_one_fetches(host: Host) -> None:
    for account in ACCOUNTS:
        assert host.fetching(account) <= 1


TOLD_ACROSS_A_LEAVE: list[tuple[Callable[[Host, int, str], None], int, str]] = [
    (Host.ask, 1, "b"),
    (Host.carry, 1, "b"),
    (Host.hear, 1, "b"),
    (Host.succeed, 1, "b"),
    (Host.leave, 1, "b"),
    (Host.ask, 1, "b"),
]
"""What was fetched before the worker left reaches it after it has come back."""


@settings(max_examples=150)
@example(TOLD_ACROSS_A_LEAVE)
@given(HISTORIES)
def test_any_history(history: list[tuple[Callable[[Host, int, str], None], int, str]]) -> None:
    """At most one worker fetches for an account, and once all is said nobody waits and all have the newest."""
    host = Host()
    for step, slot, account in history:
        step(host, slot, account)
        host.now_s += STEP_S
        assert host.now_s < LEASE_S
        assert_one_fetches(host)
    host.rest()

    assert not any(process.waiting for process in host.processes)
    for account in ACCOUNTS:
        assert len({process.seen[account] for process in host.processes if account in process.seen}) <= 1


@settings(max_examples=100)
@given(HISTORIES)
def test_nothing_is_kept_that_nobody_uses(
    history: list[tuple[Callable[[Host, int, str], None], int, str]],
) -> None:
    """When all have left, or are gone and the tokens have ended, the broker holds nothing."""
    host = Host()
    for step, slot, account in history:
        step(host, slot, account)
    for slot, process in enumerate(host.processes[1:], start=1):
        for account in ACCOUNTS:
            process.leave(account)
        while process.said:
            host.carry(slot, "")
    host.now_s = ENDS_S
    host.die(0, "")

    assert not host.broker._accounts
