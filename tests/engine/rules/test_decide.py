from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from engine.errors import Forbidden, NotFound
from engine.rules.decision import Reason
from engine.rules.match import Globs
from engine.rules.program import Caller, Offer
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
    retry = replace(make.retry, attempts=7)
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
