"""The `price` of a model → dated prices in whole pico-dollars."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Final

from engine.config import scalars
from engine.config.placed import Placed
from engine.config.report import Report
from engine.errors import PriceInvalid
from engine.pricing import Price, Rates, Tier, pusd, rates
from engine.rules.program import OnUnpriced

__all__ = ["FREE", "UNKNOWN", "on_unpriced", "prices"]

FREE: Final = "free"
UNKNOWN: Final = "unknown"

EPOCH: Final = date(1970, 1, 1)
"""From when on a free model is free."""

UNITS: Final = (
    "usd_per_mtok",
    "usd_per_request",
    "usd_per_image",
    "usd_per_audio_minute",
    "usd_per_mchar",
    "usd_per_search",
)
"""What a period can charge by."""
CHARACTERS_PER_MCHAR: Final = 10**6


def prices(at: Placed, subject: str, report: Report) -> tuple[Price, ...]:
    """The periods of a price, by rising instant; empty when it is unknown. *subject* is `provider/model`."""
    if at.value == UNKNOWN:
        return ()
    if at.value == FREE:
        return (_free(subject),)
    _check_order(at, report)
    return tuple(_price(period, subject, report) for period in at.each())


def on_unpriced(at: Placed, report: Report) -> OnUnpriced:
    """What is done with requests to a model without a price: refused, or let pass with so much set aside."""
    if at.value == "deny":
        return OnUnpriced()
    reserve_pusd = _amount(at["reserve_usd"], "a request", report)
    return OnUnpriced(deny=False, reserve_pusd=reserve_pusd, alert=at["alert"].value)


def _free(subject: str) -> Price:
    return Price(
        id=f"{subject}/{EPOCH}",
        from_at=_midnight(EPOCH),
        rates=Rates(input=0, output=0),
        image_pusd=0,
        audio_minute_pusd=0,
        character_pusd=0,
        search_pusd=0,
        source="declared free",
    )


def _price(at: Placed, subject: str, report: Report) -> Price:
    day = scalars.day(at["from"].value)
    _check_units(at, report)

    def each(unit: str, name: str, per: int = 1) -> int | None:
        return _amount(at[unit], name, report, per) if unit in at else None

    return Price(
        id=f"{subject}/{day}",
        from_at=_midnight(day),
        rates=_rates(at["usd_per_mtok"], report) if "usd_per_mtok" in at else Rates(),
        tiers=tuple(_tiers(at, report)),
        request_pusd=each("usd_per_request", "a request"),
        image_pusd=each("usd_per_image", "an image"),
        audio_minute_pusd=each("usd_per_audio_minute", "a minute of audio"),
        character_pusd=each("usd_per_mchar", "a million characters", CHARACTERS_PER_MCHAR),
        search_pusd=each("usd_per_search", "a search"),
        source=at["source"].value if "source" in at else "",
    )


def _check_units(at: Placed, report: Report) -> None:
    """A period says what something costs, and tiers raise rates that are there."""
    if not any(unit in at for unit in UNITS) and at.is_whole():
        message = f"the price from '{at['from'].value}' says of nothing what it costs"
        report.error("price-empty", at, message, hint=f"give one of {', '.join(UNITS)}")
    elif at["tiers"].value and "usd_per_mtok" not in at and at.is_whole():
        message = "there are tiers, and no rates that they replace"
        report.error("tier-incomplete", at["tiers"], message, hint="give usd_per_mtok, which holds below them")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _rates(at: Placed, report: Report) -> Rates:
    try:
        return rates(at.value)
    except PriceInvalid:
        for kind, usd in at.items():
            _check_rate(kind, usd, report)
        return Rates()


def _check_rate(kind: str, at: Placed, report: Report) -> None:
    try:
        rates({kind: at.value})
    except PriceInvalid as exc:
        report.flaws(at, exc)


def _amount(at: Placed, name: str, report: Report, per: int = 1) -> int:
    try:
        return pusd(at.value, per=per, name=name)
    except PriceInvalid as exc:
        report.flaws(at, exc)
        return 0


def _tiers(at: Placed, report: Report) -> Iterator[Tier]:
    tiers = list(at["tiers"].each())
    for before, tier in pairwise(tiers):
        if _bound(before) >= _bound(tier):
            message = f"the tier above {_bound(tier)} tokens comes after the one above {_bound(before)}"
            report.error("tier-order", tier, message, hint="order tiers by rising above_input_tokens")
    for tier in tiers:
        _check_kinds(at, tier, report)
        yield Tier(above_input_tokens=_bound(tier), rates=_rates(tier["usd_per_mtok"], report))


def _check_kinds(at: Placed, tier: Placed, report: Report) -> None:
    """A tier has a rate for the output where its base has: other kinds are priced as these, and input is required."""
    base, own = at.get("usd_per_mtok"), tier["usd_per_mtok"]
    if base and "output" in base and "output" not in own and own.is_whole():
        message = f"above {_bound(tier)} tokens there is no price for output, and below there is"
        related = (("below", base["output"].key_place),)
        report.error(
            "tier-incomplete", own, message, hint="a tier replaces all rates: write it here as well", related=related
        )


def _bound(tier: Placed) -> int:
    return scalars.count(tier["above_input_tokens"].value)


def _check_order(at: Placed, report: Report) -> None:
    for before, period in pairwise(at.each()):
        first, second = before["from"], period["from"]
        if scalars.day(first.value) == scalars.day(second.value):
            message = f"two prices begin on '{second.value}'"
            report.error("price-overlap", second, message, hint="keep one", related=(("first", first.place),))
        elif scalars.day(first.value) > scalars.day(second.value):
            message = f"the price from '{second.value}' comes after the one from '{first.value}'"
            hint = "order prices by rising from"
            report.error("price-order", second, message, hint=hint, related=(("later", first.place),))
