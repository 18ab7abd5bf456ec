"""The problems found so far, each at the place of the value it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.config.placed import Placed
from engine.errors import Place, Problem, Severity, TextInvalid

__all__ = ["Related", "Report"]

Related = Sequence[tuple[str, Place]]
"""Other places that take part, each with its role."""


@dataclass(slots=True)
class Report:
    """Collects problems; nothing is raised, so that all of them are found in one go."""

    problems: list[Problem] = field(default_factory=list)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What the places point into."""

    def error(self, slug: str, at: Placed, message: str, *, hint: str = "", related: Related = ()) -> None:
        """The value at *at* is wrong."""
        self.problems.append(_problem(slug, at, at.place, message, hint=hint, related=related))

    def key_error(self, slug: str, at: Placed, message: str, *, hint: str = "", related: Related = ()) -> None:
        """The key at *at* is wrong."""
        self.problems.append(_problem(slug, at, at.key_place, message, hint=hint, related=related))

    def warning(self, slug: str, at: Placed, message: str, *, hint: str = "", related: Related = ()) -> None:
        """The value at *at* works, and is probably not what was meant."""
        problem = _problem(slug, at, at.place, message, hint=hint, related=related)
        self.problems.append(replace(problem, severity=Severity.WARNING))

    def flaws(self, at: Placed, invalid: TextInvalid) -> None:
        """Every flaw of the text at *at* is an error, at its own column."""
        start = at.place
        first = start.column + _quotes(self.files.get(start.file, b""), start)
        for flaw in invalid.flaws:
            place = replace(start, column=first + flaw.offset)
            self.problems.append(_problem(flaw.slug, at, place, flaw.message, hint=flaw.hint))


def _quotes(data: bytes, place: Place) -> int:
    """Characters between where a scalar begins and where its text does: 1 for one in quotes."""
    lines = data.splitlines()
    line = lines[place.line - 1].decode(errors="replace") if place.line <= len(lines) else ""
    return int(line[place.column - 1 : place.column] in {'"', "'"})


def _problem(slug: str, at: Placed, place: Place, message: str, *, hint: str, related: Related = ()) -> Problem:
    return Problem(slug=slug, place=place, key=at.key, message=message, hint=hint, related=tuple(related))
