from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from engine.errors import OutcomeKind
from engine.rules.decision import Decision
from engine.rules.plan import AttemptPlan, Begin, Cancelled, Command, Ended, Finish, Full, Start, Wait, Woke
from engine.rules.program import Auth, Key, Offer, RetryPolicy, Scheme, WhenFull
from engine.values import Outcome, Role, SecretRef

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make, World

K = OutcomeKind


@dataclass
class Scenario:
    """A plan that is told what happens; `tried` is every start as `offer/key`."""

    plan: AttemptPlan
    world: "World"
    now_s: float
    command: Command = field(init=False)
    tried: list[str] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tell(Begin())

    def tell(self, event: Any) -> Command:
        self.command = self.plan.step(event, self.now_s, self.world)
        while isinstance(self.command, Wait):
            self.waits_s.append(self.command.seconds)
            self.now_s += self.command.seconds
            self.command = self.plan.step(Woke(), self.now_s, self.world)
        if isinstance(self.command, Start):
            self.tried.append(f"{self.command.candidate.offer.provider.id}/{self.command.key_label}")
        return self.command

    def fail(self, *kinds: OutcomeKind, status: int | None = None, retry_after_s: float | None = None) -> Command:
        for kind in kinds:
            self.tell(Ended(Outcome(kind=kind, status=status, retry_after_s=retry_after_s)))
        return self.command

    @property
    def told(self) -> OutcomeKind:
        assert isinstance(self.command, Finish), self.command
        return self.command.outcome.kind


def planned(make: "Make", decision: Decision, world: "World | None" = None) -> Scenario:
    return Scenario(AttemptPlan(decision, make.now_s), world or make.world(), make.now_s)


def chained(make: "Make", *providers: str, retry: RetryPolicy | None = None, **changed: Any) -> Decision:
    """The decision for one model at these providers."""
    offers = [make.offer(make.provider(name, **changed), "a/b") for name in providers]
    decision = make.asked(make.program(*offers), "a/b")
    return structs.replace(decision, retry=retry or decision.retry)


SAME_THEN_NEXT = [K.CONNECT, K.RESET, K.OVERLOADED, K.SERVER_ERROR, K.MALFORMED]


@pytest.mark.parametrize("kind", SAME_THEN_NEXT, ids=str)
def test_what_may_pass_is_tried_again_with_backoff_then_handed_over(make: "Make", kind: OutcomeKind) -> None:
    """Row 1: the same target again after a pause, then the next one."""
    scenario = planned(make, chained(make, "one", "two"))
    scenario.fail(kind, kind)
    assert scenario.tried == ["one/main", "one/main", "two/main"]
    assert scenario.waits_s[0] == pytest.approx(0.075, abs=0.025)
    scenario.fail(kind, kind)
    assert scenario.told is kind


@pytest.mark.parametrize(
    "kind", [K.TIMEOUT_FIRST_TOKEN, K.TIMEOUT_BETWEEN_TOKENS, K.TIMEOUT_TOTAL, K.MODEL_NOT_FOUND], ids=str
)
def test_timeouts_and_unknown_models_hand_over_at_once(make: "Make", kind: OutcomeKind) -> None:
    """Rows 2 and 5: waiting again for what took too long helps nobody."""
    scenario = planned(make, chained(make, "one", "two"))
    scenario.fail(kind, kind)
    assert scenario.tried == ["one/main", "two/main"]
    assert scenario.waits_s == []
    assert scenario.told is kind


def test_a_rate_limit_hands_over_and_is_waited_for_only_when_nothing_else_is_left(make: "Make") -> None:
    """Row 3: the next target first; then the earliest Retry-After that is worth honouring."""
    scenario = planned(make, chained(make, "one", "two"))
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=6.0)
    assert scenario.tried == ["one/main", "two/main"]
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=4.0)
    assert scenario.waits_s == [pytest.approx(4.0)]
    assert scenario.tried == ["one/main", "two/main", "two/main"]
    assert isinstance(scenario.tell(Ended(Outcome(kind=K.OK))), Finish)


def test_a_long_retry_after_is_told_and_not_waited_for(make: "Make") -> None:
    """Row 3: 429 with the earliest Retry-After, those of resting keys that were never tried included."""
    offers = [make.offer(make.provider(name), "a/b") for name in ("one", "two", "three")]
    world = make.world(rests={("three", "main"): make.now_s + 40})
    scenario = planned(make, make.asked(make.program(*offers), "a/b", world=world), world)
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=90.0)
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=60.0)
    assert isinstance(scenario.command, Finish)
    assert scenario.told is K.RATE_LIMITED
    assert scenario.command.retry_after_s == pytest.approx(40.0)


def test_the_time_that_is_told_is_still_to_come(make: "Make") -> None:
    """After a wait that did not help it is the newer Retry-After, not the one that has passed."""
    scenario = planned(make, chained(make, "one"))
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=2.0)
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=30.0)
    assert scenario.waits_s == [pytest.approx(2.0)]
    assert isinstance(scenario.command, Finish)
    assert scenario.command.retry_after_s == pytest.approx(30.0)


def test_a_rest_that_others_make_longer_is_waited_for_once(make: "Make") -> None:
    """A key that rests longer by now is waited for anew, and the retry budget pays one attempt, not every wait."""
    plan, world = AttemptPlan(chained(make, "one"), make.now_s), make.world(retries_left=10)
    plan.step(Begin(), make.now_s, world)
    event: Any = Ended(Outcome(kind=K.RATE_LIMITED, status=429, retry_after_s=1.0))
    for later_s in range(3):
        now_s = make.now_s + later_s
        world.rests = {("one", "main"): now_s + 1.0}
        assert plan.step(event, now_s, world) == Wait(1.0, "retry after rate_limited")
        event = Woke()
    assert isinstance(plan.step(event, make.now_s + 3, world), Start)
    assert world.retries_left == 9


def test_requests_that_were_decided_together_are_not_all_trials(make: "Make") -> None:
    """A breaker whose half-open places were taken since the decision is respected by the first attempt, too."""
    decision = chained(make, "one", "two")
    scenario = planned(make, decision, make.world(blocked={"a/b@one": make.now_s + 60}))
    assert scenario.tried == ["two/main"]


def test_a_rate_limit_that_may_not_hand_over_is_tried_with_another_key(make: "Make") -> None:
    """`failover_on` without rate limits closes the way to the next target, not that to the offer's other keys."""
    retry = structs.replace(make.retry, failover_on=frozenset({K.CONNECT}))
    scenario = planned(make, chained(make, "one", "two", retry=retry, auth=two_keys()))
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=90.0)
    assert sorted(scenario.tried) == ["one/a", "one/b"]
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=80.0)
    assert scenario.told is K.RATE_LIMITED


def two_keys() -> Auth:
    keys = tuple(Key(label=label, secret=SecretRef("env", label)) for label in ("a", "b"))
    return Auth(scheme=Scheme.BEARER, keys=keys)


@pytest.mark.parametrize("kind", [K.PROVIDER_AUTH, K.PAYMENT_REQUIRED], ids=str)
def test_a_refused_key_gives_way_to_another_of_the_same_provider(make: "Make", kind: OutcomeKind) -> None:
    """Row 4: with another key at once, then the next target; told as unavailable, never as 401."""
    scenario = planned(make, chained(make, "one", "two", auth=two_keys()))
    scenario.fail(kind, kind, status=401)
    assert sorted(scenario.tried[:2]) == ["one/a", "one/b"]
    assert scenario.tried[2].startswith("two/")
    assert scenario.waits_s == []


def test_a_refused_key_without_another_hands_over(make: "Make") -> None:
    """Row 4: one key is not tried twice."""
    scenario = planned(make, chained(make, "one", "two"))
    scenario.fail(K.PROVIDER_AUTH, K.PROVIDER_AUTH, status=401)
    assert scenario.tried == ["one/main", "two/main"]
    assert scenario.told is K.PROVIDER_AUTH


def test_resting_keys_are_skipped_and_another_key_is_used_before_waiting(make: "Make") -> None:
    """A pool of keys is worked through before anyone waits for a rate limit."""
    world = make.world()
    scenario = planned(make, chained(make, "one", auth=two_keys()), world)
    first = scenario.tried[0].partition("/")[2]
    world.rests["one", first] = make.now_s + 7
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=7.0)
    assert scenario.waits_s == []
    assert {*scenario.tried} == {"one/a", "one/b"}


def context_chain(make: "Make", market: list[Offer], **fallback_for: list[str]) -> Decision:
    at = make.provider("big")
    offers = [*market, make.offer(at, "g/small", context=50_000), make.offer(at, "g/large", context=10**6)]
    pool = make.pool(
        "openai/mini@openai",
        "g/small",
        "g/large",
        fallback_for={OutcomeKind[kind]: names for kind, names in fallback_for.items()},
    )
    return make.asked(make.program(*offers, virtuals=[make.virtual("v", pool)]), "v")


def test_a_context_that_is_too_small_hands_over_to_larger_ones_only(make: "Make", market: list[Offer]) -> None:
    """Row 6 without a chain of its own: a target with less context cannot help."""
    scenario = planned(make, context_chain(make, market))
    scenario.fail(K.CONTEXT_LENGTH)
    assert isinstance(scenario.command, Start)
    assert scenario.command.candidate.offer.model == "g/large"
    scenario.fail(K.CONTEXT_LENGTH)
    assert scenario.told is K.CONTEXT_LENGTH


def test_a_chain_for_context_length_replaces_what_is_left(make: "Make", market: list[Offer]) -> None:
    """Row 6 with `fallback_for.context_length`."""
    scenario = planned(make, context_chain(make, market, CONTEXT_LENGTH=["xai/grok"]))
    scenario.fail(K.CONTEXT_LENGTH)
    assert scenario.tried == ["openai/main", "xai/main"]
    scenario.fail(K.TIMEOUT_TOTAL)
    assert scenario.told is K.CONTEXT_LENGTH


def test_a_content_filter_hands_over_only_by_its_own_chain(make: "Make", market: list[Offer]) -> None:
    """Row 7: what one provider's filter stops is not carried to others unless a line says so."""
    assert planned(make, context_chain(make, market)).fail(K.CONTENT_FILTER) == Finish(Outcome(kind=K.CONTENT_FILTER))
    empty = planned(make, context_chain(make, market, CONTENT_FILTER=[]))
    empty.fail(K.CONTENT_FILTER)
    assert empty.told is K.CONTENT_FILTER
    said = planned(make, context_chain(make, market, CONTENT_FILTER=["xai/grok"]))
    said.fail(K.CONTENT_FILTER)
    assert said.tried == ["openai/main", "xai/main"]


@pytest.mark.parametrize("kind", [K.BAD_REQUEST, K.DEADLINE, K.CANCELLED], ids=str)
def test_what_no_target_mends_ends_at_once(make: "Make", kind: OutcomeKind) -> None:
    """Rows 8 to 10."""
    scenario = planned(make, chained(make, "one", "two"))
    scenario.fail(kind)
    assert scenario.told is kind
    assert scenario.tried == ["one/main"]


def test_a_stream_that_has_begun_is_never_taken_over(make: "Make") -> None:
    """After the first content byte the failure is told, whatever it is."""
    for kind in OutcomeKind:
        scenario = planned(make, chained(make, "one", "two"))
        scenario.tell(Ended(Outcome(kind=kind), committed=True))
        assert scenario.told is kind


def test_a_caller_who_hangs_up_ends_the_plan(make: "Make") -> None:
    """`Cancelled` finishes from any state."""
    scenario = planned(make, chained(make, "one", "two"))
    scenario.tell(Cancelled())
    assert scenario.told is K.CANCELLED


def test_roles_numbers_and_reasons_say_why_an_attempt_was_made(make: "Make") -> None:
    """Each row of `attempts` says what it followed from."""
    scenario = planned(make, chained(make, "one", "two"))
    starts = [scenario.command, scenario.fail(K.SERVER_ERROR), scenario.fail(K.SERVER_ERROR)]
    said = [(s.n, s.role, s.reason) for s in starts if isinstance(s, Start)]
    assert said == [
        (1, Role.FIRST, "offers a/b"),
        (2, Role.RETRY, "retry after server_error"),
        (3, Role.FALLBACK, "fallback after server_error"),
    ]


def test_the_retry_budget_spares_the_failing_offer(make: "Make") -> None:
    """When too many requests are failing the same offer is not asked again; the next one still takes over."""
    scenario = planned(make, chained(make, "one", "two"), make.world(retries_left=0))
    scenario.fail(K.SERVER_ERROR)

    assert scenario.tried == ["one/main", "two/main"]


def test_a_breaker_that_opens_meanwhile_is_respected(make: "Make") -> None:
    """A retry does not run into a breaker that this very failure has opened, nor does a fallback."""
    world = make.world()
    scenario = planned(make, chained(make, "one", "two", "three"), world)
    world.blocked = {"a/b@one": make.now_s + 60, "a/b@two": make.now_s + 60}
    scenario.fail(K.SERVER_ERROR)
    assert scenario.tried == ["one/main", "three/main"]


def test_a_full_provider_is_waited_for_shortly_then_passed_over(make: "Make") -> None:
    """`when_full: {wait: 200ms, then: next}`: 200 ms of looks, then the next target; the number is not used up."""
    scenario = planned(make, chained(make, "one", "two"))
    scenario.tell(Full(scenario.now_s + 0.15))
    assert scenario.waits_s == [pytest.approx(0.15)]
    scenario.tell(Full(scenario.now_s + 0.15))
    assert scenario.tried == ["one/main", "one/main", "two/main"]
    assert isinstance(scenario.command, Start)
    assert scenario.command.n == 1


def test_the_last_full_provider_answers_503_with_the_time(make: "Make") -> None:
    """Nothing is tried, so the caller is told when there is room."""
    scenario = planned(make, chained(make, "one"))
    scenario.tell(Full(scenario.now_s + 30))
    assert isinstance(scenario.command, Finish)
    assert (scenario.told, scenario.command.outcome.code) == (K.OVERLOADED, "at_capacity")
    assert scenario.command.retry_after_s == pytest.approx(30)


def test_reject_does_not_hand_over(make: "Make") -> None:
    """`when_full.then: reject` ends the request."""
    scenario = planned(make, chained(make, "one", "two", when_full=WhenFull(wait_s=0.0, then="reject")))
    scenario.tell(Full(scenario.now_s + 1))
    assert scenario.told is K.OVERLOADED
    assert scenario.tried == ["one/main"]


def test_one_deadline_covers_everything(make: "Make") -> None:
    """What is left is handed to each attempt; when it is over, nothing starts."""
    decision = chained(make, "one", "two")
    scenario = planned(make, structs.replace(decision, retry=structs.replace(decision.retry, deadline_s=10.0)))
    scenario.now_s += 4
    scenario.fail(K.TIMEOUT_TOTAL)
    assert isinstance(scenario.command, Start)
    assert scenario.command.left_s == pytest.approx(6.0)
    scenario.now_s += 6
    scenario.fail(K.SERVER_ERROR)
    assert scenario.told is K.DEADLINE


def test_of_several_failures_the_one_that_can_be_mended_is_told(make: "Make") -> None:
    """A caller learns of a rate limit with its time rather than of a broken server."""
    scenario = planned(make, chained(make, "one", "two"))
    scenario.fail(K.RATE_LIMITED, status=429, retry_after_s=60.0)
    scenario.fail(K.SERVER_ERROR, K.SERVER_ERROR, status=500)
    assert scenario.told is K.RATE_LIMITED


def test_the_sets_of_the_files_replace_the_table(make: "Make") -> None:
    """`retry_on: [timeout]` and `failover_on: []` are what happens."""
    retry = structs.replace(make.retry, retry_on=frozenset({K.TIMEOUT_TOTAL}), failover_on=frozenset())
    scenario = planned(make, chained(make, "one", "two", retry=retry))
    scenario.fail(K.TIMEOUT_TOTAL)
    assert scenario.tried == ["one/main", "one/main"]
    scenario.fail(K.SERVER_ERROR)
    assert scenario.told is K.SERVER_ERROR


EVENTS = st.one_of(
    st.builds(
        Ended,
        st.builds(
            Outcome,
            kind=st.sampled_from(OutcomeKind),
            status=st.sampled_from([None, 401, 403, 429, 500]),
            retry_after_s=st.sampled_from([None, 0.0, 0.5, 9.0, 500.0]),
        ),
        committed=st.booleans(),
    ),
    st.builds(Full, st.floats(0, 2000)),
)


@settings(max_examples=200)
@given(data=st.data(), attempts=st.integers(1, 4), offers=st.integers(1, 5))
def test_a_plan_always_ends_within_its_bound(make: "Make", data: st.DataObject, attempts: int, offers: int) -> None:
    """Whatever happens: attempts ≤ offers by tries, none after content went out, none after the end."""
    retry = structs.replace(make.retry, attempts=attempts)
    decision = chained(make, *(f"p{n}" for n in range(offers)), retry=retry, auth=two_keys())
    plan, world, now_s = AttemptPlan(decision, 0.0), make.world(), 0.0
    command, ended, steps = plan.step(Begin(), now_s, world), 0, 0
    while not isinstance(command, Finish):
        steps += 1
        assert steps < 2000
        if isinstance(command, Wait):
            assert command.seconds >= 0
            now_s += command.seconds
            command = plan.step(Woke(), now_s, world)
            continue
        assert command.left_s > 0
        event = data.draw(EVENTS)
        ended += isinstance(event, Ended)
        now_s += 0.01
        command = plan.step(event, now_s, world)
        if isinstance(event, Ended) and event.committed:
            assert isinstance(command, Finish)
    assert ended <= offers * attempts
