"""`engine models`: what a configuration offers, where, and at which price."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from pathlib import Path

import msgspec
import rich_click as click

from engine.cli.tables import show
from engine.config import bundle as bundles
from engine.config.build import build
from engine.errors import ConfigInvalid, Severity
from engine.pricing import Price, price_at
from engine.rules.program import Offer
from engine.snapshot import Parts

__all__ = ["command"]

COLUMNS = ("model", "provider", "context", "input usd/Mtok", "output usd/Mtok", "other usd", "remark")
PUSD_PER_USD = 10**12
MILLION = 10**6
PRICES: Mapping[str, tuple[Callable[[Price], int | None], int]] = {
    "input_usd_per_mtok": (attrgetter("rates.input"), MILLION),
    "output_usd_per_mtok": (attrgetter("rates.output"), MILLION),
    "usd_per_request": (attrgetter("request_pusd"), 1),
    "usd_per_image": (attrgetter("image_pusd"), 1),
    "usd_per_audio_minute": (attrgetter("audio_minute_pusd"), 1),
    "usd_per_mchar": (attrgetter("character_pusd"), MILLION),
    "usd_per_search": (attrgetter("search_pusd"), 1),
}
"""What can be paid: where a price says what one costs, and how many of it a dollar figure is for."""
OTHERS = {
    "usd_per_request": "request",
    "usd_per_image": "image",
    "usd_per_audio_minute": "audio minute",
    "usd_per_mchar": "Mchar",
    "usd_per_search": "search",
}
"""Those that few models are paid by: one column of the table has them all, by these names."""


@click.command(epilog="Examples:\n\nengine models\n\nengine models --config ./gateway --format json")
@click.option(
    "--config",
    "root",
    envvar="ENGINE_CONFIG",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The configuration root.",
)
@click.option("--overlay", default="", help="The overlay to lay over it.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How the list is written.",
)
def command(root: Path, overlay: str, style: str) -> None:
    """List models, the providers that offer them, and what they cost today."""
    bundle = bundles.read(root)
    built = build(bundles.with_overlay(bundle, overlay) if overlay else bundle)
    if built.parts is None:
        raise ConfigInvalid([problem for problem in built.problems if problem.severity is Severity.ERROR])
    rows = list(_rows(built.parts, datetime.now(UTC)))
    if style == "json":
        click.echo(msgspec.json.Encoder(decimal_format="number").encode(rows))
    else:
        show(COLUMNS, [tuple(_cells(row)) for row in rows])


def _rows(parts: Parts, now: datetime) -> Iterator[Mapping[str, object]]:
    """A row for each offer, by model; a model's providers in the order in which they are tried, others last."""
    rank = {provider: n for n, provider in enumerate(parts.root.order)}
    patterns = (pattern.template for part in parts.providers for pattern in part.patterns)
    offers = [*(offer for part in parts.providers for offer in part.offers), *patterns]
    for offer in sorted(offers, key=lambda o: (o.model, rank.get(o.provider.id, len(rank)), o.provider.id)):
        price = price_at(offer.prices, now)
        yield {
            "model": offer.model,
            "provider": offer.provider.id,
            "context_tokens": offer.context,
            **_prices(price),
            "remark": "; ".join(_remarks(offer, price, now, is_ordered=offer.provider.id in rank)),
        }


def _prices(price: Price | None) -> Mapping[str, Decimal | None]:
    """What a price says in US dollars; None for what it does not."""
    pusd = {key: get(price) if price else None for key, (get, _) in PRICES.items()}
    return {key: None if p is None else Decimal(p * PRICES[key][1]) / PUSD_PER_USD for key, p in pusd.items()}


def _cells(row: Mapping[str, object]) -> Iterator[object]:
    """The row as the table has it."""
    *figures, remark = (value for key, value in row.items() if key not in OTHERS)
    yield from figures
    yield ", ".join(f"{row[key]:f}/{name}" for key, name in OTHERS.items() if row[key])
    yield remark


def _remarks(offer: Offer, price: Price | None, now: datetime, *, is_ordered: bool) -> Iterator[str]:
    """What to know of an offer beside its figures."""
    if offer.provider.disabled:
        yield f"disabled: {offer.provider.disabled}"
    if "*" in offer.model:
        yield "pattern"
    if not is_ordered:
        yield "by pin only"
    if price is None:
        yield "no price"
    lifecycle = offer.lifecycle
    if lifecycle.retired is not None:
        yield f"{'retired since' if lifecycle.retired <= now.date() else 'retires'} {lifecycle.retired}"
    elif lifecycle.deprecated is not None:
        yield f"deprecated {'since' if lifecycle.deprecated <= now.date() else 'from'} {lifecycle.deprecated}"
