from engine.errors import OutcomeKind
from engine.planning.world import PlannedLive
from engine.rules.program import Offer
from engine.snapshot import Snapshot
from engine.values import ModelId, Outcome, ProviderId

K = OutcomeKind


def offered(snapshot: Snapshot, model: str, provider: str) -> Offer:
    return snapshot.program.pinned[ModelId(model), ProviderId(provider)]


def small(snapshot: Snapshot, provider: str = "one") -> Offer:
    return offered(snapshot, "org/small", provider)


def ended(live: PlannedLive, offer: Offer, outcome: Outcome, now_s: float = 100.0) -> None:
    live.settle(live.admit(offer, "a", 10, now_s), outcome, None, now_s)


def test_a_429_rests_the_key_for_its_model_as_long_as_it_says(snapshot: Snapshot) -> None:
    """Without a Retry-After it is five seconds; other keys and models stay awake."""
    live, offer = PlannedLive(), small(snapshot)
    ended(live, offer, Outcome(kind=K.RATE_LIMITED, status=429, retry_after_s=20.0))
    assert live.rests_until_s(offer, "a") == 120.0
    assert live.rests_until_s(offer, "b") == 0.0
    large = offered(snapshot, "org/large", "one")
    assert live.rests_until_s(large, "a") == 0.0
    other = small(snapshot, "two")
    ended(live, other, Outcome(kind=K.RATE_LIMITED, status=429))
    assert live.rests_until_s(other, "a") == 105.0


def test_a_401_rests_the_key_for_all_models(snapshot: Snapshot) -> None:
    """Ten minutes, as the table says."""
    live, offer = PlannedLive(), small(snapshot)
    ended(live, offer, Outcome(kind=K.PROVIDER_AUTH, status=401))
    large = next(
        one for one in snapshot.program.pinned.values() if one.model == "org/large" and one.provider.id == "one"
    )
    assert live.rests_until_s(large, "a") == 700.0


def test_breakers_open_by_the_providers_own_settings(snapshot: Snapshot) -> None:
    """Three failures at one, five at two; a success in between starts anew."""
    live, one, two = PlannedLive(), small(snapshot), small(snapshot, "two")
    for _ in range(2):
        ended(live, one, Outcome(kind=K.SERVER_ERROR))
    ended(live, one, Outcome(kind=K.OK))
    for offer in (one, one, two, two, two):
        ended(live, offer, Outcome(kind=K.SERVER_ERROR))
    assert (live.blocked_until_s(one, 100.0), live.blocked_until_s(two, 100.0)) == (0.0, 0.0)
    ended(live, one, Outcome(kind=K.SERVER_ERROR))
    assert live.blocked_until_s(one, 100.0) == 160.0


def test_turns_are_taken_one_by_one() -> None:
    """A pool's turn rises with every request that took one."""
    live = PlannedLive()
    live.advance("turns")
    assert (live.turn("turns"), live.turn("others")) == (1, 0)
