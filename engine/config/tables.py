"""Rows of a loaded configuration for the usage store: what was offered, by whom, at which price."""

from collections.abc import Iterator

from engine.errors import Place
from engine.pricing import Price, Rates
from engine.rules.program import Offer, Provider
from engine.snapshot import Parts
from engine.values import ModelRow, PriceRow, ProviderRow

__all__ = ["rows"]


def rows(parts: Parts) -> Iterator[ModelRow | ProviderRow | PriceRow]:
    """A row for each provider, each offer (patterns too), and each period and tier of each price."""
    for part in parts.providers:
        yield _provider(part.provider)
        for offer in (*part.offers, *(pattern.template for pattern in part.patterns)):
            yield _model(offer)
            for price in offer.prices:
                yield from _price(offer, price)


def _at(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _provider(provider: Provider) -> ProviderRow:
    return ProviderRow(
        table="providers",
        provider=provider.id,
        name=provider.name,
        protocol=provider.protocol,
        base_url=provider.base_url,
        data={name: _text(value) for name, value in sorted(provider.data.items())},
        discount_numerator=provider.discount.numerator,
        discount_denominator=provider.discount.denominator,
        disabled=provider.disabled,
        place=_at(provider.place),
    )


def _text(fact: str | bool | int) -> str:
    """A fact as YAML writes it."""
    return str(fact).lower() if isinstance(fact, bool) else str(fact)


def _model(offer: Offer) -> ModelRow:
    lifecycle = offer.lifecycle
    return ModelRow(
        table="models",
        model=offer.model,
        provider=offer.provider.id,
        upstream_model=offer.upstream_model,
        context_tokens=offer.context,
        max_output_tokens=offer.max_output,
        input_modalities=sorted(offer.input),
        output_modalities=sorted(offer.output),
        features=sorted(offer.features),
        surfaces=sorted(offer.surfaces),
        deprecated_on=lifecycle.deprecated.isoformat() if lifecycle.deprecated else None,
        retired_on=lifecycle.retired.isoformat() if lifecycle.retired else None,
        successor=lifecycle.successor,
        place=_at(offer.place),
    )


def _price(offer: Offer, price: Price) -> Iterator[PriceRow]:
    """The row of a period's own rates, then one for each of its tiers."""
    yield _rates(offer, price, 0, price.rates)
    for tier in price.tiers:
        yield _rates(offer, price, tier.above_input_tokens, tier.rates)


def _rates(offer: Offer, price: Price, above_input_tokens: int, rates: Rates) -> PriceRow:
    return PriceRow(
        table="prices",
        price_id=price.id,
        provider=offer.provider.id,
        model=offer.model,
        from_at=price.from_at.isoformat(),
        above_input_tokens=above_input_tokens,
        input_pusd_per_token=rates.input,
        cached_input_pusd_per_token=rates.cached_input,
        cache_write_pusd_per_token=rates.cache_write,
        cache_write_1h_pusd_per_token=rates.cache_write_1h,
        audio_input_pusd_per_token=rates.audio_input,
        image_input_pusd_per_token=rates.image_input,
        output_pusd_per_token=rates.output,
        reasoning_pusd_per_token=rates.reasoning,
        audio_output_pusd_per_token=rates.audio_output,
        image_output_pusd_per_token=rates.image_output,
        request_pusd=price.request_pusd,
        image_pusd=price.image_pusd,
        audio_minute_pusd=price.audio_minute_pusd,
        character_pusd=price.character_pusd,
        search_pusd=price.search_pusd,
        source=price.source,
    )
