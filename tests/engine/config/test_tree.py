"""Strict YAML: what a file means is what it looks like."""

from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.config.tree import MAX_BYTES, parse
from engine.errors import Place


def _value(text: str) -> Any:
    value, _, problems, _ = parse("f.yaml", text.encode())
    assert problems == []
    return value["v"]


def _slugs(data: bytes) -> list[str]:
    return [problem.slug for problem in parse("f.yaml", data)[2]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("yes", "yes"),
        ("off", "off"),
        ("0", 0),
        ("-17", -17),
        ("0.10", Decimal("0.10")),
        ("022", "022"),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("22:00", "22:00"),
        ("2026-06-01", "2026-06-01"),
        ("1234567890123456789012", "1234567890123456789012"),
        ("'5'", "5"),
        ('"true"', "true"),
        ('""', ""),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("[1, [a, 2.5]]", [1, ["a", Decimal("2.5")]]),
    ],
)
def test_a_scalar_is_what_it_looks_like(written: str, meant: object) -> None:
    """Two words and plain decimals are special, and exact; everything else is text."""
    found = _value(f"v: {written}")
    assert found == meant
    assert type(found) is type(meant)


def test_every_key_and_value_has_its_place() -> None:
    """Lines and columns count from 1; a list item's key is its value."""
    text = "a:\n  b: [1, {c: x}]\n"
    _, places, _, _ = parse("f.yaml", text.encode())
    assert places.key(("a", "b")) == Place("f.yaml", 2, 3)
    assert places.value(("a", "b")) == Place("f.yaml", 2, 6)
    assert places.key(("a", "b", 1)) == places.value(("a", "b", 1)) == Place("f.yaml", 2, 10)
    assert places.value(("a", "b", 1, "c")) == Place("f.yaml", 2, 14)


def test_a_path_that_is_not_there_has_its_ancestors_place() -> None:
    """What a default stands for can still be pointed at."""
    _, places, _, _ = parse("f.yaml", b"a:\n  b: 1\n")
    assert places.value(("a", "x", "y")) == Place("f.yaml", 2, 3)


def test_an_alias_repeats_a_value_at_its_own_place() -> None:
    """The alias is where the value stands; its inner keys are where they were written."""
    value, places, problems, _ = parse("f.yaml", b"x-a: &a {k: 1}\nb: *a\n")
    assert (value["b"], problems) == ({"k": 1}, [])
    assert places.value(("b",)) == Place("f.yaml", 2, 4)
    assert places.value(("b", "k")) == Place("f.yaml", 1, 13)


def test_all_problems_of_a_readable_file_are_found() -> None:
    """One mistake does not hide another."""
    assert _slugs(b"a:\nb: !t 1\nb: 2\n<<: {c: 1}\nd: *nobody\n") == [
        "empty-value",
        "tag",
        "duplicate-key",
        "merge-key",
        "unknown-anchor",
    ]


def test_a_duplicate_names_both_lines_and_the_first_holds() -> None:
    """Nobody has to guess which of two values is in force."""
    value, _, (problem,), _ = parse("f.yaml", b"a: 1\nb: 2\na: 3\n")
    assert value == {"a": 1, "b": 2}
    assert (problem.place, problem.related) == (Place("f.yaml", 3, 1), (("first", Place("f.yaml", 1, 1)),))


@pytest.mark.parametrize("bomb", [b"[" * 200_000, b"a: " + b"{a: " * 50_000, b"- " * 100_000, b"? " * 100_000])
def test_depth_is_bounded(bomb: bytes) -> None:
    """Brackets without end are a problem, not the end of the process."""
    assert _slugs(bomb)[0] in {"too-deep", "yaml-syntax"}


def test_aliases_are_bounded() -> None:
    """Ten lines that would stand for ten thousand million values are refused at once."""
    lines = ["x0: &x0 [a]"] + [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]" for i in range(1, 11)]
    assert _slugs("\n".join(lines).encode()) == ["anchor-limit"]


def test_size_is_bounded() -> None:
    """A file that nobody wrote by hand is not read."""
    assert _slugs(b"#" * (MAX_BYTES + 1)) == ["too-large"]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_problem(data: bytes) -> None:
    """Nothing that stands in a file makes the reader raise."""
    value, _, problems, _ = parse("f.yaml", data)
    assert isinstance(value, dict)
    assert value or problems or yaml.compose(data.decode(), Loader=yaml.CSafeLoader) is not None


@given(st.text(alphabet="ab:{}[]*&!#'\"-?|>, \n\t$%@`<~0", max_size=60))
def test_any_text_is_a_value_or_a_problem(text: str) -> None:
    """Nor does any use of the characters that have a meaning in YAML; each problem is in the text, or right after."""
    _, _, problems, _ = parse("f.yaml", text.encode())
    for problem in problems:
        assert 1 <= problem.place.line <= text.count("\n") + 2
        assert problem.place.column >= 1


plain = st.text(alphabet="abcXYZ019 _-./:#'\"é", max_size=12)
trees = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain.filter(bool), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(plain.filter(bool), trees, min_size=1, max_size=3))
def test_what_a_dumper_writes_is_read_back(tree: dict[str, Any]) -> None:
    """Quoted as YAML demands, every value survives."""
    text = yaml.safe_dump(tree, allow_unicode=True, default_style='"', width=10**6)
    quoted = _all_text(tree)
    value, _, problems, _ = parse("f.yaml", text.replace("!!bool ", "").replace("!!int ", "").encode())
    assert (value, problems) == (quoted, [])


def _all_text(value: Any) -> Any:
    """*value* with its scalars as the dumper above spells them, in quotes."""
    if isinstance(value, dict):
        return {key: _all_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_all_text(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
