"""The broker of access tokens, told one word after the other."""

from engine.live.control import TokenAsk, TokenFailed, TokenFetched, TokenLease, TokenLeave, TokenTold
from engine.live.token_broker import Said, TokenBroker
from engine.values import LEASE_S, AccessToken, TokenStanding

TOKEN = AccessToken("tok", 100.0)
FETCHED = TokenStanding(version=1, token=TOKEN, at_s=1.0)


def ask(worker: int, broker: TokenBroker, *, seen: int = 0, n: int = 1, now_s: float = 0.0) -> list[Said]:
    return broker.take(worker, TokenAsk("a", seen, n), now_s)


def fetched() -> TokenBroker:
    """A broker whose workers 0 and 1 use an account; 0 has fetched its token."""
    broker = TokenBroker()
    ask(0, broker)
    ask(1, broker)
    broker.take(0, TokenFetched("a", 1, TOKEN), 1.0)
    return broker


def test_one_fetches_for_all() -> None:
    """The first that asks gets the lease, the others wait, and all are told what it fetched."""
    broker = TokenBroker()
    assert ask(0, broker) == [(0, TokenLease("a", 1))]
    assert ask(1, broker) == []
    assert ask(2, broker) == []
    told = TokenTold("a", 1, FETCHED)
    assert broker.take(0, TokenFetched("a", 1, TOKEN), 1.0) == [(0, told), (1, told), (2, told)]


def test_accounts_are_apart() -> None:
    """Each account has a lease of its own."""
    broker = TokenBroker()
    ask(0, broker)
    assert broker.take(1, TokenAsk("b", 0, 1), 0.0) == [(1, TokenLease("b", 1))]


def test_who_comes_later_is_told_at_once() -> None:
    """A worker that has seen less than is known fetches nothing; one that has seen it all may renew."""
    broker = fetched()
    assert ask(2, broker, now_s=2.0) == [(2, TokenTold("a", 1, FETCHED))]
    assert ask(2, broker, seen=1, n=2, now_s=60.0) == [(2, TokenLease("a", 2))]


def test_a_failure_is_told_to_all() -> None:
    """A failed renewal leaves the token, counts, and frees the lease for who asks first after the pause."""
    broker = fetched()
    ask(1, broker, seen=1, n=2, now_s=60.0)
    failed = TokenStanding(version=2, token=TOKEN, failures=1, detail="no", at_s=61.0)
    told = TokenTold("a", 1, failed)
    assert broker.take(1, TokenFailed("a", 2, "no"), 61.0) == [(0, told), (1, TokenTold("a", 2, failed))]
    assert ask(2, broker, now_s=61.0) == [(2, told)]
    assert ask(0, broker, seen=2, n=2, now_s=62.0) == [(0, TokenLease("a", 2))]


def test_a_lease_passes_on() -> None:
    """When who fetches dies or leaves, who waits longest fetches."""
    broker = TokenBroker()
    for worker in range(3):
        ask(worker, broker)
    assert broker.gone(0, 1.0) == [(1, TokenLease("a", 1))]
    assert broker.take(1, TokenLeave("a"), 2.0) == [(2, TokenLease("a", 1))]
    assert broker.gone(2, 3.0) == []


def test_an_old_lease_is_taken_over() -> None:
    """A worker that hangs loses the lease to who asks again, and what it says of it later counts no more."""
    broker = TokenBroker()
    ask(0, broker)
    ask(1, broker)
    assert ask(1, broker, n=2, now_s=LEASE_S - 0.1) == []
    assert ask(1, broker, n=3, now_s=LEASE_S) == [(1, TokenLease("a", 3))]
    assert broker.take(0, TokenFetched("a", 1, TOKEN), LEASE_S) == []
    assert broker.take(1, TokenFetched("a", 2, TOKEN), LEASE_S) == []
    assert len(broker.take(1, TokenFetched("a", 3, TOKEN), LEASE_S)) == 2


def test_who_asks_again_is_not_fetching() -> None:
    """A lease that crossed with another ask answers that one, and no second worker gets it."""
    broker = TokenBroker()
    ask(0, broker)
    ask(1, broker)
    assert ask(0, broker, n=2) == [(1, TokenLease("a", 1))]
    assert broker.gone(1, 0.0) == [(0, TokenLease("a", 2))]


def test_a_restarted_worker_is_told() -> None:
    """The token outlives every worker that knew it."""
    broker = fetched()
    broker.gone(0, 2.0)
    broker.gone(1, 2.0)
    assert ask(0, broker, now_s=3.0) == [(0, TokenTold("a", 1, FETCHED))]


def test_what_nobody_uses_is_forgotten() -> None:
    """An account goes with the last that leaves it, or with its token where the last one died."""
    broker = fetched()
    broker.take(0, TokenLeave("a"), 2.0)
    assert broker._accounts
    broker.take(1, TokenLeave("a"), 2.0)
    assert not broker._accounts
    broker = fetched()
    broker.gone(0, 2.0)
    broker.gone(1, 2.0)
    assert broker._accounts
    broker.take(0, TokenLeave("b"), TOKEN.ends_s)
    assert not broker._accounts


def test_a_token_that_has_ended_is_forgotten() -> None:
    """Nobody is told of a token that cannot be used any more."""
    broker = fetched()
    (told,) = ask(2, broker, now_s=TOKEN.ends_s)
    assert told == (2, TokenTold("a", 1, TokenStanding(version=1, at_s=1.0)))
    assert broker._accounts["a"].standing.token is None


def test_a_word_out_of_turn() -> None:
    """What comes from a worker that has no lease, or of an account that is gone, changes nothing."""
    broker = fetched()
    assert broker.take(1, TokenFetched("a", 1, AccessToken("other", 500.0)), 5.0) == []
    assert broker.take(1, TokenFailed("b", 1, "no"), 5.0) == []
    assert broker.take(1, TokenLeave("b"), 5.0) == []
    assert list(broker._accounts) == ["a"]
    assert broker._accounts["a"].standing == FETCHED
