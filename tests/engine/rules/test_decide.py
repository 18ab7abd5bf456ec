from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from engine.errors import Forbidden, NotFound
from engine.rules.chain import MAX_OFFERS
from engine.rules.decision import Reason
from engine.rules.eligible import forbidden
from engine.rules.match import Globs
from engine.rules.program import Caller, Offer, Program, Strategy
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


def test_a_rule_keeps_what_is_the_virtual_models_own(make: "Make", market: list[Offer]) -> None:
    """A rule replaces targets, strategy and fallback; require, edits and retry stay with the name."""
    edit = Edit(set=(("temperature", b"0"),))
    retry = structs.replace(make.retry, attempts=7)
    support = make.virtual(
        "support", make.pool("openai/mini"), bounds=make.bounds(region="eu"), edits=(edit,), retry=retry
    )
    program = make.program(*market, virtuals=[support], rules=[make.rule("r", "support", to=make.pool("xai/grok"))])
    decision = make.asked(program, "support")
    assert decision.chain == ()
    assert decision.retry.attempts == 7
    assert [one.reason for one in decision.dropped] == [Reason.REQUIRE]


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


NAMES = ["a/x", "a/y", "b/x"]
PROVIDERS = ["p", "q", "r"]
TEXTS = st.sampled_from([*NAMES, *(f"{name}@{provider}" for name in NAMES for provider in PROVIDERS)])


@st.composite
def programs(draw: st.DrawFn, make: "Make") -> Program:
    """A program of up to nine offers, an inner and an outer virtual model, and a few rules."""
    held = draw(st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(PROVIDERS)), min_size=1))
    providers = {name: make.provider(name) for name in PROVIDERS}
    targets, strategies = st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from(Strategy)
    inner = make.pool(*draw(targets), strategy=draw(strategies), fallback=draw(targets))
    outer = make.pool(
        *draw(targets), make.target("inner", virtual=True), strategy=draw(strategies), fallback=draw(targets)
    )
    rules = [make.rule(f"r{n}", draw(TEXTS), to=make.pool(*draw(targets))) for n in range(draw(st.integers(0, 4)))]
    return make.program(
        *(make.offer(providers[provider], name) for name, provider in sorted(held)),
        order=draw(st.permutations(PROVIDERS)),
        virtuals=[
            make.virtual("inner", inner, bounds=make.bounds("model inner", draw(st.lists(TEXTS, max_size=2)))),
            make.virtual("outer", outer),
        ],
        rules=rules,
    )


@given(data=st.data(), draw=st.floats(0, 1, exclude_max=True), deny=st.lists(TEXTS, max_size=3))
def test_whatever_is_configured_a_decision_keeps_its_promises(
    make: "Make", data: st.DataObject, draw: float, deny: list[str]
) -> None:
    """At most eight offers, each once, none that is denied; a refusal exactly when there is none; the same again."""
    program = data.draw(programs(make))
    world = make.world(
        unconfigured=data.draw(st.sets(st.sampled_from(PROVIDERS), max_size=2)),
        blocked=data.draw(st.dictionaries(TEXTS, st.just(make.now_s + 9), max_size=3)),
    )
    caller = Caller(id="bot", bounds=(make.bounds("team", deny),))
    name = data.draw(st.sampled_from(["inner", "outer", *program.offers]))
    decision = make.asked(program, name, caller=caller, world=world, draw=draw)
    assert len(decision.chain) <= MAX_OFFERS
    assert len({*make.ids(decision)}) == len(decision.chain)
    assert not any(forbidden(candidate.offer, caller.bounds[0]) for candidate in decision.chain)
    assert not any(candidate.offer.provider.id in world.unconfigured for candidate in decision.chain)
    assert (decision.refusal is None) == bool(decision.chain)
    assert make.asked(program, name, caller=caller, world=world, draw=draw) == decision
    earlier = [rule for rule in program.rules if rule.models.matches(name)][:1]
    assert decision.rule == (earlier[0] if earlier else None)
