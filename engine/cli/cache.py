"""Results of earlier checks, kept in a file of the user's cache directory so that the next check is quick."""

import hashlib
import os
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.config.tree import Kind
from engine.errors import Place, Problem, Severity

__all__ = ["DiskCache", "cache_file"]

ALLOWED = {(found.__module__, found.__qualname__): found for found in (Decimal, Kind, Place, Problem, Severity)}
"""All that results are made of, beside plain values: nothing else in a cache file is ever called."""


def cache_file(root: Path) -> Path:
    """Where results for the configuration at *root* are kept: below $XDG_CACHE_HOME, or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    return Path(base) / "engine" / f"{name}.pickle"


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a cache") from None


class DiskCache:
    """A `config.cache.Cache` that is loaded from *file*, and saved with what was used since.

    A file that is missing, damaged or of another make counts as empty, and one that cannot be written is not: a cache
    is never a reason to fail. Saving leaves out what was not asked for, so that a file does not grow.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _loaded(file)
        self._used: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The result kept under *key*; None when there is none."""
        found = self._used.get(key)
        if found is None and (found := self._known.get(key)) is not None:
            self._used[key] = found
        return found

    def put(self, key: str, result: Any) -> None:
        """Keep *result*, which is not None, under *key*."""
        self._used[key] = result

    def save(self) -> None:
        """Write what was used, if it differs from what was loaded; whole or not at all."""
        if self._used.keys() == self._known.keys():
            return
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.write_bytes(pickle.dumps(self._used, protocol=pickle.HIGHEST_PROTOCOL))
            temporary.replace(self._file)
        except OSError:
            temporary.unlink(missing_ok=True)


def _loaded(file: Path) -> dict[str, Any]:
    """What *file* holds; pickle raises nearly anything on damaged bytes, so each kind is named."""
    try:
        with file.open("rb") as stream:
            found = _Unpickler(stream).load()
    except (OSError, pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}
    except (MemoryError, OverflowError, ImportError, UnicodeError):
        return {}
    return found if isinstance(found, dict) else {}
