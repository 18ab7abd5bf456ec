from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.pricing import Rates
from engine.rules.order import by_weight, expected_cost_pusd, hashed
from engine.values import Facts

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make


def test_a_draw_is_the_same_in_every_release() -> None:
    """Sticky callers keep their arm over an upgrade: these numbers never change."""
    assert hashed("support", "u-1") == pytest.approx(0.35817041242925146, abs=1e-15)
    assert hashed(0.5, "small") == pytest.approx(0.8255852933503234, abs=1e-15)


@given(st.lists(st.one_of(st.text(max_size=8), st.floats(0, 1)), max_size=4))
def test_a_draw_lies_strictly_between_zero_and_one(parts: list[str | float]) -> None:
    """Its logarithm exists and is not zero, whatever callers send."""
    assert 0 < hashed(*parts) < 1


@given(st.dictionaries(st.text(max_size=4), st.integers(1, 9), max_size=5), st.floats(0, 1), st.text(max_size=4))
def test_taking_an_entry_away_keeps_the_order_of_the_others(weights: dict[str, int], draw: float, gone: str) -> None:
    """An arm that is down moves only its own callers."""
    ordered = by_weight(draw, list(weights), str, weights.__getitem__)
    rest = by_weight(draw, [label for label in weights if label != gone], str, weights.__getitem__)
    assert rest == [label for label in ordered if label != gone]


def test_expected_cost_takes_the_smallest_known_output(make: "Make") -> None:
    """min(the cap, the model's mean, 512) tokens of output; no price is never cheap."""
    offer = make.offer(make.provider("p"), "a/b", prices=(make.price(0, 1),))
    facts = Facts(model="a/b", at=make.at)
    assert expected_cost_pusd(offer, facts, make.world()) == 512
    assert expected_cost_pusd(offer, Facts(model="a/b", at=make.at, max_tokens=100), make.world()) == 100
    assert expected_cost_pusd(offer, facts, make.world(outputs={"a/b@p": 41.6})) == 42
    unpriced = make.offer(make.provider("p"), "a/b", prices=())
    assert expected_cost_pusd(unpriced, facts, make.world()) == float("inf")


def test_what_is_not_paid_by_token_is_compared_by_its_unit(make: "Make") -> None:
    """Of two offers of a picture model the cheaper picture is the cheaper offer."""
    facts = Facts(model="a/b", at=make.at)
    by_image = [replace(make.price(), rates=Rates(), image_pusd=pusd) for pusd in (30, 40)]
    offers = [make.offer(make.provider("p"), "a/b", prices=(price,)) for price in by_image]
    assert [expected_cost_pusd(offer, facts, make.world()) for offer in offers] == [30, 40]
