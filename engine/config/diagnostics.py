"""Problems → text, for people, programs and CI systems. Secrets never come through, whatever the problem is."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from engine.config import ci_formats
from engine.config.leaks import printable, redacted, redacted_line
from engine.errors import Place, Problem, Severity

__all__ = ["FORMATS", "MAX_PROBLEMS", "Format", "render"]

Format = Literal["human", "json", "github", "sarif", "junit"]
FORMATS: Final[tuple[Format, ...]] = ("human", "json", "github", "sarif", "junit")

MAX_PROBLEMS = 100
"""More are counted, not printed: after a hundred lines nobody reads on."""
MAX_EXCERPT = 160
"""Characters of a line that are shown."""

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[^\s,\[\]{}]+')
BOLD, RED, YELLOW, BLUE, DIM, PLAIN = "\033[1m", "\033[31m", "\033[33m", "\033[36m", "\033[2m", "\033[0m"


def render(
    problems: Sequence[Problem],
    files: Mapping[str, bytes],
    style: Format = "human",
    *,
    root: Path = Path(),
    colour: bool = False,
) -> str:
    """*problems* in the format *style*, sorted by place: the first hundred, or all in reports that programs keep.

    A file that is left out of a JUnit report has passed, and a result that is left out of a SARIF log is mended.

    *files* holds the text that excerpts are cut from, and every file that a report names. Formats that point at files
    of a repository name them as they are seen from the working directory, with the configuration at *root*.
    """
    ordered = sorted(problems, key=lambda p: p.order)
    shown, more = ordered[:MAX_PROBLEMS], max(len(ordered) - MAX_PROBLEMS, 0)
    match style:
        case "human":
            return "".join(_human(problem, files, colour=colour) for problem in shown) + _rest(more)
        case "json":
            return _json(shown, ordered)
        case "github":
            return ci_formats.github(shown, root) + _rest(more)
        case "sarif":
            return ci_formats.sarif(ordered, root)
        case "junit":
            return ci_formats.junit(ordered, files)


def _rest(more: int) -> str:
    return f"… and {more} more\n" if more else ""


def _human(problem: Problem, files: Mapping[str, bytes], *, colour: bool) -> str:
    """One problem: its sentence, then the line it is about, then the lines that take part."""
    lines = [_painted(problem) if colour else _sentence(problem)]
    for place in (problem.place, *(place for _, place in problem.related)):
        lines += [f"{DIM}{line}{PLAIN}" if colour else line for line in _excerpt(place, files)]
    return "\n".join(lines) + "\n"


def _sentence(problem: Problem) -> str:
    """`place: key: what is wrong; what would be right (first at place)  [slug]`."""
    warning = "warning: " if problem.severity is Severity.WARNING else ""
    key = f"{problem.key}: " if problem.key else ""
    hint = f"; {problem.hint}" if problem.hint else ""
    related = "".join(f" ({role} at {place})" for role, place in problem.related)
    said = printable(redacted(f"{key}{problem.message}{hint}"))
    return f"{problem.place}: {warning}{said}{related}  [{problem.slug}]"


def _painted(problem: Problem) -> str:
    """The same sentence: the place stands out, the hint is blue, the slug has the colour of its severity."""
    place, rest = str(problem.place), _sentence(problem).removeprefix(str(problem.place))
    slug = f"[{problem.slug}]"
    colour = YELLOW if problem.severity is Severity.WARNING else RED
    rest = rest.removesuffix(slug)
    hint = printable(redacted(problem.hint))
    if hint:
        rest = rest.replace(hint, f"{BLUE}{hint}{PLAIN}", 1)
    return f"{BOLD}{place}{PLAIN}{rest}{colour}{slug}{PLAIN}"


def _excerpt(place: Place, files: Mapping[str, bytes]) -> Iterator[str]:
    """The line at *place*, or the part of it around the column, and a marker below; nothing without such a line."""
    rows = files.get(place.file, b"").decode(errors="replace").splitlines()
    if place.line > len(rows):
        return
    row, column = printable(rows[place.line - 1]), place.column - 1
    margin = f"  {place.line} | "
    hidden = redacted_line(row)
    if hidden != row:
        yield margin + hidden[:MAX_EXCERPT]
        return
    token = TOKEN.match(row, column)
    start = max(min(column - MAX_EXCERPT // 2, len(row) - MAX_EXCERPT), 0)
    cut = row[start : start + MAX_EXCERPT]
    yield f"{margin}{'…' if start else ''}{cut}{'…' if start + MAX_EXCERPT < len(row) else ''}"
    width = min(token.end() - column if token else 1, MAX_EXCERPT - (column - start))
    yield f"{' ' * (len(margin) - 2)}| {' ' * (column - start + bool(start))}{'^' * max(width, 1)}"


def _json(shown: Sequence[Problem], all_of_them: Sequence[Problem]) -> str:
    errors = sum(problem.severity is Severity.ERROR for problem in all_of_them)
    counts = {"errors": errors, "warnings": len(all_of_them) - errors, "shown": len(shown)}
    return (
        json.dumps({"problems": [_record(problem) for problem in shown], **counts}, indent=2, ensure_ascii=False) + "\n"
    )


def _record(problem: Problem) -> dict[str, object]:
    return {
        **_point(problem.place),
        "key": redacted(problem.key),
        "slug": problem.slug,
        "severity": problem.severity.value,
        "message": redacted(problem.message),
        "hint": redacted(problem.hint),
        "related": [{"role": role, **_point(place)} for role, place in problem.related],
    }


def _point(place: Place) -> dict[str, object]:
    return {"file": place.file, "line": place.line, "column": place.column}
