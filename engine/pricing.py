"""Prices and cost, in whole pico-dollars (10^-12 USD). The one home of money arithmetic on the request path."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Cost", "Price", "Rates", "Tier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Pico-dollars per token by kind; None means the kind has no price of its own and is priced as its parent.

    cached_input, cache_write, audio_input, image_input → input; reasoning, audio_output, image_output → output.
    """

    input: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    audio_input: int | None = None
    image_input: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_output: int | None = None
    image_output: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Rates for the whole request once its total input exceeds a count of tokens."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one model costs at one provider from an instant on, until the next period begins."""

    id: str
    """`provider/model/YYYY-MM-DD`; for a free model the same."""
    from_at: datetime
    rates: Rates
    tiers: tuple[Tier, ...] = ()
    """By rising `above_input_tokens`."""
    request_pusd: int | None = None
    """Added once per request."""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one attempt. `pusd` is None exactly when `problem` says why it cannot be known."""

    pusd: int | None
    """After the provider's discount."""
    list_pusd: int | None
    """Before it."""
    price_id: str | None
    problem: str | None = None
