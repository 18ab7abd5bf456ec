"""A document held against its schema: what jsonschema finds, in sentences of our own. The home of jsonschema."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from engine.config import scalars
from engine.config.places import Path
from engine.config.schemas import Schema, at, schema
from engine.config.sentences import Flaw, repeated, sentence, shown
from engine.config.suggest import did_you_mean, nearest
from engine.config.tree import Document, Kind
from engine.errors import Problem

__all__ = ["Dialect", "formats", "problems"]


def problems(document: Document) -> list[Problem]:
    """Everything in *document* that its schema does not allow, once each."""
    found = list(_Findings(document).problems())
    unknown = tuple(f"{problem.key}." for problem in found if problem.slug == "unknown-key")
    references = [problem for problem in _misplaced_references(document) if not f"{problem.key}.".startswith(unknown)]
    return found + references


@cache
def _validator(kind: Kind) -> Validator:
    validator: Validator = Dialect(schema(kind), format_checker=formats())
    return validator


def _pattern(_: Validator, pattern: str, instance: object, __: Schema) -> Iterator[ValidationError]:
    """`pattern` as JSON Schema means it: Python's `$` would let a line break pass after the end."""
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError("")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{pattern.removesuffix('$')}\\Z" if pattern.endswith("$") else pattern)


Dialect = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call] # jsonschema's stubs


def formats() -> FormatChecker:
    """The formats that a pattern cannot state."""
    checker = FormatChecker(formats=())
    checks: dict[str, Callable[[str], object]] = {
        "date": date.fromisoformat,
        "instant": datetime.fromisoformat,
        "duration-range": scalars.range_s,
        "network": scalars.network,
    }
    for name, read in checks.items():
        checker.checks(name, raises=ValueError)(_only_text(read))
    return checker


def _only_text(read: Callable[[str], object]) -> Callable[[object], bool]:
    """A check that reads text, and leaves anything else to `type`."""

    def is_right(value: object) -> bool:
        if isinstance(value, str):
            read(value)
        return True

    return is_right


class _Findings:
    """The flaws of one document, gathered so that unknown and missing keys of one mapping are seen together."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._unknown: dict[Path, Flaw] = {}
        self._missing: dict[Path, list[str]] = {}
        self._wrong: dict[tuple[Path, bool], Flaw] = {}
        """By path, and whether it is the key that is wrong; the first flaw of a value says enough."""

    def problems(self) -> Iterator[Problem]:
        """The problems that the flaws amount to."""
        for error in _validator(self._document.kind).iter_errors(self._document.value):
            self._sort_in(error)
        for path, flaw in self._unknown.items():
            yield from (self._unknown_key(path, flaw, key) for key in _extras(flaw))
        for path, keys in self._missing.items():
            yield from (self._missing_key(path, key) for key in keys)
        for (path, is_key), flaw in self._wrong.items():
            yield self._wrong_value(path, flaw, is_key=is_key)

    def _sort_in(self, error: ValidationError) -> None:
        path, flaw = tuple(error.absolute_path), _flaw(error)
        if flaw.rule == "additionalProperties":
            self._unknown[path] = flaw
        elif flaw.rule == "required":
            known = self._missing.setdefault(path, [])
            known += [key for key in flaw.bound if key not in flaw.value and key not in known]
        elif "propertyNames" in error.absolute_schema_path:
            self._wrong.setdefault(((*path, str(flaw.value)), True), flaw)
        else:
            self._wrong.setdefault((path, flaw.rule == "not"), flaw)

    def _unknown_key(self, path: Path, flaw: Flaw, key: str) -> Problem:
        missing = self._missing.get(path, [])
        meant = nearest(key, missing)
        if meant is not None:
            missing.remove(meant)
        others = [name for name in flaw.schema.get("properties", {}) if name not in flaw.value]
        hint = f"did you mean '{meant}'?" if meant else did_you_mean(key, others)
        return self._problem((*path, key), "unknown-key", "unknown key", hint, is_key=True)

    def _missing_key(self, path: Path, key: str) -> Problem:
        described = at(schema(self._document.kind), (*path, key)).get("description", "")
        return self._problem(path, "missing-key", f"the key '{key}' is missing", _as_hint(described), is_key=True)

    def _wrong_value(self, path: Path, flaw: Flaw, *, is_key: bool) -> Problem:
        slug, message, hint = sentence(flaw)
        if flaw.rule == "uniqueItems":
            path = (*path, repeated(flaw.value))
        return self._problem(path, slug, message, hint, is_key=is_key)

    def _problem(self, path: Path, slug: str, message: str, hint: str, *, is_key: bool) -> Problem:
        places = self._document.places
        place = places.key(path) if is_key else places.value(path)
        return Problem(slug=slug, place=place, key=".".join(map(str, path)), message=message, hint=hint)


def _flaw(error: ValidationError) -> Flaw:
    subschema = error.schema if isinstance(error.schema, dict) else {}
    return Flaw(str(error.validator), error.validator_value, error.instance, subschema)


def _extras(flaw: Flaw) -> list[str]:
    """Keys that the schema does not know; `x-…` are free where it has a pattern for them."""
    known, is_free = flaw.schema.get("properties", {}), "patternProperties" in flaw.schema
    return [key for key in flaw.value if key not in known and not (is_free and key.startswith("x-"))]


def _as_hint(description: str) -> str:
    """The beginning of a description."""
    first = description.partition(". ")[0].rstrip(".")
    return first[:1].lower() + first[1:]


def _misplaced_references(document: Document) -> Iterator[Problem]:
    """`${…}` where the schema does not allow one, or where it is no reference."""
    root = schema(document.kind)
    for path, text in _texts((), document.value):
        if "${" not in text:
            continue
        subschema = at(root, path)
        place, key = document.places.value(path), ".".join(map(str, path))
        if not subschema.get("x-reference"):
            message = "references are not read here"
            hint = "they stand in secrets, `base_url`, `headers` and `query` of providers"
            yield Problem(slug="reference-not-allowed", place=place, key=key, message=message, hint=hint)
        elif not subschema.get("x-secret") and not _is_reference(text):
            message = f"{shown(text)} holds a '${{' that is no reference"
            hint = "write ${env:NAME} or ${file:/path}"
            yield Problem(slug="bad-reference", place=place, key=key, message=message, hint=hint)


def _is_reference(text: str) -> bool:
    try:
        scalars.references(text)
    except ValueError:
        return False
    return True


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    """All texts in *value*, each with its path."""
    if isinstance(value, str):
        yield path, value
        return
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for step, item in inner:
        yield from _texts((*path, step), item)
