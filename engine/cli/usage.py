"""`engine usage`: what was used, and what it cost."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import rich_click as click

from engine.cli.data import data_option, fresh_catalog
from engine.cli.tables import show
from engine.store.query import Answer, ask
from engine.store.text import script

__all__ = ["command"]

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MOST_ROWS = 100_000


class Since(click.ParamType[timedelta]):
    """A span of time such as 90m, 24h, 7d or 4w."""

    name = "span"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The span, or a usage error."""
        if isinstance(value, timedelta):
            return value
        if not (found := re.fullmatch(r"(\d{1,5})([mhdw])", value)):
            self.fail(f"expected a span such as '7d' or '24h', found '{value}'", param, ctx)
        return timedelta(**{UNITS[found[2]]: int(found[1])})


@click.command(epilog="Examples:\n\n    engine usage\n\n    engine usage --since 24h --by model")
@click.option("--since", type=Since(), default="7d", show_default=True, help="How far back: 90m, 24h, 7d, 4w.")
@click.option(
    "--by",
    type=click.Choice(["team", "model", "provider", "consumer", "route"]),
    default="team",
    show_default=True,
    help="What the figures are grouped by.",
)
@data_option
def command(since: timedelta, by: str, data: Path) -> None:
    """Report requests, tokens and cost in US dollars, the largest first.

    Cost is that of the attempts that answered; requests whose price is not known are counted as unpriced.
    """
    begin = datetime.now(UTC) - since
    parameters = {"by": by, "since": begin.isoformat()}
    answer = ask(script("report.sql"), fresh_catalog(data), parameters=parameters, rows=MOST_ROWS)
    show([by, *(column.name for column in answer.columns[1:])], [*answer.rows, _total(answer)])


def _total(answer: Answer) -> list[object]:
    sums = [sum((Decimal(str(row[i])) for row in answer.rows), Decimal(0)) for i in range(1, len(answer.columns))]
    return ["total", *sums]
