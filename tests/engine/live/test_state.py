"""The living state: what attempts teach it is what decisions read, in every worker."""

from collections.abc import Callable

import pytest

from engine.errors import OutcomeKind
from engine.gateway import Admission, NoRoom
from engine.health import BreakerSettings, Phase
from engine.limits.bucket import Rate
from engine.live.state import BoardState
from engine.rules.program import Offer, ProviderLimits
from engine.snapshot import ProviderPart
from engine.values import Outcome, Usage

MakePart = Callable[..., ProviderPart]
MakeState = Callable[..., BoardState]
Events = list[tuple[str, str]]

OK = Outcome(kind=OutcomeKind.OK, status=200)
FAILED = Outcome(kind=OutcomeKind.SERVER_ERROR, status=500)
TOUCHY = BreakerSettings(failures=3, open_for_s=60.0, half_open_requests=1)


def attempt(state: BoardState, offer: Offer, outcome: Outcome, now_s: float, *, key: str = "main") -> None:
    admission = state.admit(offer, key, 0, now_s)
    assert isinstance(admission, Admission)
    state.settle(admission, outcome, None, now_s)


def test_failures_open_the_breaker_for_every_worker(make_part: MakePart, make_state: MakeState, events: Events) -> None:
    """One worker's failures in a row are every worker's; a trial closes it again; both moves are told once."""
    part = make_part(breaker=TOUCHY)
    one, two = make_state(part, column=0), make_state(part, column=1)
    offer = part.offers[0]
    for n, state in enumerate((one, two, one)):
        attempt(state, offer, FAILED, 100.0 + n)

    assert two.blocked_until_s(offer, 103.0) == pytest.approx(162.0)
    assert {phase for *_, phase in one.phases()} == {Phase.OPEN}
    attempt(two, offer, OK, 163.0)
    assert one.blocked_until_s(offer, 164.0) == 0.0
    assert events == [
        ("breaker_opened", "provider/p"),
        ("breaker_opened", "offer/p/m"),
        ("breaker_tried", "provider/p"),
        ("breaker_tried", "offer/p/m"),
        ("breaker_closed", "provider/p"),
        ("breaker_closed", "offer/p/m"),
    ]


def test_one_bad_model_blocks_itself_first(make_part: MakePart, make_state: MakeState) -> None:
    """A provider's breaker hears of all models, so a good one beside keeps it closed while the bad one's opens."""
    part = make_part(models=("good", "bad"), breaker=TOUCHY)
    state = make_state(part)
    good, bad = part.offers
    for n in range(3):
        attempt(state, bad, FAILED, 100.0 + n)
        attempt(state, good, OK, 100.5 + n)

    assert state.blocked_until_s(bad, 103.0) > 103.0
    assert state.blocked_until_s(good, 103.0) == 0.0


def test_successes_reported_together_count_each(make_part: MakePart, make_state: MakeState) -> None:
    """A burst of successes that was held back still stands against the failures that follow it."""
    settings = BreakerSettings(failures=100, failure_rate=0.5, min_requests=10, within_s=30.0)
    part = make_part(breaker=settings)
    state = make_state(part)
    for _ in range(20):
        attempt(state, part.offers[0], OK, 100.0)
    for _ in range(19):
        attempt(state, part.offers[0], FAILED, 100.1)

    assert state.blocked_until_s(part.offers[0], 100.2) == 0.0
    for _ in range(2):
        attempt(state, part.offers[0], FAILED, 100.2)
    assert state.blocked_until_s(part.offers[0], 100.3) > 100.3


def test_only_outcomes_of_the_table_count(make_part: MakePart, make_state: MakeState) -> None:
    """What is the caller's fault, or the model's name, says nothing of a provider's health."""
    part = make_part(breaker=TOUCHY)
    state = make_state(part)
    for kind in (OutcomeKind.BAD_REQUEST, OutcomeKind.MODEL_NOT_FOUND, OutcomeKind.CANCELLED, OutcomeKind.DEADLINE):
        for _ in range(5):
            attempt(state, part.offers[0], Outcome(kind=kind, status=400), 100.0)

    assert state.blocked_until_s(part.offers[0], 101.0) == 0.0


def test_a_rate_limit_rests_the_key_for_the_model(make_part: MakePart, make_state: MakeState, events: Events) -> None:
    """429 with Retry-After rests this key for this model, for so long, in every worker; others go on."""
    part = make_part(models=("m", "n"), keys=("main", "other"))
    one, two = make_state(part, column=0), make_state(part, column=1)
    m, n = part.offers
    attempt(one, m, Outcome(kind=OutcomeKind.RATE_LIMITED, status=429, retry_after_s=20.0), 100.0)

    assert two.rests_until_s(m, "main") == pytest.approx(120.0)
    assert two.rests_until_s(m, "other") == 0.0
    assert two.rests_until_s(n, "main") == 0.0
    assert events == [("key_rests", "key/p/main")]


@pytest.mark.parametrize(
    ("status", "kind", "lengths"),
    [
        (429, OutcomeKind.RATE_LIMITED, [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]),
        (401, OutcomeKind.PROVIDER_AUTH, [600.0, 1200.0, 2400.0, 3600.0, 3600.0]),
        (402, OutcomeKind.PAYMENT_REQUIRED, [600.0, 1200.0, 2400.0, 3600.0]),
        (403, OutcomeKind.PROVIDER_AUTH, [600.0, 1200.0, 2400.0, 3600.0]),
        (200, OutcomeKind.RATE_LIMITED, [5.0, 10.0]),
        (429, OutcomeKind.PAYMENT_REQUIRED, [600.0, 1200.0]),
    ],
)
def test_rests_double(
    make_part: MakePart, make_state: MakeState, status: int, kind: OutcomeKind, lengths: list[float]
) -> None:
    """Without Retry-After each rest is twice the one before, up to its longest; a success begins anew."""
    part = make_part()
    state, offer, now_s = make_state(part), part.offers[0], 100.0
    for length_s in lengths:
        attempt(state, offer, Outcome(kind=kind, status=status), now_s)
        assert state.rests_until_s(offer, "main") == pytest.approx(now_s + length_s)
        now_s += length_s + 1.0
    attempt(state, offer, OK, now_s)
    attempt(state, offer, Outcome(kind=kind, status=status), now_s)

    assert state.rests_until_s(offer, "main") == pytest.approx(now_s + lengths[0])


def test_a_refused_key_rests_for_all_models(make_part: MakePart, make_state: MakeState) -> None:
    """401 and 402 are about the key; 403 is about this model."""
    part = make_part(models=("m", "n"))
    m, n = part.offers
    for status, other_rests in ((401, True), (403, False)):
        state = make_state(make_part(f"p{status}", models=("m", "n")), column=0)
        m, n = make_part(f"p{status}", models=("m", "n")).offers
        attempt(state, m, Outcome(kind=OutcomeKind.PROVIDER_AUTH, status=status), 100.0)

        assert state.rests_until_s(m, "main") > 100.0
        assert (state.rests_until_s(n, "main") > 100.0) is other_rests


def test_a_storm_is_one_reason_to_rest(make_part: MakePart, make_state: MakeState, events: Events) -> None:
    """Many answers of 429 to requests that were under way together do not double the rest many times."""
    part = make_part()
    state, offer = make_state(part), part.offers[0]
    for _ in range(10):
        attempt(state, offer, Outcome(kind=OutcomeKind.RATE_LIMITED, status=429), 100.0)

    assert state.rests_until_s(offer, "main") <= 110.0
    assert len(events) == 1


def test_requests_there_are_limited_over_workers(make_part: MakePart, make_state: MakeState) -> None:
    """A provider's rate holds for all workers together; who is refused learns when there is room."""
    part = make_part(limits=ProviderLimits(requests=Rate(count=2, per_s=1.0, burst=2)))
    one, two = make_state(part, column=0), make_state(part, column=1)
    offer = part.offers[0]
    admitted = [one.admit(offer, "main", 0, 100.0), two.admit(offer, "main", 0, 100.0)]
    refused = one.admit(offer, "main", 0, 100.0)

    assert all(isinstance(each, Admission) for each in admitted)
    assert isinstance(refused, NoRoom)
    assert refused.until_s == pytest.approx(100.5)
    assert two.full_until_s(offer, 100.0) == pytest.approx(100.5)
    assert isinstance(one.admit(offer, "main", 0, 100.6), Admission)


def test_concurrency_there_is_limited_over_workers(make_part: MakePart, make_state: MakeState) -> None:
    """What one worker has in flight takes another one's room, until it is settled."""
    part = make_part(limits=ProviderLimits(concurrency=1))
    one, two = make_state(part, column=0), make_state(part, column=1)
    offer = part.offers[0]
    admission = one.admit(offer, "main", 0, 100.0)
    assert isinstance(admission, Admission)

    assert isinstance(two.admit(offer, "main", 0, 100.0), NoRoom)
    one.settle(admission, OK, None, 100.1)
    assert isinstance(two.admit(offer, "main", 0, 100.1), Admission)
    assert dict(one.inflight()) == {"p": 1}


def test_reserved_tokens_are_replaced_by_used_ones(make_part: MakePart, make_state: MakeState) -> None:
    """A reservation that was too high is given back: the next request need not wait for what nobody used."""
    part = make_part(limits=ProviderLimits(tokens=Rate(count=1000, per_s=60.0, burst=1000)))
    state, offer = make_state(part), part.offers[0]
    admission = state.admit(offer, "main", 1000, 100.0)
    assert isinstance(admission, Admission)

    assert isinstance(state.admit(offer, "main", 900, 100.0), NoRoom)
    state.settle(admission, OK, Usage(input=60, cached_input=500, output=40), 100.0)
    assert isinstance(state.admit(offer, "main", 900, 100.0), Admission)
    assert isinstance(state.admit(offer, "main", 1, 100.0), NoRoom)


def test_mean_output_follows(make_part: MakePart, make_state: MakeState) -> None:
    """Nothing is known before the first answer; then the mean moves towards what answers are."""
    part = make_part()
    state, offer = make_state(part), part.offers[0]
    assert state.expected_output_tokens(offer) is None
    for tokens in (100, *[200] * 50):
        admission = state.admit(offer, "main", 0, 100.0)
        assert isinstance(admission, Admission)
        state.settle(admission, OK, Usage(output=tokens), 100.0)

    assert 195.0 < (state.expected_output_tokens(offer) or 0.0) <= 200.0


def test_mean_output_is_the_models(make_part: MakePart, make_state: MakeState) -> None:
    """What one provider's answers teach holds for the model wherever it is offered, and for no other model."""
    one, two = make_part("one", models=("m", "n")), make_part("two", models=("m", "n"))
    state = make_state(one, two)
    m, n = two.offers
    admission = state.admit(one.offers[0], "main", 0, 100.0)
    assert isinstance(admission, Admission)
    state.settle(admission, OK, Usage(output=7), 100.0)

    assert state.expected_output_tokens(m) == 7.0
    assert state.expected_output_tokens(n) is None


def test_the_retry_budget_is_a_share(make_part: MakePart, make_state: MakeState) -> None:
    """Three extra attempts are always allowed, then one for each five requests, over all workers; windows pass."""
    part = make_part()
    one, two = make_state(part, column=0), make_state(part, column=1)

    assert [one.may_retry(100.0) for _ in range(4)] == [True, True, True, False]
    for _ in range(40):
        attempt(two, part.offers[0], OK, 100.0)
    allowed = sum(two.may_retry(100.0) for _ in range(40))
    assert 3 <= allowed <= 8
    assert one.may_retry(130.0)


def test_the_retry_budget_forgets_what_it_was_not_told(make_part: MakePart, make_state: MakeState) -> None:
    """Attempts that a worker had not told of when it fell silent do not count as new ones once it is asked again."""
    part = make_part()
    state, offer = make_state(part), part.offers[0]
    for _ in range(200):
        attempt(state, offer, OK, 100.0)
    state.admit(offer, "main", 0, 130.0)

    assert [state.may_retry(130.0) for _ in range(4)] == [True, True, True, False]


def test_round_robin_turns(make_part: MakePart, make_state: MakeState) -> None:
    """A pool's turn rises with each request; pools do not share one."""
    state = make_state(make_part())
    state.advance("support")

    assert (state.turn("support"), state.turn("small")) == (1, 0)


def test_a_provider_that_has_gone_changes_nothing(make_part: MakePart, make_state: MakeState) -> None:
    """An attempt that outlives its provider's place in the configuration settles without a trace, and comes back."""
    part = make_part()
    state, offer = make_state(part), part.offers[0]
    admission = state.admit(offer, "main", 0, 100.0)
    assert isinstance(admission, Admission)
    state.drop("p")
    state.settle(admission, FAILED, None, 100.0)

    assert state.blocked_until_s(offer, 100.0) == 0.0
    assert state.rests_until_s(offer, "main") == 0.0
    assert state.full_until_s(offer, 100.0) == 0.0
    assert not list(state.inflight())
