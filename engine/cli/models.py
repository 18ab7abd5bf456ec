"""`engine models`: what a configuration offers, where, and at which price."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
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

COLUMNS = ("model", "provider", "context", "input usd/Mtok", "output usd/Mtok", "remark")
PUSD_PER_USD_PER_MTOK = 10**6
"""A US dollar per million tokens is so many pico-dollars per token."""


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
        show(COLUMNS, [tuple(row.values()) for row in rows])


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
            "input_usd_per_mtok": _usd_per_mtok(price, "input"),
            "output_usd_per_mtok": _usd_per_mtok(price, "output"),
            "remark": "; ".join(_remarks(offer, price, now, is_ordered=offer.provider.id in rank)),
        }


def _usd_per_mtok(price: Price | None, kind: str) -> Decimal | None:
    pusd: int | None = getattr(price.rates, kind) if price else None
    return None if pusd is None else Decimal(pusd) / PUSD_PER_USD_PER_MTOK


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
