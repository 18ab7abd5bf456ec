"""The environment that a command was started in: every read of it by the command line is here, but for click's own."""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["cache_home", "environ", "forbids_colour"]


def environ() -> Mapping[str, str]:
    """All variables: for secrets that a configuration names, and for processes that are started."""
    return os.environ


def cache_home() -> Path | None:
    """Where the user's caches are kept: $XDG_CACHE_HOME, or ~/.cache; None for a user without a home.

    Nowhere then: in a directory that others can write to, somebody else could say what a check has found.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(named) if named else Path.home() / ".cache"
    except RuntimeError:
        return None


def forbids_colour() -> bool:
    """Whether the user wants no colour anywhere ($NO_COLOR, https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))
