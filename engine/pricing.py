"""Prices and cost, in whole pico-dollars (10^-12 USD). The one home of money arithmetic on the request path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from operator import attrgetter, mul
from typing import NamedTuple

import msgspec

from engine.errors import Flaw, PriceInvalid
from engine.values import NO_MEASURES, Measures, Usage, UsageSource

__all__ = ["PUSD_PER_USD", "Cost", "Price", "Rates", "Tier", "cost", "price_at", "pusd", "rates", "usd"]

PUSD_PER_USD = 10**12
MOST_PUSD = 2**63 - 1
"""Nine million US dollars: a usage row has 64 bits for a cost, and no answer costs as much."""
_BEYOND = f"the counts reported cost more than {MOST_PUSD // PUSD_PER_USD} US dollars, which no answer does"
_TOKENS_PER_MTOK = 10**6
_MS_PER_MINUTE = 60_000
_INPUT_KINDS = ("input", "cached_input", "cache_write", "cache_write_1h", "audio_input", "image_input")
_OUTPUT_KINDS = ("output", "reasoning", "audio_output", "image_output")
_KINDS = (*_INPUT_KINDS, *_OUTPUT_KINDS)
_NO_RATES = (None,) * len(_KINDS)
_counts = attrgetter(*_KINDS)
"""The token counts of a `Usage`, in the order of `_KINDS`."""
_PARENTS = {"cache_write_1h": "cache_write"}
"""What a kind without a rate of its own is priced as, before `input` or `output` is considered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Pico-dollars per token by kind; None means the kind has no price of its own and is priced as its parent.

    cache_write_1h → cache_write → input; cached_input, audio_input, image_input → input;
    reasoning, audio_output, image_output → output.
    """

    input: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    audio_input: int | None = None
    image_input: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_output: int | None = None
    image_output: int | None = None
    of_kinds: tuple[int | None, ...] = field(init=False, repr=False, compare=False)
    """What a token of each of `_KINDS` costs, its parent's rate where it has none of its own; None without either."""
    known: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """The same, 0 where it is not known."""
    is_complete: bool = field(init=False, repr=False, compare=False)
    """Whether all of them are known."""

    def __post_init__(self) -> None:
        of_kinds = tuple(self._of(kind) for kind in _KINDS)
        object.__setattr__(self, "of_kinds", of_kinds)
        object.__setattr__(self, "known", tuple(rate or 0 for rate in of_kinds))
        object.__setattr__(self, "is_complete", None not in of_kinds)

    def _of(self, kind: str) -> int | None:
        for priced_as in (kind, _PARENTS.get(kind, kind)):
            rate: int | None = getattr(self, priced_as)
            if rate is not None:
                return rate
        return self.input if kind in _INPUT_KINDS else self.output


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """Rates for the whole request once its total input exceeds a count of tokens."""

    above_input_tokens: int
    rates: Rates


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What one model costs at one provider from an instant on, until the next period begins."""

    id: str
    """`provider/model/YYYY-MM-DD`; for a free model the same."""
    from_at: datetime
    rates: Rates
    tiers: tuple[Tier, ...] = ()
    """By rising `above_input_tokens`."""
    request_pusd: int | None = None
    """Added once per request."""
    image_pusd: int | None = None
    """For each picture that was made. This and each of the following is None where there is no such price."""
    audio_minute_pusd: int | None = None
    """For each minute of sound that was heard, to the millisecond."""
    character_pusd: int | None = None
    """For each character that was spoken."""
    search_pusd: int | None = None
    """For each unit of reranking."""
    source: str = ""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of one attempt. `pusd` is None exactly when `problem` says why it cannot be known."""

    pusd: int | None
    """After the provider's discount."""
    list_pusd: int | None
    """Before it."""
    price_id: str | None
    problem: str | None = None


def rates(usd_per_mtok: Mapping[str, Decimal]) -> Rates:
    """Rates from prices as they are written: US dollars per million tokens, by kind.

    Raises:
        PriceInvalid: a flaw for each kind whose price is negative or not a whole number of pico-dollars per token.
    """
    per_token: dict[str, int] = {}
    flaws: list[Flaw] = []
    for kind, usd in usd_per_mtok.items():
        try:
            per_token[kind] = pusd(usd, per=_TOKENS_PER_MTOK, name=kind)
        except PriceInvalid as exc:
            flaws += exc.flaws
    if flaws:
        raise PriceInvalid(*flaws)
    return Rates(**per_token)


def pusd(usd: Decimal | int, *, per: int = 1, name: str = "amount") -> int:
    """Pico-dollars of one thing, when *per* things cost *usd*; *name* is what a problem calls it.

    Raises:
        PriceInvalid: it is negative, or not a whole number.
    """
    exact, costs = Fraction(usd) * PUSD_PER_USD / per, f"{name} costs {Decimal(usd):f} US dollars"
    if exact < 0:
        raise PriceInvalid(Flaw(slug="bad-price", message=f"{costs}, less than nothing"))
    if exact.denominator != 1:
        message = f"{costs}, which is not a whole number of pico-dollars each"
        raise PriceInvalid(Flaw(slug="bad-price", message=message, hint=f"at most {_digits(per)} decimal places"))
    return exact.numerator


def usd(each_pusd: int, *, per: int = 1) -> Decimal:
    """US dollars of *per* things that cost *each_pusd* pico-dollars each: what `pusd` was given, exactly."""
    return Decimal(each_pusd * per) / PUSD_PER_USD


def _digits(per: int) -> int:
    """Decimal places that a price of *per* things may have."""
    return len(str(PUSD_PER_USD // per)) - 1


def price_at(prices: Sequence[Price], at: datetime) -> Price | None:
    """The price in force at an instant; *prices* by rising `from_at`. None before the first of them."""
    for price in reversed(prices):
        if price.from_at <= at:
            return price
    return None


def cost(usage: Usage, price: Price | None, discount: Fraction, measures: Measures = NO_MEASURES) -> Cost:
    """What *usage* and *measures* cost at *price*, before and after *discount* (the share that is taken off).

    Every token is priced once: a kind without its own rate at its parent's, and a tier's rates hold for the whole
    request. Only the discount and parts of a minute can leave a fraction of a pico-dollar; it is rounded half to even,
    once per kind. What has no price makes the whole cost unknown, with the problem said; nothing is guessed. So does
    what is reported beyond all measure.

    Tokens and measures may count the same: some providers count a picture that was made in tokens as well, and the
    price says which of the two is paid for. So a measure needs no price where the provider reported tokens, and tokens
    need none where the price lists no rate for any and something else of the answer is paid for.
    """
    if price is None:
        return Cost(pusd=None, list_pusd=None, price_id=None, problem="no price is in force")
    rates = _in_force(price, usage.total_input) if price.tiers else price.rates
    counts, per_request = _counts(usage), price.request_pusd or 0
    measured = _measured(measures, price) if measures is not NO_MEASURES else ()
    if (measured or not rates.is_complete) and (lacking := _lacking(usage, counts, rates, measured, price)):
        return Cost(pusd=None, list_pusd=None, price_id=price.id, problem=lacking)
    list_pusd = sum(map(mul, counts, rates.known), per_request)
    if measured:
        list_pusd += sum(_half_even(kind.pusd, kind.per) for kind in measured)
    if list_pusd > MOST_PUSD:
        return Cost(pusd=None, list_pusd=None, price_id=price.id, problem=_BEYOND)
    if not discount:
        return Cost(pusd=list_pusd, list_pusd=list_pusd, price_id=price.id)
    pusd = _discounted((per_request, *map(mul, counts, rates.known)), measured, discount)
    return Cost(pusd=pusd, list_pusd=list_pusd, price_id=price.id)


class _Measured(NamedTuple):
    """A measure that occurred."""

    name: str
    is_told: bool
    """Whether the answer says how much there was of it."""
    is_priced: bool
    pusd: int
    """What *per* times as much of it costs; 0 where it is not told or not priced."""
    per: int


def _measured(measures: Measures, price: Price) -> list[_Measured]:
    """What occurred beside tokens, and what it costs."""
    found = (
        ("images", measures.images, price.image_pusd, 1),
        ("audio", measures.audio_ms, price.audio_minute_pusd, _MS_PER_MINUTE),
        ("characters", measures.characters, price.character_pusd, 1),
        ("searches", measures.search_units, price.search_pusd, 1),
    )
    return [
        _Measured(
            name,
            is_told=count is not None,
            is_priced=rate is not None,
            pusd=(count or 0) * (rate or 0),
            per=per,
        )
        for name, count, rate, per in found
        if count != 0
    ]


def _lacking(usage: Usage, counts: Sequence[int], rates: Rates, kinds: Sequence[_Measured], price: Price) -> str:
    """What is missing for a cost to be known; empty when nothing is."""
    in_tokens = usage.source is UsageSource.REPORTED and any(counts)
    for kind in kinds:
        if kind.is_priced and not kind.is_told:
            return f"the answer does not tell how much {kind.name} it is for"
        if not kind.is_priced and not in_tokens:
            return f"{price.id} has no price for {kind.name}"
    side = _unpriced_side(counts, rates)
    is_paid_otherwise = price.request_pusd is not None or any(kind.is_priced for kind in kinds)
    if side and not (is_paid_otherwise and rates.of_kinds == _NO_RATES):
        return f"{price.id} has no price for {side} tokens"
    return ""


def _in_force(price: Price, total_input: int) -> Rates:
    for tier in reversed(price.tiers):
        if total_input > tier.above_input_tokens:
            return tier.rates
    return price.rates


def _unpriced_side(counts: Sequence[int], rates: Rates) -> str:
    """`input` or `output`, where a token occurs that has no price; empty when every one has."""
    unpriced = [count > 0 and rate is None for count, rate in zip(counts, rates.of_kinds, strict=True)]
    if any(unpriced[: len(_INPUT_KINDS)]):
        return "input"
    return "output" if any(unpriced) else ""


def _discounted(kinds_pusd: Sequence[int], measured: Sequence[_Measured], discount: Fraction) -> int:
    whole, part = discount.denominator, discount.denominator - discount.numerator
    pusd = sum(_half_even(kind_pusd * part, whole) for kind_pusd in kinds_pusd)
    return pusd + sum(_half_even(kind.pusd * part, kind.per * whole) for kind in measured)


def _half_even(numerator: int, denominator: int) -> int:
    """Their quotient, rounded; a half to the even neighbour."""
    quotient, rest = divmod(numerator, denominator)
    is_up = 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1)
    return quotient + is_up
