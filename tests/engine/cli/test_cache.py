"""Results kept between checks."""

import pickle
from decimal import Decimal
from pathlib import Path

import pytest

from engine.cli.cache import DiskCache, cache_file
from engine.config.tree import Kind
from engine.errors import Place, Problem

PROBLEM = Problem(slug="tab", place=Place("a.yaml", 1), key="", message="m")
RESULT = ({"a": [Decimal("0.1"), True, "x"]}, Kind.POLICY, [PROBLEM])


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    """Values, places and problems survive the way through a file."""
    first = DiskCache(tmp_path / "deep" / "c")
    assert first.get("k") is None
    first.put("k", RESULT)
    first.save()
    assert DiskCache(tmp_path / "deep" / "c").get("k") == RESULT


def test_a_file_does_not_grow(tmp_path: Path) -> None:
    """What a run did not ask for is gone after it, unless the run had nothing new to say."""
    file = tmp_path / "c"
    for key in ("old", "new"):
        cache = DiskCache(file)
        cache.put(key, RESULT)
        cache.save()
    DiskCache(file).save()
    assert (DiskCache(file).get("old"), DiskCache(file).get("new")) == (None, RESULT)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 50,
        pickle.dumps(5),
        pickle.dumps(("another make", {"k": 1})),
        pickle.dumps(Path("/x")),
        pickle.dumps(print),
    ],
)
def test_a_damaged_file_counts_as_empty(tmp_path: Path, data: bytes) -> None:
    """Neither damage nor another engine's results are ever used, and nothing in a file is ever called."""
    file = tmp_path / "c"
    file.write_bytes(data)
    assert DiskCache(file).get("k") is None


def test_a_truncated_file_counts_as_empty(tmp_path: Path) -> None:
    """Cut anywhere, a file is either whole or nothing."""
    file = tmp_path / "c"
    cache = DiskCache(file)
    cache.put("k", RESULT)
    cache.save()
    whole = file.read_bytes()
    for end in range(0, len(whole), 3):
        file.write_bytes(whole[:end])
        assert DiskCache(file).get("k") is None


def test_each_root_has_its_own_file(tmp_path: Path) -> None:
    """Two configurations do not push each other out."""
    assert cache_file(tmp_path / "a", "files") != cache_file(tmp_path / "b", "files")
