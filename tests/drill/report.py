"""A line of what a drill found, and whether it is as it must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One finding."""

    drill: str
    what: str
    must: str
    found: object
    holds: bool


def none(drill: str, what: str, found: int) -> Line:
    """A line for what must not have happened."""
    return Line(drill, what, "0", found, found == 0)


def told(drill: str, what: str, found: object) -> Line:
    """A line that only says how much the drill did."""
    return Line(drill, what, "", found, holds=True)


def printed(lines: Sequence[Line], say: Callable[[str], object]) -> None:
    """Say the table; a violated line ends with VIOLATED."""
    rows = [(line.drill, line.what, line.must, str(line.found), "" if line.holds else "VIOLATED") for line in lines]
    rows = [("drill", "line", "must", "found", ""), *rows]
    widths = [max(len(row[n]) for row in rows) for n in range(5)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
