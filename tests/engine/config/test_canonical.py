from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.config.canonical import encoded
from engine.config.tree import parse

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(10**17), 10**17),
    st.decimals(-(10**9), 10**9, places=9),
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20),
)
FORMS = st.dictionaries(st.text("abcxyz_", min_size=1), st.recursive(SCALARS, st.lists, max_leaves=10), max_size=5)


def test_numbers_have_their_shortest_spelling() -> None:
    """0.40 is 0.4, 4.0 is 4, and nothing has an exponent, which strict YAML would read as text."""
    form = {"a": Decimal("0.40"), "b": Decimal("4.0"), "c": Decimal(100), "d": Decimal("0.0000001")}
    assert encoded(form) == b'{"a":0.4,"b":4,"c":100,"d":0.0000001}'


def test_keys_are_sorted() -> None:
    """Two orders of the same keys are one text, at any depth."""
    assert encoded({"b": {"z": 1, "a": 2}, "a": 1}) == encoded({"a": 1, "b": {"a": 2, "z": 1}})


@given(FORMS)
def test_strict_yaml_reads_it_back(form: dict[str, object]) -> None:
    """What is written is read to the same values: the canonical form is itself a configuration."""
    value, _, problems, _ = parse("canonical.yaml", encoded(form))
    assert problems == []
    assert encoded(value) == encoded(form)
