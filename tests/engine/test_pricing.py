from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from engine.errors import PriceInvalid
from engine.pricing import Cost, Price, Rates, Tier, cost, price_at, rates
from engine.values import NO_MEASURES, Measures, Usage, UsageSource

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
UNITS = ("image_pusd", "audio_minute_pusd", "character_pusd", "search_pusd")
EVERY_UNIT = structs.replace(FREE, image_pusd=1000, audio_minute_pusd=600, character_pusd=10, search_pusd=1)
MEASURED = ("images", "audio_ms", "characters", "search_units")
MEASURES = st.builds(Measures, **dict.fromkeys(MEASURED, st.integers(0, 10**9)))
PRICES_OF_UNITS = st.builds(structs.replace, PRICES, **dict.fromkeys(UNITS, RATE))


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
    later = structs.replace(QWEN, id="later", from_at=AT + timedelta(days=1))
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
        price = structs.replace(FREE, rates=Rates(**{"input": 4, **own}))
        assert cost(usage, price, Fraction(0)).pusd == expected
    price = structs.replace(FREE, rates=Rates(input=4, cache_write=5, cache_write_1h=8))
    assert cost(usage, price, Fraction(0)).pusd == 13


def test_the_price_of_a_request_is_added_once() -> None:
    """A fee per request is due even where no token was counted."""
    price = structs.replace(FREE, request_pusd=7)
    assert cost(Usage(), price, Fraction(0)).pusd == 7
    assert cost(Usage(input=5), price, Fraction(0)).pusd == 7


@pytest.mark.parametrize(
    ("discount", "expected"), [("0", 5), ("1/2", 2), ("1/10", 4), ("3/10", 4), ("1", 0), ("1/3", 3)]
)
def test_a_discount_is_rounded_half_to_even_once(discount: str, expected: int) -> None:
    """Both the list cost and what the contract charges are kept: 2.5 becomes 2, 4.5 becomes 4, 3.5 becomes 4."""
    price = structs.replace(FREE, request_pusd=5)
    assert cost(Usage(), price, Fraction(discount)) == Cost(pusd=expected, list_pusd=5, price_id=FREE.id)


def test_a_discount_is_rounded_for_each_kind() -> None:
    """Half of 5 and half of 5 are 2 and 2, though half of 10 is 5; a fee per request is a kind as well."""
    price = structs.replace(FREE, rates=Rates(input=5, output=5), request_pusd=5)
    assert cost(Usage(input=1, output=1), price, Fraction(1, 2)).pusd == 6
    assert cost(Usage(input=1, cached_input=1), price, Fraction(1, 2)).pusd == 6


def test_tokens_without_a_price_make_the_cost_unknown() -> None:
    """Nothing is guessed: the problem names what is missing, and tokens that did not occur need no price."""
    price = structs.replace(FREE, rates=Rates(input=5))
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


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (Measures(images=3), 3000),
        (Measures(audio_ms=60_000), 600),
        (Measures(audio_ms=90_100), 901),
        (Measures(characters=7), 70),
        (Measures(search_units=2), 2),
        (Measures(images=1, characters=1, search_units=1), 1011),
        (Measures(), 0),
    ],
)
def test_every_measure_is_priced(measures: Measures, expected: int) -> None:
    """Pictures, minutes, characters and searches cost so much each, beside whatever tokens cost."""
    assert cost(Usage(), EVERY_UNIT, Fraction(0), measures) == Cost(pusd=expected, list_pusd=expected, price_id=FREE.id)
    tokens = structs.replace(EVERY_UNIT, rates=Rates(input=5))
    assert cost(Usage(input=2), tokens, Fraction(0), measures).pusd == expected + 10


@pytest.mark.parametrize(
    ("audio_ms", "discount", "expected"), [(50, "0", 0), (150, "0", 2), (151, "0", 2), (300, "1/6", 2), (100, "1/2", 0)]
)
def test_a_part_of_a_minute_is_rounded_half_to_even_once(audio_ms: int, discount: str, expected: int) -> None:
    """At ten pico-dollars a second, half of one is 0, one and a half are 2; the discount comes before rounding."""
    found = cost(Usage(), EVERY_UNIT, Fraction(discount), Measures(audio_ms=audio_ms))
    assert found.pusd == expected


@pytest.mark.parametrize(
    ("measures", "problem"),
    [
        (Measures(images=1), "groq/free/2026-01-01 has no price for images"),
        (Measures(audio_ms=1), "groq/free/2026-01-01 has no price for audio"),
        (Measures(audio_ms=None), "groq/free/2026-01-01 has no price for audio"),
        (Measures(characters=1), "groq/free/2026-01-01 has no price for characters"),
        (Measures(search_units=1), "groq/free/2026-01-01 has no price for searches"),
    ],
)
def test_a_measure_without_a_price_makes_the_cost_unknown(measures: Measures, problem: str) -> None:
    """It is unknown even where tokens were estimated: only tokens that a provider reported count the same answer."""
    unknown = Cost(pusd=None, list_pusd=None, price_id=FREE.id, problem=problem)
    assert cost(Usage(), FREE, Fraction(0), measures) == unknown
    assert cost(Usage(output=5, source=UsageSource.ESTIMATED), FREE, Fraction(0), measures) == unknown


def test_what_tokens_count_as_well_is_paid_once() -> None:
    """A picture made of tokens is paid by the token, by the picture, or by both, as the price says."""
    usage, measures = Usage(input=10, image_output=100), Measures(images=1)
    by_token = structs.replace(FREE, rates=Rates(input=1, output=2))
    by_image = structs.replace(FREE, rates=Rates(), image_pusd=1000)
    by_both = structs.replace(by_token, image_pusd=1000)
    assert [cost(usage, price, Fraction(0), measures).pusd for price in (by_token, by_image, by_both)] == [
        210,
        1000,
        1210,
    ]


def test_a_price_without_rates_says_nothing_of_tokens_alone() -> None:
    """Tokens of an answer without a picture are not free because pictures have a price; a fee per request pays them."""
    by_image = structs.replace(FREE, rates=Rates(), image_pusd=1000)
    assert cost(Usage(input=1), by_image, Fraction(0)).problem == "groq/free/2026-01-01 has no price for input tokens"
    assert cost(Usage(input=1), structs.replace(by_image, request_pusd=7), Fraction(0)).pusd == 7


def test_sound_of_unknown_length_has_an_unknown_cost() -> None:
    """Where the minute is paid, tokens do not help; where it is not, reported tokens do."""
    usage, heard = Usage(audio_input=5), Measures(audio_ms=None)
    unknown = cost(usage, EVERY_UNIT, Fraction(0), heard)
    assert (unknown.pusd, unknown.problem) == (None, "the answer does not tell how much audio it is for")
    assert cost(usage, structs.replace(FREE, rates=Rates(input=3)), Fraction(0), heard).pusd == 15


@given(USAGES, MEASURES, MEASURES, PRICES_OF_UNITS)
def test_the_cost_of_measured_parts_is_the_cost_of_the_whole(
    usage: Usage, one: Measures, other: Measures, price: Price
) -> None:
    """Splitting what was measured changes nothing but the fee, and one rounding of the part of a minute for two."""
    whole = Measures(**{name: getattr(one, name) + getattr(other, name) for name in MEASURED})
    of_parts = [cost(Usage(), price, Fraction(0), part).list_pusd for part in (one, other)]
    of_whole = cost(usage, price, Fraction(0), whole).list_pusd
    of_tokens = list_pusd(usage, price)
    assert of_whole is not None
    known = [part for part in of_parts if part is not None]
    assert abs(of_whole + 2 * (price.request_pusd or 0) - of_tokens - sum(known)) <= 1


@given(USAGES, MEASURES, st.sampled_from(MEASURED), PRICES_OF_UNITS, DISCOUNTS)
def test_one_more_measure_never_costs_less(
    usage: Usage, measures: Measures, name: str, price: Price, discount: Fraction
) -> None:
    """Cost rises with every measure, discounted or not, and is never less than that of the tokens alone."""
    more = structs.replace(measures, **{name: getattr(measures, name) + 1})
    tokens, less, known = (cost(usage, price, discount, each).pusd for each in (NO_MEASURES, measures, more))
    assert tokens is not None
    assert less is not None
    assert known is not None
    assert tokens <= less <= known


@given(USAGES, MEASURES, PRICES_OF_UNITS, DISCOUNTS)
def test_a_discount_takes_off_its_share(usage: Usage, measures: Measures, price: Price, discount: Fraction) -> None:
    """What is charged is the exact share of the exact list cost, but for half a pico-dollar for each kind."""
    found = cost(usage, price, discount, measures)
    assert found.pusd is not None
    assert found.list_pusd is not None
    kinds = len(KINDS) + len(MEASURED) + 1
    assert abs(found.pusd - found.list_pusd * (1 - discount)) <= Fraction(kinds + 1, 2)


@pytest.mark.parametrize(("tokens", "is_known"), [(2**63 // 10**7, True), (2**63 // 10**7 + 1, False), (10**12, False)])
def test_a_cost_that_no_row_holds_is_a_problem(tokens: int, is_known: bool) -> None:
    """What a provider claims beyond all measure costs the row its cost, and not the row."""
    found = cost(Usage(input=tokens), Price(id="p/m/d", from_at=AT, rates=Rates(input=10**7, output=0)), Fraction(1, 2))
    if is_known:
        assert found.list_pusd == tokens * 10**7
    else:
        problem = "the counts reported cost more than 9223372 US dollars, which no answer does"
        assert found == Cost(pusd=None, list_pusd=None, price_id="p/m/d", problem=problem)
