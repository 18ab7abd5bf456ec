"""Order: draws that hash, weights that keep callers on their arm, and the expected cost of a request."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from math import log
from typing import Final, TypeVar

from engine.pricing import cost, price_at
from engine.rules.program import Offer, Program
from engine.rules.world import Live
from engine.values import Facts, Measures, ProviderId, Usage

__all__ = ["by_weight", "expected_cost_pusd", "hashed", "rank"]

T = TypeVar("T")

_OUTPUT_TOKENS: Final = 512
"""The most output that `cheapest` reckons with. Source: the specification's decisions, "Tokens, prices"."""

_ONE_OF_EACH: Final = Measures(images=1, audio_ms=60_000, characters=1, search_units=1)
"""What `cheapest` reckons with where something other than tokens is paid for: offers are compared by price per unit."""

_UNKNOWN_COST: Final = float("inf")
_BITS: Final = 2.0**-53


def hashed(*parts: str | float) -> float:
    """A number in (0, 1) that depends on *parts* alone, evenly spread; the same in every process and release."""
    text = "\x1f".join(part if isinstance(part, str) else float(part).hex() for part in parts)
    word = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return ((word >> 11) + 0.5) * _BITS


def by_weight(draw: float, entries: Sequence[T], label: Callable[[T], str], weight: Callable[[T], float]) -> list[T]:
    """*entries* in the order of a weighted rendezvous hash of *draw*.

    Each comes first for its share of the draws, whatever the others are called: changing a weight moves only the
    draws that the new share demands. Source: Schindelhauer and Schomaker, "Weighted Distributed Hash Tables" (2005).
    """
    return sorted(entries, key=lambda entry: -log(hashed(draw, label(entry))) / weight(entry))


def expected_cost_pusd(offer: Offer, facts: Facts, live: Live) -> float:
    """What this request is likely to cost at *offer*; infinite when it has no price today."""
    price = price_at(offer.prices, facts.at)
    if price is None:
        return _UNKNOWN_COST
    mean = live.expected_output_tokens(offer)
    output = min(
        _OUTPUT_TOKENS,
        _OUTPUT_TOKENS if facts.max_tokens is None else facts.max_tokens,
        _OUTPUT_TOKENS if mean is None else round(mean),
    )
    usage, discount = Usage(input=facts.input_tokens, output=output), offer.provider.discount
    expected = cost(usage, price, discount).pusd
    if expected is None:
        expected = cost(usage, price, discount, _ONE_OF_EACH).pusd
    return _UNKNOWN_COST if expected is None else expected


def rank(program: Program, provider: ProviderId) -> tuple[int, str]:
    """Where a tie puts a provider: by `defaults.providers`, then by its id."""
    order = program.order
    return (order.index(provider) if provider in order else len(order), provider)
