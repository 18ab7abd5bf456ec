from typing import TYPE_CHECKING

import pytest

from engine.rules.program import Caller, Offer

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make


def test_a_model_that_only_a_pin_reaches_says_so(make: "Make", market: list[Offer]) -> None:
    """A provider outside `defaults.providers` gets no unpinned traffic, and the message says how to reach it."""
    decision = make.asked(make.program(*market, order=["openai"]), "xai/grok")
    assert decision.refusal is not None
    assert (decision.refusal.status, "pin" in decision.refusal.message) == (404, True)


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
