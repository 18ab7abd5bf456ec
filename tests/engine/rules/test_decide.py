from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from engine.errors import Forbidden, NotFound, OutcomeKind
from engine.rules.decision import Reason
from engine.rules.match import Globs
from engine.rules.program import Caller, Modality, Offer, OfferPattern, Program, Sticky, Strategy, WhenFull
from engine.values import ModelId, Wishes
from engine.wire.json_edit import Edit

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make


def test_a_canonical_name_is_its_offers_in_the_order_of_the_defaults(make: "Make", market: list[Offer]) -> None:
    """A name without a rule fails over between the providers that offer it, with no further setting."""
    decision = make.asked(make.program(*market, order=["groq", "openai"]), "openai/mini")
    assert make.ids(decision) == ["openai/mini@groq", "openai/mini@openai"]
    assert decision.refusal is None
    assert decision.dropped == ()


def test_a_pin_is_one_offer_and_matched_by_no_rule(make: "Make", market: list[Offer]) -> None:
    """Whoever pins a provider gets that provider."""
    rule = make.rule("elsewhere", "*", to=make.pool("xai/grok"))
    program = make.program(*market, rules=[rule], order=["openai"])
    assert make.ids(make.asked(program, "openai/mini@groq")) == ["openai/mini@groq"]
    assert make.ids(make.asked(program, "openai/mini")) == []
    assert make.ids(make.asked(make.program(*market, rules=[rule]), "openai/mini")) == ["xai/grok@xai"]


def test_the_first_matching_rule_decides(make: "Make", market: list[Offer]) -> None:
    """Order of rules is meaning; a rule replaces the pool, and its place is in the decision."""
    program = make.program(
        *market,
        rules=[
            make.rule("other", "xai/*", to=make.pool("openai/mini")),
            make.rule("first", "openai/*", to=make.pool("qwen/small")),
            make.rule("second", "openai/mini", to=make.pool("xai/grok")),
        ],
    )
    decision = make.asked(program, "openai/mini")
    assert make.ids(decision) == ["qwen/small@groq"]
    assert decision.rule is not None
    assert decision.rule.name == decision.pool == "first"


def test_what_a_pattern_matched_is_carried_into_the_target(make: "Make", market: list[Offer]) -> None:
    """`openai/*` to `openai/*@groq` is the same model at another provider."""
    rule = make.rule("through-groq", "openai/*", to=make.pool(make.target("openai/*@groq", carried=True)))
    program = make.program(*market, rules=[rule])
    assert make.ids(make.asked(program, "openai/mini")) == ["openai/mini@groq"]
    missing = make.asked(program, "openai/maxi")
    assert missing.refusal is not None
    assert missing.refusal.status == 404
    assert [one.reason for one in missing.dropped] == [Reason.UNOFFERED]


def test_a_rule_keeps_what_is_the_virtual_models_own(make: "Make", market: list[Offer]) -> None:
    """A rule replaces targets, strategy and fallback; require, edits and retry stay with the name."""
    edit = Edit(set=(("temperature", b"0"),))
    retry = replace(make.retry, attempts=7)
    support = make.virtual(
        "support", make.pool("openai/mini"), bounds=make.bounds(region="eu"), edits=(edit,), retry=retry
    )
    program = make.program(*market, virtuals=[support], rules=[make.rule("r", "support", to=make.pool("xai/grok"))])
    decision = make.asked(program, "support")
    assert decision.chain == ()
    assert decision.retry.attempts == 7
    assert [one.reason for one in decision.dropped] == [Reason.REQUIRE]


def test_an_ordered_pool_comes_before_its_fallback_and_holds_each_offer_once(make: "Make", market: list[Offer]) -> None:
    """A chain holds each (provider, upstream model) once; what is cut is in the decision."""
    support = make.virtual("support", make.pool("qwen/small", "openai/mini", fallback=["xai/grok", "openai/mini@groq"]))
    decision = make.asked(make.program(*market, virtuals=[support]), "support")
    assert make.ids(decision) == ["qwen/small@groq", "openai/mini@openai", "openai/mini@groq", "xai/grok@xai"]
    assert [candidate.stage for candidate in decision.chain] == ["pool", "pool", "pool", "fallback"]
    assert [(one.offer, one.reason) for one in decision.dropped] == [("openai/mini@groq", Reason.CUT)]


def test_a_chain_is_cut_at_eight_offers(make: "Make") -> None:
    """However many providers offer a model, eight are tried at most, and the ninth is said to be cut."""
    program = make.program(*(make.offer(make.provider(f"p{n}"), "a/b") for n in range(10)))
    decision = make.asked(program, "a/b")
    assert len(decision.chain) == 8
    assert [one.offer for one in decision.dropped] == ["a/b@p8", "a/b@p9"]


def test_nested_virtual_models_bring_pool_fallback_requirements_and_edits(make: "Make", market: list[Offer]) -> None:
    """`require` accumulates on the way down, and the inner model's edits come before the outer one's."""
    inner_edit, outer_edit = Edit(set=(("a", b"1"),)), Edit(set=(("a", b"2"),))
    inner = make.virtual(
        "inner",
        make.pool("openai/mini", fallback=["xai/grok"]),
        bounds=make.bounds("model inner", deny=["*@openai"]),
        edits=(inner_edit,),
    )
    outer = make.virtual("outer", make.pool(make.target("inner", virtual=True), "qwen/small"), edits=(outer_edit,))
    decision = make.asked(make.program(*market, virtuals=[inner, outer]), "outer")
    assert make.ids(decision) == ["openai/mini@groq", "xai/grok@xai", "qwen/small@groq"]
    assert [candidate.edits for candidate in decision.chain] == [
        (inner_edit, outer_edit),
        (inner_edit, outer_edit),
        (outer_edit,),
    ]
    assert decision.dropped[0].detail == "model inner denies openai/mini@openai"


def test_a_name_that_is_not_granted_is_forbidden_and_a_grant_is_on_the_name(make: "Make", market: list[Offer]) -> None:
    """A virtual model can be handed out without its parts."""
    program = make.program(*market, virtuals=[make.virtual("support", make.pool("xai/grok"))], aliases={"s": "support"})
    caller = Caller(id="bot", grant=Globs(("support",)))
    assert make.ids(make.asked(program, "support", caller=caller)) == ["xai/grok@xai"]
    assert make.asked(program, "s", caller=caller).path == ("s", "support")
    with pytest.raises(Forbidden):
        make.asked(program, "xai/grok", caller=caller)


def test_an_unknown_name_is_not_found_with_the_nearest_that_the_caller_may_use(
    make: "Make", market: list[Offer]
) -> None:
    """Suggestions never tell a caller of names that are not for him."""
    program = make.program(*market)
    with pytest.raises(NotFound, match="did you mean 'openai/mini'"):
        make.asked(program, "openai/mni")
    with pytest.raises(NotFound) as caught:
        make.asked(program, "openai/mni", caller=Caller(id="bot", grant=Globs(("xai/*",))))
    assert "openai/mini" not in caught.value.message


def test_a_name_of_absurd_length_is_refused_without_being_repeated(make: "Make", market: list[Offer]) -> None:
    """A caller's text does not come back at length in messages and rows."""
    with pytest.raises(NotFound) as caught:
        make.asked(make.program(*market), "x" * 100_000)
    assert len(caught.value.message) < 100


def test_patterns_offer_what_is_not_listed_and_say_so(make: "Make", market: list[Offer]) -> None:
    """An unlisted model is an offer like any other, marked as unlisted."""
    open_router = make.provider("openrouter")
    template = make.offer(open_router, "mistral/*", context=None, features=frozenset(), upstream_model="*")
    pattern = OfferPattern(glob="mistral/*", upstream="m-*", template=replace(template, model=ModelId("mistral/*")))
    program = make.program(*market, patterns=[pattern])
    decision = make.asked(program, "mistral/large", has_tools=True, input_tokens_low=10**6)
    assert make.ids(decision) == ["mistral/large@openrouter"]
    assert decision.chain[0].offer.upstream_model == "m-large"
    assert decision.chain[0].offer.unlisted
    with pytest.raises(NotFound):
        make.asked(program, "mistral/la\nrge")


def test_aliases_are_followed_to_the_end_patterns_included(make: "Make", market: list[Offer]) -> None:
    """An alias may name another alias; `*` is carried over."""
    program = make.program(
        *market, aliases={"gpt": "fast", "fast": "openai/mini"}, alias_patterns=[("via-groq/*", "openai/*@groq")]
    )
    assert make.asked(program, "gpt").path == ("gpt", "fast", "openai/mini")
    assert make.ids(make.asked(program, "via-groq/mini")) == ["openai/mini@groq"]


def test_patterns_of_aliases_that_grow_for_ever_are_unknown_names(make: "Make", market: list[Offer]) -> None:
    """No spelling makes the gateway follow aliases without end."""
    with pytest.raises(NotFound):
        make.asked(make.program(*market, alias_patterns=[("a/*", "a/x*")]), "a/b")


def test_a_model_that_only_a_pin_reaches_says_so(make: "Make", market: list[Offer]) -> None:
    """A provider outside `defaults.providers` gets no unpinned traffic, and the message says how to reach it."""
    decision = make.asked(make.program(*market, order=["openai"]), "xai/grok")
    assert decision.refusal is not None
    assert (decision.refusal.status, "pin" in decision.refusal.message) == (404, True)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way of being ineligible, of both offers of `openai/mini`."""

    reason: Reason
    status: int
    bounds: Mapping[str, Any] = field(default_factory=dict)
    world: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


RESTING = {("openai", "main"): 1030.0, ("groq", "main"): 1020.0}
CASES = {
    "denied": Case(bounds={"deny": ["openai/mini"]}, reason=Reason.DENIED, status=403),
    "denied by provider": Case(bounds={"deny": ["*@openai", "*@groq"]}, reason=Reason.DENIED, status=403),
    "a fact that differs": Case(bounds={"region": "eu"}, reason=Reason.REQUIRE, status=403),
    "a fact that is missing": Case(bounds={"gdpr": True}, reason=Reason.REQUIRE, status=403),
    "longer retention": Case(bounds={"retention": 7}, reason=Reason.REQUIRE, status=403),
    "false is not zero": Case(bounds={"trains": 0}, reason=Reason.REQUIRE, status=403),
    "unconfigured": Case(world={"unconfigured": {"openai", "groq"}}, reason=Reason.UNCONFIGURED, status=503),
    "context": Case(facts={"input_tokens_low": 90_000, "max_tokens": 20_000}, reason=Reason.CONTEXT, status=400),
    "images": Case(facts={"has_images": True}, reason=Reason.MODALITY, status=400),
    "wishes": Case(facts={"wishes": Wishes(only=("nobody",))}, reason=Reason.WISH, status=400),
    "keys": Case(world={"rests": RESTING}, reason=Reason.KEYS_RESTING, status=429),
    "full": Case(world={"full": {"openai": 1005.0, "groq": 1006.0}}, reason=Reason.FULL, status=429),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_obstacle_has_its_reason_and_its_answer(make: "Make", market: list[Offer], case: Case) -> None:
    """Every way of being ineligible is named, with a place, and told with the status of the specification."""
    caller = Caller(id="bot", bounds=(make.bounds(**case.bounds),))
    world = make.world(**case.world)
    decision = make.asked(make.program(*market), "openai/mini", caller=caller, world=world, **case.facts)
    assert {one.reason for one in decision.dropped} == {case.reason}
    assert decision.refusal is not None
    assert decision.refusal.status == case.status
    assert decision.refusal.place == decision.dropped[0].place
    assert all(one.detail in decision.refusal.message for one in decision.dropped)


def test_what_a_model_is_not_able_to_do_or_no_longer_does_is_refused(make: "Make") -> None:
    """Features, lifecycle, price and a disabled provider each have a reason of their own."""
    at = make.provider("p")
    offers = [
        make.offer(at, "a/plain", features=frozenset()),
        make.offer(at, "a/old", lifecycle=replace(make.offer(at, "x/y").lifecycle, retired=make.at.date())),
        make.offer(at, "a/unpriced", prices=()),
        make.offer(make.provider("off", disabled="moved away"), "a/off"),
        make.offer(at, "a/eyes", input=frozenset({Modality.TEXT, Modality.IMAGE})),
    ]
    program = make.program(*offers)
    reasons = {
        name: make.asked(program, name, has_tools=True).dropped[0].reason
        for name in ("a/plain", "a/old", "a/unpriced", "a/off")
    }
    assert reasons == {
        "a/plain": Reason.FEATURE,
        "a/old": Reason.RETIRED,
        "a/unpriced": Reason.UNPRICED,
        "a/off": Reason.DISABLED,
    }
    assert make.ids(make.asked(program, "a/eyes", has_images=True)) == ["a/eyes@p"]


def test_the_earliest_time_is_told_when_keys_rest(make: "Make", market: list[Offer]) -> None:
    """A 429 says when the first of the resting keys wakes."""
    world = make.world(rests={("openai", "main"): make.now_s + 30, ("groq", "main"): make.now_s + 20})
    refusal = make.asked(make.program(*market), "openai/mini", world=world).refusal
    assert refusal is not None
    assert refusal.retry_after_s == pytest.approx(20)


def test_reasons_are_told_in_the_order_of_the_specification(make: "Make", market: list[Offer]) -> None:
    """403 comes before 503, 503 before 400, 400 before 429, whatever the order of the chain."""
    program = make.program(*market)
    world = make.world(unconfigured={"groq"}, rests={("openai", "main"): make.now_s + 5})
    denied = Caller(id="bot", bounds=(make.bounds(deny=["*@openai"]),))
    first = make.asked(program, "openai/mini", world=world, caller=denied).refusal
    second = make.asked(program, "openai/mini", world=world).refusal
    assert first is not None
    assert second is not None
    assert (first.status, second.status) == (403, 503)


def test_what_is_full_for_a_moment_or_must_reject_is_left_to_the_plan(make: "Make") -> None:
    """Room that comes within `when_full.wait` is worth waiting for; `reject` is not a hand-over."""
    patient = make.offer(make.provider("patient"), "a/b")
    strict = make.offer(make.provider("strict", when_full=WhenFull(wait_s=0.0, then="reject")), "a/b")
    world = make.world(full={"patient": make.now_s + 0.1, "strict": make.now_s + 60})
    assert make.ids(make.asked(make.program(patient, strict), "a/b", world=world)) == ["a/b@patient", "a/b@strict"]


def test_breakers_alone_never_leave_nothing(make: "Make", market: list[Offer]) -> None:
    """When every breaker is open the least bad offer is tried; a resting key is not a breaker."""
    program = make.program(*market)
    world = make.world(blocked={"openai/mini@openai": make.now_s + 60, "openai/mini@groq": make.now_s + 9})
    decision = make.asked(program, "openai/mini", world=world)
    assert decision.forced
    assert make.ids(decision) == ["openai/mini@groq"]
    world.rests["groq", "main"] = make.now_s + 5
    resting = make.asked(program, "openai/mini", world=world)
    assert resting.refusal is not None
    assert resting.refusal.status == 429


def test_wishes_narrow_and_order_but_never_widen(make: "Make", market: list[Offer]) -> None:
    """A caller's `provider` object chooses among what the rules allow."""
    program = make.program(*market)

    def wished(**wishes: object) -> list[str]:
        return make.ids(make.asked(program, "openai/mini", wishes=Wishes(**wishes)))  # type: ignore[arg-type] # keywords of Wishes

    assert wished(order=("groq",)) == ["openai/mini@groq", "openai/mini@openai"]
    assert wished(order=("groq",), allow_fallbacks=False) == ["openai/mini@groq"]
    assert wished(allow_fallbacks=False) == ["openai/mini@openai"]
    assert wished(ignore=("openai",)) == ["openai/mini@groq"]
    assert wished(only=("groq", "xai")) == ["openai/mini@groq"]


def test_cheapest_goes_by_this_request(make: "Make") -> None:
    """Long answers are cheapest where output is cheap, long prompts where input is; ties go by the defaults."""
    inputs = make.offer(make.provider("inputs"), "a/b", prices=(make.price(1, 1000),))
    outputs = make.offer(make.provider("outputs"), "a/b", prices=(make.price(10, 10),))
    twin = make.offer(make.provider("twin"), "a/b", prices=(make.price(10, 10),))
    cheap = make.virtual("cheap", make.pool("a/b", strategy=Strategy.CHEAPEST))
    program = make.program(inputs, outputs, twin, virtuals=[cheap], order=["twin", "outputs", "inputs"])
    assert make.ids(make.asked(program, "cheap", input_tokens=100, max_tokens=500))[0] == "a/b@twin"
    assert make.ids(make.asked(program, "cheap", input_tokens=100_000, max_tokens=1))[0] == "a/b@inputs"
    learnt = make.world(outputs={"a/b@inputs": 0.0})
    assert make.ids(make.asked(program, "cheap", input_tokens=100, world=learnt))[0] == "a/b@inputs"


def test_round_robin_takes_turns_over_what_is_eligible(make: "Make", market: list[Offer]) -> None:
    """An offer that is out does not hand its turns to its neighbour alone; the turn is recorded as the draw."""
    turns = make.virtual("turns", make.pool("openai/mini", "xai/grok", strategy=Strategy.ROUND_ROBIN))
    program = make.program(*market, virtuals=[turns])
    firsts = [make.ids(make.asked(program, "turns", world=make.world(turns={"turns": n})))[0] for n in range(6)]
    assert firsts == ["openai/mini@openai", "openai/mini@groq", "xai/grok@xai"] * 2
    out = {"openai/mini@groq": make.now_s + 9}
    some = [make.asked(program, "turns", world=make.world(turns={"turns": n}, blocked=out)) for n in range(6)]
    assert Counter(make.ids(one)[0] for one in some) == {"openai/mini@openai": 3, "xai/grok@xai": 3}
    assert some[5].draw == 5


def weighted(make: "Make", market: list[Offer], mini: int, grok: int) -> Program:
    both = make.pool(
        make.target("openai/mini", weight=mini), make.target("xai/grok", weight=grok), strategy=Strategy.WEIGHTED
    )
    return make.program(*market, virtuals=[make.virtual("split", both, sticky=Sticky("request.user"))])


def test_weights_are_shares_of_draws_and_moving_them_moves_only_the_difference(
    make: "Make", market: list[Offer]
) -> None:
    """95/5 to 90/10 moves 5 % of the callers, all of them from the shrinking arm to the growing one."""
    users = [f"u-{n}" for n in range(4000)]

    def arms(mini: int, grok: int) -> list[str]:
        program = weighted(make, market, mini, grok)
        return [make.ids(make.asked(program, "split", user=user))[0] for user in users]

    before, after = arms(95, 5), arms(90, 10)
    assert before.count("xai/grok@xai") / len(users) == pytest.approx(0.05, abs=0.015)
    assert after.count("xai/grok@xai") / len(users) == pytest.approx(0.10, abs=0.02)
    moved = {(was, now) for was, now in zip(before, after, strict=True) if was != now}
    assert moved == {("openai/mini@openai", "xai/grok@xai")}


def test_a_sticky_draw_is_a_hash_and_a_missing_key_is_the_draw(make: "Make", market: list[Offer]) -> None:
    """A user keeps an arm whatever the request's draw; without a user the draw decides and is recorded."""
    program = weighted(make, market, 50, 50)
    kept = {make.asked(program, "split", user="u-1", draw=draw).draw for draw in (0.1, 0.5, 0.9)}
    assert len(kept) == 1
    assert make.asked(program, "split", draw=0.25).draw == 0.25


def test_chains_for_a_kind_of_failure_are_expanded_beside_the_chain(make: "Make", market: list[Offer]) -> None:
    """`fallback_for` has eligible offers only, and an empty list stays an empty chain."""
    chains = {OutcomeKind.CONTEXT_LENGTH: ["xai/grok", "openai/mini@groq"], OutcomeKind.CONTENT_FILTER: []}
    program = make.program(*market, virtuals=[make.virtual("v", make.pool("openai/maxi", fallback_for=chains))])
    decision = make.asked(program, "v", world=make.world(unconfigured={"groq"}))
    assert [c.offer.id for c in decision.chains_for[OutcomeKind.CONTEXT_LENGTH]] == ["xai/grok@xai"]
    assert decision.chains_for[OutcomeKind.CONTENT_FILTER] == ()
    assert make.ids(decision) == ["openai/maxi@openai"]
