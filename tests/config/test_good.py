"""One configuration, one folder: what it means (`canonical.json`), and what it is compiled to (`compiled.json`)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any

import pytest
from msgspec import NODEFAULT, Struct, structs

from engine.config import bundle as bundles
from engine.config.build import build
from engine.config.bundle import Bundle
from engine.config.canonical import canonical, encoded
from engine.config.link import link
from engine.config.report import Report
from engine.config.shape import check
from engine.errors import Place
from engine.expr.condition import Condition, Value
from engine.rules.match import Globs
from engine.rules.program import Offer
from engine.snapshot import Parts, RootPart

GOOD = Path(__file__).parent / "good"
CASES = sorted(path.name for path in GOOD.iterdir())


def _form(bundle: Bundle) -> bytes:
    checked = check(bundle)
    return encoded(canonical(link(checked.documents, checked.broken, Report())))


def _parts(bundle: Bundle) -> Parts:
    built = build(bundle, today=date(2026, 11, 23))
    assert built.problems == ()
    assert built.parts is not None
    return built.parts


def _written(form: Mapping[str, Any]) -> Bundle:
    """The canonical form as the files of a configuration: JSON is YAML."""
    files = {"routes.yaml": form["routes"], "policies/all.yaml": form["policies"]}
    files |= {f"providers.d/{name}.yaml": provider for name, provider in form["providers"].items()}
    return Bundle(files={path: encoded(value) for path, value in sorted(files.items())})


PLAIN: tuple[tuple[type | UnionType, Callable[[Any], Any]], ...] = (
    (Place | date, str),
    (Condition | Value, lambda expression: expression.text),
    (Globs, lambda globs: list(globs.texts)),
    (Enum | str | bool | int | float | None, lambda value: value),
    (bytes, bytes.decode),
    (Mapping, lambda mapping: {_key(key): _plain(value) for key, value in mapping.items()}),
    (frozenset, lambda values: sorted(map(_plain, values))),
    (tuple, lambda values: list(map(_plain, values))),
)
"""How each kind of value is shown, the first that fits."""


def _plain(value: Any) -> Any:
    """A compiled value as JSON can hold it; fields that have their default are left out."""
    for kind, shown in PLAIN:
        if isinstance(value, kind):
            return shown(value)
    if is_dataclass(value) and not isinstance(value, type):
        own = ((field, getattr(value, field.name)) for field in fields(value) if field.init)
        return {field.name: _plain(inner) for field, inner in own if inner != field.default}
    if isinstance(value, Struct):
        defaults = dict(zip(reversed(value.__struct_fields__), reversed(value.__struct_defaults__), strict=False))
        named = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {name: _plain(inner) for name, inner in named if inner != defaults.get(name, NODEFAULT)}
    return str(value)


def _key(key: Any) -> str:
    return key.hex() if isinstance(key, bytes) else str(key)


def _compiled(parts: Parts) -> dict[str, Any]:
    """The parts as JSON; an offer shows its provider where it has a copy of its own."""
    root: RootPart = structs.replace(parts.root, config_hash="", bundle_hash="")
    providers = {}
    for part in parts.providers:
        offers = [*part.offers, *(pattern.template for pattern in part.patterns)]
        listed = {offer.model: _offer(offer, is_shared=offer.provider is part.provider) for offer in offers}
        aliases = dict(part.aliases)
        providers[part.provider.id] = {"provider": _plain(part.provider), "offers": listed, "aliases": aliases}
    return {"root": _plain(root), "providers": providers}


def _offer(offer: Offer, *, is_shared: bool) -> Any:
    plain = _plain(offer)
    if is_shared:
        del plain["provider"]
    return plain


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("case", CASES)
def test_canonical_form(case: str, golden: Callable[[Path, str], None]) -> None:
    """Defaults are filled in, references stay, files and comments are gone, keys are sorted."""
    form = _form(bundles.read(GOOD / case))
    golden(GOOD / case / "canonical.json", _indented(json.loads(form)))


@pytest.mark.parametrize("case", CASES)
def test_compiled_parts(case: str, golden: Callable[[Path, str], None]) -> None:
    """Units are seconds, days and pico-dollars, inheritance is resolved, and each rule knows its place."""
    golden(GOOD / case / "compiled.json", _indented(_compiled(_parts(bundles.read(GOOD / case)))))


@pytest.mark.parametrize("case", CASES)
def test_the_canonical_form_is_a_configuration(case: str) -> None:
    """What is printed compiles to the same config_hash."""
    bundle = bundles.read(GOOD / case)
    checked = check(bundle)
    written = _written(canonical(link(checked.documents, checked.broken, Report())))
    assert _parts(written).root.config_hash == _parts(bundle).root.config_hash
    assert _form(written) == _form(bundle)
