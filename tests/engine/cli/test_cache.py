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


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """A cache file of one result."""
    cache = DiskCache(tmp_path / "whole")
    cache.put("k", RESULT)
    cache.save()
    return (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("data", [b"", b"\x00" * 50, pickle.dumps({"k": 1}), pickle.dumps(("another make", {"k": 1}))])
def test_a_file_of_something_else_counts_as_empty(tmp_path: Path, data: bytes) -> None:
    """What no cache has written is never used."""
    (tmp_path / "c").write_bytes(data)
    assert DiskCache(tmp_path / "c").get("k") is None


@pytest.mark.parametrize("result", [print, Path("/x")])
def test_nothing_but_results_is_read(tmp_path: Path, result: object) -> None:
    """A name in a file that is none of a result's own types is never looked up, so it cannot be called."""
    cache = DiskCache(tmp_path / "c")
    cache.put("k", result)
    cache.save()
    assert DiskCache(tmp_path / "c").get("k") is None


def test_a_damaged_file_counts_as_empty(tmp_path: Path, whole: bytes) -> None:
    """One wrong byte, wherever it is, and nothing of a file is used."""
    for at in range(len(whole)):
        (tmp_path / "c").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert DiskCache(tmp_path / "c").get("k") is None


def test_a_truncated_file_counts_as_empty(tmp_path: Path, whole: bytes) -> None:
    """Cut anywhere, a file is either whole or nothing."""
    for end in range(len(whole)):
        (tmp_path / "c").write_bytes(whole[:end])
        assert DiskCache(tmp_path / "c").get("k") is None


def test_a_root_may_have_any_name(tmp_path: Path) -> None:
    """A directory whose name is not UTF-8 has a cache as well."""
    assert cache_file(tmp_path / "a\udcff", "files") != cache_file(tmp_path / "a\udcfe", "files")


def test_each_root_has_its_own_file(tmp_path: Path) -> None:
    """Two configurations do not push each other out."""
    assert cache_file(tmp_path / "a", "files") != cache_file(tmp_path / "b", "files")
