"""A document held against its schema: what jsonschema finds, in sentences of our own. The home of jsonschema."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from engine.config import scalars
from engine.config.places import Path
from engine.config.schemas import Schema, at, schema
from engine.config.sentences import Flaw, repeated, sentence, shown
from engine.config.suggest import nearest
from engine.config.tree import Document, Kind
from engine.errors import Problem

__all__ = ["Dialect", "Finding", "findings", "formats"]


class Finding(NamedTuple):
    """A problem, and where the document does not say what was meant because of it."""

    problem: Problem
    gaps: tuple[Path, ...]
    """The value that is wrong, or where a missing one would be; for an unknown key also where it probably belongs."""


def findings(document: Document) -> list[Finding]:
    """Everything in *document* that its schema does not allow, once each."""
    found = list(_Findings(document).found())
    unknown = tuple(f"{problem.key}." for problem, _ in found if problem.slug == "unknown-key")
    references = [found for found in _misplaced_references(document) if not f"{found.problem.key}.".startswith(unknown)]
    return found + references


def _pattern(_: Validator, pattern: str, instance: object, __: Schema) -> Iterator[ValidationError]:
    """`pattern` as JSON Schema means it: Python's `$` would let a line break pass after the end."""
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError("")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{pattern.removesuffix('$')}\\Z" if pattern.endswith("$") else pattern)


Dialect = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call] # jsonschema's stubs


class _Proven:
    """`properties`, which does not look again at a text, number or list that the same schema has allowed before.

    Of 5,000 models most have the features of another one, and its price: that halves the time of a check. jsonschema
    makes a validator for each value that it looks at; here there is one for each schema: a sixth less again.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[int, str]] = set()
        """Identity of a schema, which lives as long as its validator, and what Python writes for a value."""
        self._below: dict[int, Any] = {}
        """The validator of a schema, by its identity."""

    def properties(self, validator: Any, properties: Schema, instance: object, _: Schema) -> Iterator[ValidationError]:
        """The errors in the values under known keys. *validator* is jsonschema's own, of the schema above."""
        if not isinstance(instance, dict):
            return
        for key, inner in properties.items():
            if key in instance:
                for error in self._errors(instance[key], inner, validator):
                    error.path.appendleft(key)
                    error.schema_path.appendleft(key)
                    yield error

    def _errors(self, value: object, inner: Schema, above: Any) -> Iterator[ValidationError]:
        below = self._below.get(id(inner))
        if below is None:
            below = self._below[id(inner)] = above.evolve(schema=inner)
        if isinstance(value, dict):
            yield from below.iter_errors(value)
            return
        seen = (id(inner), repr(value))
        if seen in self._seen:
            return
        errors = list(below.iter_errors(value))
        yield from errors
        if not errors:
            self._seen.add(seen)


@cache
def _validator(kind: Kind) -> Validator:
    dialect = extend(Dialect, {"properties": _Proven().properties})  # type: ignore[no-untyped-call] # the same
    validator: Validator = dialect(schema(kind), format_checker=formats())
    return validator


def formats() -> FormatChecker:
    """The formats that a pattern cannot state."""
    checker = FormatChecker(formats=())
    checks: dict[str, Callable[[str], object]] = {
        "base-url": scalars.base_url,
        "date": date.fromisoformat,
        "instant": datetime.fromisoformat,
        "duration-range": scalars.range_s,
        "header-value": scalars.header_value,
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

    def found(self) -> Iterator[Finding]:
        """What the flaws amount to."""
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

    def _unknown_key(self, path: Path, flaw: Flaw, key: str) -> Finding:
        missing = self._missing.get(path, [])
        meant = nearest(key, missing)
        if meant is not None:
            missing.remove(meant)
        else:
            meant = nearest(key, [name for name in flaw.schema.get("properties", {}) if name not in flaw.value])
        hint = f"did you mean '{meant}'?" if meant else ""
        gaps = ((*path, key), *([(*path, meant)] if meant else []))
        return self._finding((*path, key), "unknown-key", "unknown key", hint, is_key=True, gaps=gaps)

    def _missing_key(self, path: Path, key: str) -> Finding:
        hint = _as_hint(at(schema(self._document.kind), (*path, key)).get("description", ""))
        message = f"the key '{key}' is missing"
        return self._finding(path, "missing-key", message, hint, is_key=True, gaps=((*path, key),))

    def _wrong_value(self, path: Path, flaw: Flaw, *, is_key: bool) -> Finding:
        slug, message, hint = sentence(flaw)
        if flaw.rule == "uniqueItems":
            path = (*path, repeated(flaw.value))
        return self._finding(path, slug, message, hint, is_key=is_key, gaps=(path,))

    def _finding(
        self, path: Path, slug: str, message: str, hint: str, *, is_key: bool, gaps: tuple[Path, ...]
    ) -> Finding:
        places = self._document.places
        place = places.key(path) if is_key else places.value(path)
        key = ".".join(map(str, path))
        return Finding(Problem(slug=slug, place=place, key=key, message=message, hint=hint), gaps)


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


def _misplaced_references(document: Document) -> Iterator[Finding]:
    """`${…}` where the schema does not allow one, or where it is no reference."""
    root = schema(document.kind)
    for path, text in _texts((), document.value):
        if "${" not in text:
            continue
        subschema = at(root, path)
        if not subschema.get("x-reference"):
            slug, message = "reference-not-allowed", "references are not read here"
            hint = "they stand in secrets, `base_url`, `tenant`, `headers` and `query` of providers"
        elif not subschema.get("x-secret") and not _is_reference(text):
            slug, message = "bad-reference", f"{shown(text)} holds a '${{' that is no reference"
            hint = "write ${env:NAME} or ${file:/path}"
        else:
            continue
        place, key = document.places.value(path), ".".join(map(str, path))
        yield Finding(Problem(slug=slug, place=place, key=key, message=message, hint=hint), (path,))


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
