from collections import Counter
from typing import TYPE_CHECKING

import pytest

from engine.errors import OutcomeKind
from engine.rules.decision import Reason
from engine.rules.program import Offer, Program, Sticky, Strategy
from engine.values import Wishes
from engine.wire.json_edit import Edit

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make


def test_what_a_pattern_matched_is_carried_into_the_target(make: "Make", market: list[Offer]) -> None:
    """`openai/*` to `openai/*@groq` is the same model at another provider."""
    rule = make.rule("through-groq", "openai/*", to=make.pool(make.target("openai/*@groq", carried=True)))
    program = make.program(*market, rules=[rule])
    assert make.ids(make.asked(program, "openai/mini")) == ["openai/mini@groq"]
    missing = make.asked(program, "openai/maxi")
    assert missing.refusal is not None
    assert missing.refusal.status == 404
    assert [one.reason for one in missing.dropped] == [Reason.UNOFFERED]


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
