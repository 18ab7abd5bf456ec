"""A figure, what it has to be, and the table that they are printed as."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEADS = ("figure", "unit", "must", "aim", "measured (min..max)", "", "bare relay", "nginx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    name: str
    unit: str
    values: Sequence[float]
    """One a round; the median counts."""
    must: float | None = None
    aim: float | None = None
    most: bool = True
    """Whether must and aim are the most that is allowed; else the least."""
    relay: Sequence[float] = ()
    nginx: Sequence[float] = ()
    note: str = ""

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """`aim` and `must` name what is reached; `MISSED` that must is not. Empty without a bound."""
        if self.must is None:
            return ""
        if not self._reaches(self.must):
            return "MISSED"
        return "aim" if self.aim is not None and self._reaches(self.aim) else "must"

    def cells(self) -> tuple[str, ...]:
        """The line's cells, in the order of `HEADS`."""
        bound = "≤ {}" if self.most else "≥ {}"
        return (
            self.name,
            self.unit,
            "" if self.must is None else bound.format(shown(self.must)),
            "" if self.aim is None else bound.format(shown(self.aim)),
            spread(self.values),
            self.verdict,
            spread(self.relay),
            spread(self.nginx),
        )

    def _reaches(self, bound: float) -> bool:
        return self.median <= bound if self.most else self.median >= bound


def spread(values: Sequence[float]) -> str:
    """`median (min..max)`; a single value by itself, nothing as nothing."""
    if not values:
        return ""
    middle = shown(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({shown(min(values))}..{shown(max(values))})"


def shown(value: float) -> str:
    """Three significant digits, thousands apart."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def printed(figures: Sequence[Figure], say: Callable[[str], object]) -> None:
    """Say the table, then the notes, numbered where they belong."""
    notes = list(dict.fromkeys(figure.note for figure in figures if figure.note))
    rows = [HEADS, *(figure.cells() for figure in figures)]
    rows = [(_marked(figure, notes), *row[1:]) for figure, row in zip((None, *figures), rows, strict=True)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADS))]
    for n, row in enumerate(rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if n == 0:
            say("  ".join("-" * width for width in widths))
    for n, note in enumerate(notes, 1):
        say(f"[{n}] {note}")


def _marked(figure: Figure | None, notes: Sequence[str]) -> str:
    """The first cell, with the number of its note."""
    if figure is None:
        return HEADS[0]
    return f"{figure.name} [{notes.index(figure.note) + 1}]" if figure.note else figure.name
