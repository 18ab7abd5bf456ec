"""Tables for people: drawn on a terminal, plain columns when piped."""

import sys
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.config.leaks import printable

__all__ = ["show"]


def show(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers to the right."""
    texts = [[_text(value) for value in row] for row in rows]
    right = [any(_is_number(row[i]) for row in rows) for i in range(len(names))]
    if sys.stdout.isatty():
        _draw(names, texts, right)
    else:
        _write(names, texts, right)


def _draw(names: Sequence[str], texts: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    table = Table()
    for name, is_number in zip(names, right, strict=True):
        table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
    for row in texts:
        table.add_row(*map(Text, row))
    Console().print(table)


def _write(names: Sequence[str], texts: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    widths = [max(len(row[i]) for row in (names, *texts)) for i in range(len(names))]
    for row in (names, *texts):
        cells = [
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(row, widths, right, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return printable(value)
        case Decimal():
            text = format(value, "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        case _:
            return msgspec.json.encode(value).decode()
