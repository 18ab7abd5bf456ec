"""`engine sql`: analysts' questions."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import rich_click as click

from engine.cli.data import data_option, fresh_catalog
from engine.cli.tables import show
from engine.store.formats import to_csv, to_json, to_parquet
from engine.store.query import ROWS, TIMEOUT_S, Answer, QueryFailed, ask
from engine.store.text import script

__all__ = ["command"]

MOST_COLUMNS = 10_000
LONGEST_S = 86_400.0
"""A day: whoever wants more wants none."""
PROMPT = "engine> "
CONTINUED = "   ...> "


@click.command(
    epilog="Examples:\n\n    engine sql 'SELECT * FROM cost_by_team ORDER BY day DESC'\n\n"
    "    engine sql --format csv 'FROM daily_usage' > usage.csv\n\n    engine sql --schema"
)
@click.argument("query", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
    help="How the answer is written.",
)
@click.option("--rows", default=ROWS, show_default=True, type=click.IntRange(1), help="At most so many rows.")
@click.option(
    "--timeout",
    "timeout_s",
    default=TIMEOUT_S,
    show_default=True,
    type=click.FloatRange(0.001, LONGEST_S),
    help="Seconds that a query may take.",
)
@click.option("--schema", is_flag=True, help="Print every table, view and column with its comment.")
@data_option
def command(*, query: str | None, form: str, rows: int, timeout_s: float, schema: bool, data: Path) -> None:
    """Ask the usage data a question: one SELECT, in DuckDB's dialect, up to date.

    Without QUERY, reads queries that end with a semicolon from the terminal, or one query from standard input.
    The query runs in a process of its own that can read usage and nothing else.
    """

    def answer(text: str) -> Answer:
        return ask(text, fresh_catalog(data), rows=rows, timeout_s=timeout_s)

    if schema:
        _print_schema(ask(script("describe.sql"), fresh_catalog(data), rows=MOST_COLUMNS))
    elif query is None and sys.stdin.isatty():
        _converse(answer)
    else:
        _write(answer(sys.stdin.read() if query is None else query), form)


def _write(answer: Answer, form: str) -> None:
    match form:
        case "csv":
            click.echo(to_csv(answer), nl=False)
        case "json":
            click.echo(to_json(answer), nl=False)
        case "parquet":
            sys.stdout.buffer.write(to_parquet(answer))
        case _:
            show([column.name for column in answer.columns], answer.rows)
    if answer.truncated:
        click.echo(f"only the first {len(answer.rows)} rows; --rows gives more", err=True)


def _converse(answer: Callable[[str], Answer]) -> None:
    """Answer query after query until the end of input; a wrong one is said and forgotten."""
    for query in _typed():
        try:
            _write(answer(query), "table")
        except QueryFailed as exc:
            click.echo(str(exc), err=True)


def _typed() -> Iterator[str]:
    """Queries from the terminal, each ended by a semicolon at the end of a line."""
    lines: list[str] = []
    while True:
        try:
            lines.append(input(CONTINUED if lines else PROMPT))
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return
        if lines[-1].rstrip().endswith(";"):
            yield "\n".join(lines)
            lines.clear()


def _print_schema(answer: Answer) -> None:
    table = None
    for name, comment, column, kind, meaning in answer.rows:
        if name != table:
            click.echo(f"{'' if table is None else chr(10)}{name}: {comment}")
            table = name
        click.echo(f"  {column} {kind}: {meaning}")
