from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.template.pointer import first, found, put, read

ANSWER = {"a/b": {"~": [{"t": "x"}, {"t": None}, {"u": 1}, {"t": "y"}]}, "n": 0}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", [ANSWER]),
        ("/a~1b/~0/*/t", ["x", "y"]),
        ("/a~1b/~0/3/t", ["y"]),
        ("/a~1b/~0/4/t", []),
        ("/a~1b/~0/-1/t", []),
        ("/n", [0]),
        ("/n/x", []),
        ("/missing/*", []),
    ],
)
def test_what_stands_at_a_path(text: str, values: list[Any]) -> None:
    """Steps are unescaped; `*` is every item; nulls and what is not there are nothing."""
    assert found(ANSWER, read(text)) == values
    assert first(ANSWER, read(text)) == (values[0] if values else None)


def test_no_path_leads_nowhere() -> None:
    """What a template does not name is absent."""
    assert first(ANSWER, None) is None


STEPS = st.lists(st.sampled_from(["a", "b", "*", "0", "2"]), max_size=4).map(tuple)


@given(pointer=STEPS, value=st.text())
def test_what_is_put_is_found(pointer: tuple[str, ...], value: str) -> None:
    """The value alone, whatever way has to be made to it."""
    assert found(put(None, pointer, value), pointer) == [value]


@given(pointer=STEPS, other=STEPS)
def test_what_stood_beside_stays(pointer: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Keys that are put one after the other stand side by side."""
    root = put(put({}, ("first", *pointer), 1), ("second", *other), 2)
    assert found(root, ("first", *pointer)) == [1]
    assert found(root, ("second", *other)) == [2]
