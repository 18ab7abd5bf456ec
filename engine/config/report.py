"""The problems found so far, each at the place of the value it is about."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.config.placed import Placed
from engine.errors import Place, Problem, Severity, TextInvalid

__all__ = ["Related", "Report"]

BLOCK = re.compile(r"[|>][-+0-9]*(\s+#.*|\s*)")
"""What a block scalar begins with; its text begins on the next line."""
WORD = re.compile(r"\S+")

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
        """Every flaw of the text or number at *at* is an error, at its own line and column."""
        data = self.files.get(at.place.file, b"")
        for flaw in invalid.flaws:
            place = _within(data, at.place, str(at.value), flaw.offset)
            self.problems.append(_problem(flaw.slug, at, place, flaw.message, hint=flaw.hint))


def _within(data: bytes, start: Place, text: str, offset: int) -> Place:
    """Where the character at *offset* of *text* is written, whose scalar begins at *start* of the file *data*.

    Word by word, since YAML folds the blanks between them. *start* itself where a word is spelt otherwise, by escapes
    or behind an alias.
    """
    rows = data.decode(errors="replace").splitlines()[start.line - 1 :]
    line, column = 0, start.column - 1
    if rows and BLOCK.fullmatch(rows[0], column):
        line, column = 1, 0
    elif rows and rows[0][column : column + 1] in {'"', "'"}:
        column += 1
    end = start
    for word in WORD.finditer(text):
        while line < len(rows) and not rows[line][column:].strip():
            line, column = line + 1, 0
        if line == len(rows):
            return start
        column = len(rows[line]) - len(rows[line][column:].lstrip())
        if not rows[line].startswith(word[0], column):
            return start
        if offset <= word.end():
            return replace(start, line=start.line + line, column=column + 1 + max(offset - word.start(), 0))
        column += len(word[0])
        end = replace(start, line=start.line + line, column=column + 1)
    return end


def _problem(slug: str, at: Placed, place: Place, message: str, *, hint: str, related: Related = ()) -> Problem:
    return Problem(slug=slug, place=place, key=at.key, message=message, hint=hint, related=tuple(related))
