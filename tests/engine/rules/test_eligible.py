from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from engine.rules.decision import Reason
from engine.rules.program import Caller, Modality, Offer, WhenFull
from engine.values import Wishes

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make


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
    "full": Case(world={"full": {"openai": 1005.0, "groq": 1006.0}}, reason=Reason.FULL, status=503),
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
        make.offer(at, "a/old", lifecycle=structs.replace(make.offer(at, "x/y").lifecycle, retired=make.at.date())),
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


def test_what_is_full_for_a_moment_or_must_reject_is_left_to_the_plan(make: "Make") -> None:
    """Room that comes within `when_full.wait` is worth waiting for; `reject` is not a hand-over."""
    patient = make.offer(make.provider("patient"), "a/b")
    strict = make.offer(make.provider("strict", when_full=WhenFull(wait_s=0.0, then="reject")), "a/b")
    world = make.world(full={"patient": make.now_s + 0.1, "strict": make.now_s + 60})
    assert make.ids(make.asked(make.program(patient, strict), "a/b", world=world)) == ["a/b@patient", "a/b@strict"]
