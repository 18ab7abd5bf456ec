"""The schemas of the configuration files: complete, honest, and of one mind with the code that reads the scalars."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.config import scalars
from engine.config.defaults import filled
from engine.config.placed import Placed
from engine.config.places import Places
from engine.config.schemas import FOLDER, Schema, schema, text
from engine.config.tree import Document, Kind
from engine.config.validation import Dialect, findings, formats

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
Where = tuple[str, ...]


def _nodes(node: Any, where: Where = ()) -> Iterator[tuple[Where, Schema]]:
    """Every mapping of a schema file that is itself a schema, with the way to it; examples and defaults are data."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _nodes(item, (*where, str(index)))
    if isinstance(node, dict):
        yield where, node
        for key, inner in node.items():
            if key not in {"examples", "default", "enum", "x-hints", "required"}:
                yield from _nodes(inner, (*where, key))


def _properties(kind: Kind) -> Iterator[tuple[str, Schema, bool]]:
    """Path, schema and necessity of every property of *kind*, references put in."""
    for where, node in _nodes(schema(kind)):
        if "then" in where or "if" in where or "else" in where:
            continue
        for name, inner in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
            if where[-1:] != ("properties",):
                yield ".".join((*where, name)), inner, name in node.get("required", ())


PROPERTIES = [
    pytest.param(kind, inner, is_required, id=f"{kind.value}:{path}")
    for kind in Kind
    for path, inner, is_required in _properties(kind)
]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_schema(name: str) -> None:
    """Each file is JSON Schema 2020-12, so that editors and other validators can use it without us."""
    loaded = json.loads(text(name))
    assert loaded["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(loaded)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_written_in_one_way(name: str) -> None:
    """A change of a schema is a diff of the lines that it changes."""
    assert text(name) == json.dumps(json.loads(text(name)), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_unions_are_told_apart(name: str) -> None:
    """No `oneOf` or `anyOf`: their errors cannot say which branch was meant."""
    assert not [where for where, node in _nodes(json.loads(text(name))) if "oneOf" in node or "anyOf" in node]


@pytest.mark.parametrize("name", NAMES)
def test_mappings_are_closed(name: str) -> None:
    """A mapping with properties says what becomes of other keys: nothing is ignored silently."""
    named = [
        (where, node)
        for where, node in _nodes(json.loads(text(name)))
        if "properties" in node and where[-1:] not in {("properties",), ("if",), ("then",), ("else",)}
    ]
    assert not [where for where, node in named if "additionalProperties" not in node]


@pytest.mark.parametrize(("kind", "inner", "is_required"), PROPERTIES)
def test_a_property_is_documented(kind: Kind, inner: Schema, is_required: bool) -> None:
    """Each has a title, a description and an example, and leaving it out has a stated meaning."""
    assert inner["title"]
    assert inner["description"].endswith((".", "…", ")", "`"))
    assert inner["examples"]
    assert is_required or "default" in inner or inner.get("x-absent")
    assert not ("default" in inner and "x-absent" in inner)


@pytest.mark.parametrize(("kind", "inner", "is_required"), PROPERTIES)
def test_examples_and_defaults_are_right(kind: Kind, inner: Schema, is_required: bool) -> None:
    """What the documentation shows is accepted."""
    validator = Draft202012Validator(inner)
    values = [*inner["examples"], *([inner["default"]] if "default" in inner else [])]
    assert not [(value, error.message) for value in values for error in validator.iter_errors(value)]


def test_the_defaults_of_a_provider_are_complete() -> None:
    """What `config` fills in is itself allowed by the schema it was read from."""
    value = {
        "id": "a",
        "protocol": "openai",
        "base_url": "https://a.example",
        "models": {"a/b": {"price": "free"}},
    }
    spot = ("providers.d/a.yaml", 1, 1)
    document = Document(spot[0], Kind.PROVIDER, value, Places((spot, spot, {})))
    done = filled(Placed(document, (), value), Kind.PROVIDER)
    assert findings(Document(spot[0], Kind.PROVIDER, done.value, document.places)) == []
    assert done.value["timeouts"] == {"connect": "3s", "first_token": "30s", "between_tokens": "30s", "total": "5m"}


READERS: dict[str, Callable[[str], object]] = {
    "duration": scalars.duration_s,
    "duration_range": scalars.range_s,
    "retention": scalars.days,
    "count": scalars.count,
    "rate": scalars.rate,
    "percent": scalars.percent,
    "date": scalars.day,
    "network": scalars.network,
    "secret": scalars.reference,
}
TEXTS = [
    *("30s", "250ms", "0s", "1.5h", "7d", "3 sec", "3", "-1s", "3S", "s", "", "1e3s", "05s", ".5s", "30s ", "3s\n"),
    *("100ms..2s", "1s..2s", "100ms", "1s...2s", "..", "none", "None", "4096", "200k", "1M", "1K", "-1", "1.5k", "0k"),
    *("60/min", "10/s", "1M/day", "0/min", "60/minute", "60 / min", "5%", "12.5%", "0%", "100%", "101%", "5", "%"),
    *("2026-06-01", "2026-6-1", "2026-13-01", "2026-06-01T00:00", "10.0.0.0/8", "2001:db8::/32", "10.0.0.0", "10/8"),
    *(
        "${env:A_B}",
        "${file:/x}",
        "${env:a b}",
        "${env:}",
        "$env:A",
        "${vault:A}",
        "x${env:A}",
        "${file:x}",
        "${env:A}\n",
    ),
]


@pytest.mark.parametrize("name", sorted(READERS))
def test_schema_and_code_read_the_same_scalars(name: str) -> None:
    """What a schema's pattern lets through the code can read, and the code reads nothing else."""
    node = json.loads(text("scalars"))["$defs"][name]
    validator = Dialect({**node, "type": "string"}, format_checker=formats())
    for written in TEXTS:
        assert validator.is_valid(written) == _reads(READERS[name], written), written


def _reads(read: Callable[[str], object], written: str) -> bool:
    try:
        read(written)
    except ValueError:
        return False
    return True


def test_the_package_carries_the_schemas() -> None:
    """The link inside the package and the folder at the top are the same files."""
    assert FOLDER.resolve() == (Path(__file__).parent.parent / "schemas").resolve()
