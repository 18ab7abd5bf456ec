from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from engine.errors import PriceInvalid
from engine.pricing import Cost, Price, Rates, Tier, cost, price_at, rates
from engine.values import Usage

AT = datetime(2026, 11, 23, tzinfo=UTC)
QWEN = Price(
    id="cerebras/qwen/qwen-3-32b/2026-01-15",
    from_at=AT,
    rates=Rates(input=350_000, output=750_000, cached_input=100_000),
    tiers=(
        Tier(above_input_tokens=1_000, rates=Rates(input=700_000, output=1_500_000)),
        Tier(above_input_tokens=9_000, rates=Rates(input=900_000, output=2_000_000)),
    ),
)
FREE = Price(id="groq/free/2026-01-01", from_at=AT, rates=Rates(input=0, output=0))
KINDS = [field.name for field in fields(Rates) if field.init]

RATE = st.integers(0, 10**9)
RATES = st.builds(
    Rates, input=RATE, output=RATE, **{kind: st.none() | RATE for kind in KINDS if kind not in {"input", "output"}}
)
PRICES = st.builds(Price, id=st.just("p/m/2026-01-01"), from_at=st.just(AT), rates=RATES, request_pusd=st.none() | RATE)
USAGES = st.builds(Usage, **{kind: st.integers(0, 10**7) for kind in KINDS})
DISCOUNTS = st.fractions(0, 1, max_denominator=1000)


def list_pusd(usage: Usage, price: Price) -> int:
    exact = cost(usage, price, Fraction(0))
    assert exact.list_pusd is not None
    return exact.list_pusd


def test_prices_are_read_exactly() -> None:
    """A US dollar per million tokens is a million pico-dollars per token, and nothing passes through a float."""
    read = rates({"input": Decimal("0.35"), "output": Decimal("0.000001"), "cached_input": Decimal(0)})
    assert read == Rates(input=350_000, output=1, cached_input=0)


def test_a_price_that_cannot_be_kept_exactly_is_a_flaw() -> None:
    """Every bad figure is named; none is rounded."""
    with pytest.raises(PriceInvalid) as caught:
        rates({"input": Decimal("0.0000001"), "output": Decimal(-1), "reasoning": Decimal("0.5")})
    assert [(flaw.slug, flaw.message, flaw.hint) for flaw in caught.value.flaws] == [
        (
            "bad-price",
            "input costs 0.0000001 US dollars, which is not a whole number of pico-dollars each",
            "at most 6 decimal places",
        ),
        ("bad-price", "output costs -1 US dollars, less than nothing", ""),
    ]


def test_the_price_in_force_is_the_latest_that_has_begun() -> None:
    """A price holds from its first instant on, until the next begins; before all of them there is none."""
    later = replace(QWEN, id="later", from_at=AT + timedelta(days=1))
    prices = (QWEN, later)
    assert price_at(prices, AT - timedelta(microseconds=1)) is None
    assert price_at(prices, AT) is QWEN
    assert price_at(prices, AT + timedelta(hours=23)) is QWEN
    assert price_at(prices, AT + timedelta(days=1)) is later
    assert price_at((), AT) is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(input=100, output=10), 100 * 350_000 + 10 * 750_000),
        (Usage(input=100, cached_input=100), 100 * 350_000 + 100 * 100_000),
        (Usage(cache_write=4, cache_write_1h=1, audio_input=3, image_input=2), 10 * 350_000),
        (Usage(reasoning=5, audio_output=3, image_output=2), 10 * 750_000),
        (Usage(input=600, cached_input=400), 600 * 350_000 + 400 * 100_000),
        (Usage(input=600, cached_input=401, output=1), 1_001 * 700_000 + 1_500_000),
        (Usage(input=9_001), 9_001 * 900_000),
    ],
)
def test_every_token_is_priced_once(usage: Usage, expected: int) -> None:
    """A kind without a rate costs as much as its parent, and a tier holds for the whole request."""
    assert cost(usage, QWEN, Fraction(0)) == Cost(pusd=expected, list_pusd=expected, price_id=QWEN.id)


def test_an_hour_in_the_cache_has_a_price_of_its_own() -> None:
    """Without one it costs as much as any cache write, and without that as much as input."""
    usage = Usage(cache_write=1, cache_write_1h=1)
    for own, expected in (({"cache_write_1h": 8}, 12), ({"cache_write": 5}, 10), ({}, 8)):
        price = replace(FREE, rates=Rates(**{"input": 4, **own}))
        assert cost(usage, price, Fraction(0)).pusd == expected
    price = replace(FREE, rates=Rates(input=4, cache_write=5, cache_write_1h=8))
    assert cost(usage, price, Fraction(0)).pusd == 13


def test_the_price_of_a_request_is_added_once() -> None:
    """A fee per request is due even where no token was counted."""
    price = replace(FREE, request_pusd=7)
    assert cost(Usage(), price, Fraction(0)).pusd == 7
    assert cost(Usage(input=5), price, Fraction(0)).pusd == 7


@pytest.mark.parametrize(
    ("discount", "expected"), [("0", 5), ("1/2", 2), ("1/10", 4), ("3/10", 4), ("1", 0), ("1/3", 3)]
)
def test_a_discount_is_rounded_half_to_even_once(discount: str, expected: int) -> None:
    """Both the list cost and what the contract charges are kept: 2.5 becomes 2, 4.5 becomes 4, 3.5 becomes 4."""
    price = replace(FREE, request_pusd=5)
    assert cost(Usage(), price, Fraction(discount)) == Cost(pusd=expected, list_pusd=5, price_id=FREE.id)


def test_a_discount_is_rounded_for_each_kind() -> None:
    """Half of 5 and half of 5 are 2 and 2, though half of 10 is 5; a fee per request is a kind as well."""
    price = replace(FREE, rates=Rates(input=5, output=5), request_pusd=5)
    assert cost(Usage(input=1, output=1), price, Fraction(1, 2)).pusd == 6
    assert cost(Usage(input=1, cached_input=1), price, Fraction(1, 2)).pusd == 6


def test_tokens_without_a_price_make_the_cost_unknown() -> None:
    """Nothing is guessed: the problem names what is missing, and tokens that did not occur need no price."""
    price = replace(FREE, rates=Rates(input=5))
    assert cost(Usage(input=1), price, Fraction(0)).pusd == 5
    assert cost(Usage(input=1, reasoning=1), price, Fraction(0)) == Cost(
        pusd=None, list_pusd=None, price_id=FREE.id, problem="groq/free/2026-01-01 has no price for output tokens"
    )
    assert cost(Usage(), None, Fraction(0)) == Cost(
        pusd=None, list_pusd=None, price_id=None, problem="no price is in force"
    )


@given(USAGES, USAGES, PRICES)
def test_the_cost_of_parts_is_the_cost_of_the_whole(one: Usage, other: Usage, price: Price) -> None:
    """Splitting the tokens of a request between two bookings changes nothing but the fee per request."""
    whole = Usage(**{kind: getattr(one, kind) + getattr(other, kind) for kind in KINDS})
    fee = price.request_pusd or 0
    assert list_pusd(whole, price) + fee == list_pusd(one, price) + list_pusd(other, price)


@given(USAGES, st.sampled_from(KINDS), PRICES, DISCOUNTS)
def test_one_more_token_never_costs_less(usage: Usage, kind: str, price: Price, discount: Fraction) -> None:
    """Cost rises with every kind of token, discounted or not."""
    more = structs.replace(usage, **{kind: getattr(usage, kind) + 1})
    less_pusd, more_pusd = cost(usage, price, discount).pusd, cost(more, price, discount).pusd
    assert less_pusd is not None
    assert more_pusd is not None
    assert 0 <= less_pusd <= more_pusd


@given(USAGES, DISCOUNTS)
def test_free_is_nothing(usage: Usage, discount: Fraction) -> None:
    """A free model costs 0, which is known, and not None, which is unknown."""
    assert cost(usage, FREE, discount) == Cost(pusd=0, list_pusd=0, price_id=FREE.id)
