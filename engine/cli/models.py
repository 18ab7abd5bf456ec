"""`engine models`: what a configuration offers, where, and at which price."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from engine.pricing import Price, price_at, usd
from engine.rules.program import Offer
from engine.snapshot import Parts

__all__ = ["command"]

COLUMNS = ("model", "provider", "context", "input usd/Mtok", "output usd/Mtok", "other usd", "remark")
MILLION = 10**6
PRICES: Mapping[str, tuple[Callable[[Price], int | None], int, str]] = {
    "input_usd_per_mtok": (attrgetter("rates.input"), MILLION, ""),
    "output_usd_per_mtok": (attrgetter("rates.output"), MILLION, ""),
    "usd_per_request": (attrgetter("request_pusd"), 1, "request"),
    "usd_per_image": (attrgetter("image_pusd"), 1, "image"),
    "usd_per_audio_minute": (attrgetter("audio_minute_pusd"), 1, "audio minute"),
    "usd_per_mchar": (attrgetter("character_pusd"), MILLION, "Mchar"),
    "usd_per_search": (attrgetter("search_pusd"), 1, "search"),
}
"""What can be paid: where a price says what one costs, how many a dollar figure is for, and their name in the one
column of the table for what few models are paid by; empty for what has a column of its own.
"""


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
        show(COLUMNS, [_cells(row) for row in rows])


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
    each = {key: get(price) if price else None for key, (get, _, _) in PRICES.items()}
    return {key: None if pusd is None else usd(pusd, per=PRICES[key][1]) for key, pusd in each.items()}


def _cells(row: Mapping[str, object]) -> Sequence[object]:
    """The row as the table has it."""
    others = {key: name for key, (_, _, name) in PRICES.items() if name}
    *own, remark = (value for key, value in row.items() if key not in others)
    return (*own, ", ".join(f"{row[key]:f}/{name}" for key, name in others.items() if row[key]), remark)


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
