import os
from pathlib import Path

import pytest

from engine.cli.cache import DiskCache, cache_file
from engine.cli.environment import cache_home, environ, forbids_colour


def test_caches_are_kept_where_the_user_keeps_them() -> None:
    """$XDG_CACHE_HOME counts unless it is empty or missing; then it is ~/.cache."""
    os.environ["XDG_CACHE_HOME"] = "/var/cache/me"
    assert cache_home() == Path("/var/cache/me")
    os.environ["XDG_CACHE_HOME"] = ""
    assert cache_home() == Path.home() / ".cache"


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user is in no passwd file: commands work, and keep nothing where others could write."""

    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_file(Path("/"), "files") is None
    cache = DiskCache(None)
    cache.put("key", "found")
    cache.save()
    assert cache.get("key") == "found"


@pytest.mark.parametrize(("value", "forbids"), [("1", True), ("", False)])
def test_colour_is_forbidden_by_any_text(value: str, forbids: bool) -> None:
    """https://no-color.org: set and not empty."""
    os.environ["NO_COLOR"] = value
    assert forbids_colour() is forbids


def test_a_variable_is_read_when_it_is_asked_for() -> None:
    """What was set after the import is seen."""
    os.environ["ENGINE_NEW"] = "x"
    assert environ()["ENGINE_NEW"] == "x"
