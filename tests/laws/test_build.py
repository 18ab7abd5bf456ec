"""Laws of the compiler: whatever people write, it answers with problems, and never with an exception."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import bundle as bundles
from engine.config.build import build
from engine.config.canonical import encoded
from engine.config.tree import parse
from engine.snapshot import assemble

GOOD = Path(__file__).parents[1] / "config" / "good" / "everything"
BUNDLE = bundles.read(GOOD)
FILES = tuple(path for path in BUNDLE.files if path.endswith(".yaml"))
GRAFTS: tuple[Any, ...] = (
    None,
    "rename",
    5,
    True,
    "x",
    "*",
    "a@b",
    "support",
    Decimal("0.5"),
    "-1s",
    [],
    [5],
    ["x"],
    {},
    {"x": 5},
    [{}],
)
"""What is put in the place of a value: of every kind, empty and not; None is nothing."""
WORDS = tuple(sorted({word for data in BUNDLE.files.values() for word in data.decode().split()}))


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of a good configuration with a word replaced by another, a line taken out, or one put twice."""
    path = draw(st.sampled_from(FILES))
    lines = BUNDLE.files[path].decode().splitlines()
    n = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(("replace", "remove", "repeat"))):
        case "remove":
            del lines[n]
        case "repeat":
            lines.insert(n, lines[n])
        case _:
            words = lines[n].split(" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
            lines[n] = " ".join(words)
    return path, "\n".join(lines).encode() + b"\n"


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value inside *value*."""
    steps: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, inner in steps:
        yield (*path, step)
        yield from _paths(inner, (*path, step))


@st.composite
def graftings(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of a good configuration with another value in some places, of any kind, or none, or under another key."""
    file = draw(st.sampled_from(FILES))
    root: Any = parse(file, BUNDLE.files[file]).value
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([*_paths(root), ("x-new",)]))
        parent = root
        for step in way:
            parent = parent[step]
        graft = deepcopy(draw(st.sampled_from(GRAFTS)))
        if graft is None:
            parent.pop(last, None) if isinstance(parent, dict) else parent.pop(last)
        elif graft == "rename" and isinstance(parent, dict):
            parent[f"{last}x"] = parent.pop(last, 5)
        else:
            parent[last] = graft
    return file, encoded(root)


@settings(max_examples=100)
@given(st.lists(graftings(), min_size=1, max_size=3))
def test_any_value_may_stand_anywhere(changes: list[tuple[str, bytes]]) -> None:
    """Whatever is wrong, or missing, or under another key, is a problem and never an exception."""
    built = build(bundles.laid_over(BUNDLE, dict(changes)), today=date(2026, 11, 23))
    assert built.parts is not None or built.problems


@settings(max_examples=60)
@given(st.lists(edits(), min_size=1, max_size=3))
def test_validate_passes_or_says_why(changes: list[tuple[str, bytes]]) -> None:
    """An edited configuration has problems with places in its files, or parts that assemble."""
    bundle = bundles.laid_over(BUNDLE, dict(changes))
    built = build(bundle)
    for problem in built.problems:
        assert problem.place.file in bundle.files
        assert problem.place.line <= bundle.files[problem.place.file].count(b"\n") + 1
    if built.parts is None:
        assert built.problems
    else:
        assert assemble(built.parts).config_hash == built.config_hash
