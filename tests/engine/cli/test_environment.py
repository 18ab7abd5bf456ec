import os
from pathlib import Path

import pytest

from engine.cli.environment import cache_home, environ, forbids_colour


def test_caches_are_kept_where_the_user_keeps_them() -> None:
    """$XDG_CACHE_HOME counts unless it is empty or missing; then it is ~/.cache."""
    os.environ["XDG_CACHE_HOME"] = "/var/cache/me"
    assert cache_home() == Path("/var/cache/me")
    os.environ["XDG_CACHE_HOME"] = ""
    assert cache_home() == Path.home() / ".cache"


@pytest.mark.parametrize(("value", "forbids"), [("1", True), ("", False)])
def test_colour_is_forbidden_by_any_text(value: str, forbids: bool) -> None:
    """https://no-color.org: set and not empty."""
    os.environ["NO_COLOR"] = value
    assert forbids_colour() is forbids


def test_a_variable_is_read_when_it_is_asked_for() -> None:
    """What was set after the import is seen."""
    os.environ["ENGINE_NEW"] = "x"
    assert environ()["ENGINE_NEW"] == "x"
