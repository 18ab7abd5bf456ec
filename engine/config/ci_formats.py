"""Problems in the formats that CI systems read: GitHub's annotations, SARIF 2.1.0, JUnit XML."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from engine import __version__
from engine.config.leaks import printable, redacted
from engine.config.slugs import SLUGS
from engine.errors import Place, Problem, Severity

__all__ = ["github", "in_xml", "junit", "sarif"]

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def _text(problem: Problem) -> str:
    key = f"{problem.key}: " if problem.key else ""
    hint = f"; {problem.hint}" if problem.hint else ""
    return printable(redacted(f"{key}{problem.message}{hint}"))


def _path(root: Path, file: str) -> str:
    """The path of *file* from here, where CI has the repository, and not from the configuration's *root*."""
    return os.path.relpath(root / file)


def github(problems: Sequence[Problem], root: Path) -> str:
    """Workflow commands that GitHub shows as annotations of the lines they name, in a configuration at *root*."""
    return "".join(
        f"::{problem.severity.value} file={_property(_path(root, problem.place.file))},line={problem.place.line},"
        f"col={problem.place.column},title={_property(problem.slug)}::{_data(_text(problem))}\n"
        for problem in problems
    )


def _data(text: str) -> str:
    """Escaped as workflow commands demand: a bare line break would end the command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(problems: Sequence[Problem], root: Path) -> str:
    """A SARIF log of the configuration at *root*, one run; each slug that occurs is a rule with its documentation."""
    slugs = sorted({problem.slug for problem in problems})
    driver = {"name": "engine", "version": __version__, "rules": [_rule(slug) for slug in slugs]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, slugs.index(problem.slug), root) for problem in problems],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(slug: str) -> dict[str, object]:
    meaning = SLUGS[slug].meaning if slug in SLUGS else slug
    help_text = SLUGS[slug].mend if slug in SLUGS else f"engine explain {slug}"
    return {"id": slug, "shortDescription": {"text": meaning}, "help": {"text": help_text}}


def _result(problem: Problem, rule: int, root: Path) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": problem.slug,
        "ruleIndex": rule,
        "level": "warning" if problem.severity is Severity.WARNING else "error",
        "message": {"text": _text(problem)},
        "locations": [_location(problem.place, root)],
    }
    if problem.related:
        related = [{**_location(place, root), "message": {"text": role}} for role, place in problem.related]
        result["relatedLocations"] = related
    return result


def _location(place: Place, root: Path) -> dict[str, object]:
    region = {"startLine": place.line, "startColumn": place.column}
    uri = quote(os.fsencode(_path(root, place.file)))
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def junit(problems: Sequence[Problem], files: Mapping[str, bytes]) -> str:
    """One test case per file; a file with problems fails with all of them."""
    names = sorted({*files, *(problem.place.file for problem in problems)})
    by_file = {name: [problem for problem in problems if problem.place.file == name] for name in names}
    failed = sum(any(_is_error(problem) for problem in found) for found in by_file.values())
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<testsuite name="engine validate" tests="{len(names)}" failures="{failed}">')
    for name, found in by_file.items():
        lines += _case(name, found)
    return "\n".join([*lines, "</testsuite>"]) + "\n"


def _is_error(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR


def _case(name: str, problems: Sequence[Problem]) -> Iterator[str]:
    errors = [problem for problem in problems if _is_error(problem)]
    warnings = [problem for problem in problems if not _is_error(problem)]
    yield f'  <testcase classname="engine" name="{in_xml(name)}">'
    if errors:
        count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        yield f'    <failure message="{count}">{_listed(errors)}</failure>'
    if warnings:
        yield f"    <system-out>{_listed(warnings)}</system-out>"
    yield "  </testcase>"


def _listed(problems: Sequence[Problem]) -> str:
    return in_xml("\n".join(f"{problem.place}: {_text(problem)}  [{problem.slug}]" for problem in problems))


def in_xml(text: str) -> str:
    """*text* in an element or attribute of XML, which has no place for control characters, escaped or not."""
    return "\n".join(escape(printable(line)) for line in text.split("\n"))
