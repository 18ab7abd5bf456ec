"""The environment that a command was started in: every read of it by the command line is here, but for click's own."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import gettempdir

__all__ = ["cache_home", "environ", "forbids_colour"]


def environ() -> Mapping[str, str]:
    """All variables: for secrets that a configuration names, and for processes that are started."""
    return os.environ


def cache_home() -> Path:
    """Where the user's caches are kept: $XDG_CACHE_HOME, or ~/.cache; of a user without a home, below /tmp."""
    named = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(named) if named else Path.home() / ".cache"
    except RuntimeError:
        return Path(gettempdir(), f"engine-cache-{os.getuid()}")


def forbids_colour() -> bool:
    """Whether the user wants no colour anywhere ($NO_COLOR, https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))
